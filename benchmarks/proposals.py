"""Whether several proposals hold more of the truth than chance would.

    python benchmarks/proposals.py PLACE [--pictures 64] [--count 4] [--seeds 20]

PLACE is a folder or a tar shard of color photographs; the first ones by name are taken. As JSON on standard output:

- ab error: mean distance of small ab from the truth (CIELAB units, at the network's output size) of the usual color;
  of the best of the proposals; and of the best of as many color casts, mean over seeds: the usual color, and with one
  offset per picture at the same mean distance as each proposal has from it, into random directions.
- apart: mean ΔE between the two nearest proposals; proposals: how many there were; better: share of the pictures in
  which the best proposal beats the best cast.
- seconds: what proposals take per picture, beside those for the usual color alone.
"""

import argparse
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.control.proposals import difference
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import read_picture


def photographs(place: Path) -> Iterator[Pixels]:
    """Color pictures, uint8 (H, W, 3), by name."""
    if place.is_dir():
        for path in sorted(path for path in place.iterdir() if codec_of(path)):
            yield read_picture(path).pixels
        return
    with tarfile.open(place) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            file = archive.extractfile(member) if codec_of(Path(member.name)) else None
            if file:
                yield read_picture(file.read(), member.name).pixels


def measure(pixels: Pixels, colorizer: Colorizer, count: int, seeds: int) -> dict[str, float]:
    """Figures of one picture."""
    lightness = lightness_of(pixels)
    guide = colorizer.shrink(lightness)
    started = time.process_time()
    colorizer.predict([guide])
    usual = time.process_time()
    found = colorizer.propose_colors([guide], count)[0]
    ended = time.process_time()
    size = (found[0].ab.shape[1], found[0].ab.shape[0])
    true = rgb_to_lab(pixels.astype(np.float32) / np.float32(255))[..., 1:]
    true = cv2.resize(true, size, interpolation=cv2.INTER_AREA)
    errors = [difference(one.ab, true) for one in found]
    spread = [difference(one.ab, found[0].ab) for one in found[1:]]
    casts = [best_cast(found[0].ab, true, spread, np.random.default_rng(seed)) for seed in range(seeds)]
    return {
        "usual": errors[0],
        "best proposal": min(errors),
        "best cast": float(np.mean(casts)),
        "apart": min((one.apart for one in found), default=0.0),
        "proposals": len(found),
        "better": float(min(errors) < np.mean(casts)),
        "seconds, usual": usual - started,
        "seconds, proposals": ended - usual,
    }


def best_cast(ab: Array, true: Array, spread: list[float], rng: np.random.Generator) -> float:
    """Error of the best of the usual color and of random casts on it."""
    casts = [np.zeros(2, np.float32)]
    for size in spread:
        turn = rng.uniform(0, 2 * np.pi)
        casts.append(np.float32(size) * np.array([np.cos(turn), np.sin(turn)], np.float32))
    return min(difference(ab + cast, true) for cast in casts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", type=Path)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=20)
    asked = parser.parse_args()
    colorizer = Colorizer(device="cpu")
    rows = []
    for pixels in photographs(asked.place):
        if pixels.ndim == 3:
            rows.append(measure(pixels, colorizer, asked.count, asked.seeds))
        if len(rows) == asked.pictures:
            break
    means = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}
    print(json.dumps({"pictures": len(rows), **means}, indent=1))
