"""What the read-out alone can do: the same weights read in different ways.

    python benchmarks/read_outs.py FOLDER [--weights koala] [--limit N]

Gray copies of color photographs are colored with every entry of READ_OUTS and compared as by
`koala eval`; what an entry does not say is the weights' own read-out. Several views of a picture
(other sizes, mirrored) are averaged, alike or by how sure the network is at each place. Damping
multiplies color by a factor that falls with the spread of each pixel's own distribution. Paler
colors err less, so every entry is judged a second time, a little paler, and its figures on the
line through both, at the colorfulness of the first entry, stand beside. Prints JSON.
"""

import argparse
import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np

from koalacli.arrays import Array, Rgb8
from koalacli.color.join import merge_color
from koalacli.color.lab import lightness_of
from koalacli.colorizer import Colorizer
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import read_picture
from koalacli.metrics.comparison import Comparison, View
from koalacli.metrics.results import pool
from koalacli.metrics.table import METRICS

SHOWN = ("psnr", "delta_e", "auc_rebalanced", "colorfulness_gap")
COLUMNS = ("psnr", "delta_e", "auc", "colorfulness", "colorfulness_reference", "chroma", "chroma_reference")
PALER = 0.9  # of the saturation, at the second judgment
# Factor on chroma by spread in CIELAB units: a line through the factors that fit validation photographs best.
DAMPING_AT_ZERO, DAMPING_SLOPE = 1.05, -0.013
SURENESS = 3.0  # weight of a view: logistic of this times the difference of the entropies, in nats
SURENESS_BLUR = 2.0  # standard deviation of the filter on that difference, places of ab


@dataclass(frozen=True)
class Reading:
    """One way to read colors; None is the weights' own.

    Attributes:
        sizes: views by short side of what the network sees; the first one's guide is used for joining.
        mirrored: each view a second time, mirrored, both averaged.
        surest: of two sizes, the one counts more that is surer at a place; otherwise both alike.
        damped: see above.
        method, vividness, saturation, stretch: of `settings.ReadOut`.
    """

    sizes: tuple[int, ...] = (192,)
    mirrored: bool = False
    surest: bool = False
    damped: bool = False
    method: str | None = None
    vividness: float | None = None
    saturation: float | None = None
    stretch: float | None = None


READ_OUTS: dict[str, Reading] = {
    "as shipped": Reading(),
    "annealed mean": Reading(method="annealed-mean"),
    "vividness 1": Reading(vividness=1.0),
    "vividness 0.3": Reading(vividness=0.3),
    "saturation 0.9": Reading(saturation=0.9),
    "saturation 1.2": Reading(saturation=1.2),
    "contrast as it is": Reading(stretch=0.0),
    "contrast of at least 90": Reading(stretch=90.0),
    "size 160": Reading(sizes=(160,)),
    "size 256": Reading(sizes=(256,)),
    "size 320": Reading(sizes=(320,)),
    "mirrored and averaged": Reading(mirrored=True),
    "sizes 320 and 192": Reading(sizes=(320, 192)),
    "sizes 320 and 192, the surer one": Reading(sizes=(320, 192), surest=True),
    "damped": Reading(damped=True),
}


class Reader:
    """Views of pictures, each network built once."""

    def __init__(self, weights: str):
        self.weights = weights
        self.colorizers: dict[tuple[object, ...], Colorizer] = {}

    def colorizer(self, reading: Reading, size: int) -> Colorizer:
        """A colorizer of saturation 1."""
        key = size, reading.method, reading.vividness, reading.stretch
        if key not in self.colorizers:
            own = {"method": reading.method, "vividness": reading.vividness, "stretch": reading.stretch}
            self.colorizers[key] = Colorizer(self.weights, "cpu", size=size, saturation=1.0, **own)  # type: ignore[arg-type]
        return self.colorizers[key]

    def view(self, reading: Reading, size: int, lightness: Array) -> tuple[Array, Array, Array]:
        """guide (gh, gw, 1), ab (h, w, 2) and bin_probs (h, w, Q) of one size."""
        colorizer = self.colorizer(reading, size)
        guide = colorizer.shrink(lightness)
        guides = [guide, np.ascontiguousarray(guide[:, ::-1])] if reading.mirrored else [guide]
        said = colorizer.predict(guides, bin_probs=True)
        assert said.bin_probs is not None
        ab, bin_probs = said.ab[0], said.bin_probs[0]
        if reading.mirrored:
            ab, bin_probs = (ab + said.ab[1][:, ::-1]) / 2, (bin_probs + said.bin_probs[1][:, ::-1]) / 2
        return guide, ab, bin_probs

    def read(self, reading: Reading, lightness: Array) -> tuple[Array, Array]:
        """guide and ab of a picture."""
        guide, ab, bin_probs = self.view(reading, reading.sizes[0], lightness)
        for size in reading.sizes[1:]:
            _, other, others = self.view(reading, size, lightness)
            share = _sureness(bin_probs, others) if reading.surest else np.float32(0.5)
            ab = share * ab + (1 - share) * _enlarge(other, ab)
        if reading.damped:
            bins = self.colorizer(reading, reading.sizes[0]).weights.network.tables["gamut_bins"]
            spread = np.sqrt(bin_probs @ np.square(bins).sum(1) - np.square(bin_probs @ bins).sum(-1))
            ab = ab * (DAMPING_AT_ZERO + DAMPING_SLOPE * spread)[..., None]
        return guide, ab.astype(np.float32)


def _sureness(bin_probs: Array, others: Array) -> Array:
    """Share (h, w, 1) of the first of two views, 0..1."""
    entropy, other = (-(probs * np.log(probs + 1e-12)).sum(-1, keepdims=True) for probs in (bin_probs, others))
    lead = cv2.GaussianBlur(_enlarge(other, entropy) - entropy, (0, 0), SURENESS_BLUR)[..., None]
    return np.asarray(1 / (1 + np.exp(-SURENESS * lead)), np.float32)


def _enlarge(planes: Array, like: Array) -> Array:
    """Planes (h, w, C) at the size of others."""
    return cv2.resize(planes, (like.shape[1], like.shape[0])).reshape(*like.shape[:2], -1)


def measure(folder: Path, weights: str, limit: int | None) -> tuple[dict[str, dict[str, float]], int, str]:
    """Figures of all entries, plain and paler; how many pictures; digest of the weights."""
    reader = Reader(weights)
    own = Colorizer(weights, "cpu").read_out.saturation
    judged = {(name, paler): ([], []) for name in READ_OUTS for paler in (1.0, PALER)}  # type: ignore[var-annotated]
    paths = sorted(path for path in folder.iterdir() if codec_of(path))[:limit]
    for path in paths:
        reference = View(read_picture(path).pixels)
        lightness = lightness_of(reference.rgb8)
        for name, reading in READ_OUTS.items():
            guide, ab = reader.read(reading, lightness)
            for paler in (1.0, PALER):
                made: Rgb8 = merge_color(
                    lightness, guide, ab * np.float32(paler * (reading.saturation or own)), np.uint8
                )
                pair = Comparison(reference, View(made))
                rows, credits = judged[name, paler]
                rows.append({column: METRICS[column].measure(pair) for column in COLUMNS})
                credits.append(pair.credit_by_bin())
    found = {key: pool(rows, credits) for key, (rows, credits) in judged.items()}
    figures = {
        name: {
            key + suffix: found[name, paler][key].value
            for paler, suffix in ((1.0, ""), (PALER, "_paler"))
            for key in SHOWN
        }
        for name in READ_OUTS
    }
    return figures, len(paths), reader.colorizer(Reading(), 192).weights.digest


def at_colorfulness(row: dict[str, float], gap: float) -> dict[str, float]:
    """Figures where the line through both judgments has this colorfulness gap."""
    share = (gap - row["colorfulness_gap"]) / (row["colorfulness_gap_paler"] - row["colorfulness_gap"])
    return {key: row[key] + share * (row[f"{key}_paler"] - row[key]) for key in SHOWN[:-1]}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """To two digits."""
    return {key: round(value, 2) for key, value in figures.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="color photographs")
    parser.add_argument("--weights", default="koala")
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    figures, pictures, digest = measure(given.folder, given.weights, given.limit)
    gap = figures["as shipped"]["colorfulness_gap"]
    result = {
        "benchmark": "read_outs",
        "weights": digest,
        "pictures": pictures,
        "figures": {name: rounded({key: row[key] for key in SHOWN}) for name, row in figures.items()},
        "at_equal_colorfulness": {name: rounded(at_colorfulness(row, gap)) for name, row in figures.items()},
        "python": platform.python_version(),
        "keras": keras.__version__,
    }
    json.dump(result, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
