"""Fit the numbers of the `picture` scope in koalacli/control/kernel.py on training photographs.

python tools/fit_hint_kernel.py --pictures 260 train-00.tar train-01.tar ...

In every photograph some pixels are hints and some are asked for; what is made small is the mean logarithm of the
squared error in ab, over photographs and over 1, 5, 10, 20 and 50 hints, which is what PSNR averages. The search is
random steps on logarithms of the numbers, with a fixed seed. The gain is given (--gain): freed, it falls to 0.43 for
0.05 dB, and a picture of which little is known would be grayer for that.
"""

import argparse
from dataclasses import dataclass, replace

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.control.kernel import FAR, SCOPES, Places, Scope, kernel
from koalacli.data.sources import find_samples, read_sample
from koalacli.io.picture.codecs import to_rgb8
from koalacli.io.picture.read import read_picture
from koalacli.metrics.pictures import mean_chroma

COUNTS = (1, 5, 10, 20, 50)
ASKED, STEPS, LEAST_CHROMA = 150, 250, 3.0


@dataclass(frozen=True)
class Photographs:
    """Sampled pixels of all photographs: the ones asked for (B, ASKED, ...) and hints (B, 50, ...), with true ab."""

    asked: Places
    hints: Places
    asked_ab: Array
    hint_ab: Array


def sample_pictures(shards: list[str], count: int, rng: np.random.Generator) -> Photographs:
    """Pixels of every n-th photograph of the shards."""
    colorizer = Colorizer()
    found = find_samples(shards)
    rows = []
    for sample in found[:: max(1, len(found) // count)]:
        rgb8 = to_rgb8(read_picture(read_sample(sample), sample.name).pixels)
        guide = colorizer.shrink(lightness_of(rgb8))
        said = colorizer.predict([guide], features=True)
        assert said.features is not None
        size = (said.ab.shape[2], said.ab.shape[1])
        lab = cv2.resize(rgb_to_lab(rgb8 / np.float32(255)), size, interpolation=cv2.INTER_AREA)
        if mean_chroma(lab[..., 1:]) < LEAST_CHROMA:
            continue
        places = Places.of(said.features[0], lab[..., 0], said.ab[0])
        chosen = rng.choice(lab[..., 0].size, ASKED + max(COUNTS), replace=False)
        planes = [*(getattr(places, name) for name in Places.__dataclass_fields__), lab[..., 1:]]
        rows.append([plane.reshape(lab[..., 0].size, *plane.shape[2:])[chosen] for plane in planes])
    *columns, ab = (np.stack(column) for column in zip(*rows, strict=True))
    asked, hints = (Places(*(column[:, part] for column in columns)) for part in (slice(ASKED), slice(ASKED, None)))
    return Photographs(asked, hints, ab[:, :ASKED], ab[:, ASKED:])


def score(scope: Scope, pictures: Photographs) -> list[float]:
    """Mean of 10 log10 of the squared error, by the number of hints."""
    reach, shared = kernel(scope, pictures.asked, pictures.hints), kernel(scope, pictures.hints, pictures.hints)
    guess = scope.gain * pictures.asked.ab
    missing = (pictures.hint_ab - scope.gain * pictures.hints.ab).astype(np.float64)
    found = []
    for count in COUNTS:
        known = shared[:, :count, :count].astype(np.float64) + scope.spot * np.eye(count)
        parts = np.linalg.solve(known, missing[:, :count]).astype(np.float32)
        error = np.square(guess + reach[:, :, :count] @ parts - pictures.asked_ab).mean((1, 2))
        found.append(float(10 * np.log10(error + 1).mean()))
    return found


def vary(scope: Scope, rng: np.random.Generator, width: float) -> Scope:
    """The same with a few numbers multiplied by factors around 1."""

    def moved(value: float) -> float:
        return value if value in (0, FAR) or rng.random() > 0.3 else float(value * np.exp(rng.normal(0, width)))

    parts = tuple(
        replace(part, **{name: moved(getattr(part, name)) for name in ("weight", "features", "place", "lightness")})
        for part in scope.parts
    )
    return replace(scope, parts=parts, chroma=moved(scope.chroma), spot=moved(scope.spot))


def fit(scope: Scope, pictures: Photographs, rng: np.random.Generator) -> Scope:
    """Random descent; steps shorten as fewer of them succeed."""
    best, width = np.mean(score(scope, pictures)), 0.3
    for _ in range(STEPS):
        tried = vary(scope, rng, width)
        found = np.mean(score(tried, pictures))
        width = min(0.5, width * 1.3) if found < best else max(0.03, width * 0.97)
        scope, best = (tried, found) if found < best else (scope, best)
    return scope


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", nargs="+")
    parser.add_argument("--pictures", type=int, default=260)
    parser.add_argument("--gain", type=float, default=SCOPES["picture"].gain)
    parser.add_argument("--check", help="shard whose photographs are only measured")
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    pictures = sample_pictures(given.shards, given.pictures, rng)
    fitted = fit(replace(SCOPES["picture"], gain=given.gain), pictures, rng)
    print(fitted)
    held = sample_pictures([given.check], given.pictures, rng) if given.check else pictures
    for name, scope in (("without hints", None), ("as it stands", SCOPES["picture"]), ("fitted", fitted)):
        if scope is None:
            error = np.square(held.asked.ab - held.asked_ab).mean((1, 2))
            print(name, round(float(10 * np.log10(error + 1).mean()), 2))
        else:
            print(name, dict(zip(COUNTS, np.round(score(scope, held), 2).tolist(), strict=True)))
