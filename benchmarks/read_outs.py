"""What the read-out alone can do: the same weights read in different ways.

    python benchmarks/read_outs.py FOLDER [--weights koala] [--limit N]

Gray copies of color photographs are colored with every entry of READ_OUTS and compared as by
`koala eval`; all but the first have saturation 1 unless they say another one. Several views of a
picture (other sizes, mirrored) are averaged as log probabilities. Damping multiplies color by a
factor that falls with the spread of each pixel's own distribution. Prints JSON.
"""

import argparse
import json
import platform
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import keras
import numpy as np

from koalacli.arrays import Array
from koalacli.color.gamut import merge_rgb8
from koalacli.color.lab import lightness_of
from koalacli.color.levels import stretch_levels
from koalacli.color.upsample import enlarge_ab
from koalacli.colorizer import Colorizer
from koalacli.io.picture.read import read_picture
from koalacli.metrics.comparison import Comparison, View
from koalacli.metrics.results import pool
from koalacli.metrics.table import METRICS

SHOWN = ("psnr", "delta_e", "auc_rebalanced", "colorfulness_gap")
COLUMNS = ("psnr", "delta_e", "auc", "colorfulness", "colorfulness_reference", "chroma", "chroma_reference")
# Factor on chroma by spread in CIELAB units: a line through the factors that fit validation photographs best.
DAMPING_AT_ZERO, DAMPING_SLOPE = 1.05, -0.013


@dataclass(frozen=True)
class Reading:
    """One way to read colors from the network's logits."""

    sizes: tuple[int, ...] = (192,)
    mirrored: bool = False
    temperature: float = 0.5
    saturation: float = 1.0
    damped: bool = False
    stretch: float = 80.0


PLAIN = Reading()
MANY_VIEWS = Reading(sizes=(160, 224, 288), mirrored=True)
READ_OUTS: dict[str, Reading] = {
    "as shipped": replace(PLAIN, saturation=0.97),
    "saturation 1": PLAIN,
    "temperature 1": replace(PLAIN, temperature=1.0),
    "temperature 0.3": replace(PLAIN, temperature=0.3),
    "saturation 0.85": replace(PLAIN, saturation=0.85),
    "saturation 1.15": replace(PLAIN, saturation=1.15),
    "size 160": replace(PLAIN, sizes=(160,)),
    "size 256": replace(PLAIN, sizes=(256,)),
    "contrast as it is": replace(PLAIN, stretch=0.0),
    "contrast of at least 90": replace(PLAIN, stretch=90.0),
    "mirrored and averaged": replace(PLAIN, mirrored=True),
    "six views": MANY_VIEWS,
    "six views, temperature 0.3": replace(MANY_VIEWS, temperature=0.3),
    "damped": replace(PLAIN, damped=True),
    "damped, saturation 1.2": replace(PLAIN, damped=True, saturation=1.2),
    "damped, saturation 1.4": replace(PLAIN, damped=True, saturation=1.4),
}


class Reader:
    """Logits of one picture, each view computed once."""

    def __init__(self, colorizers: dict[int, Colorizer], lightness: Array):
        self.colorizers, self.lightness = colorizers, lightness
        self.known: dict[tuple[int, bool, float], Array] = {}

    def log_probs(self, size: int, mirrored: bool, stretch: float) -> Array:
        """float32 (h, w, Q)."""
        view = size, mirrored, stretch
        if view not in self.known:
            colorizer = self.colorizers[size]
            guide = stretch_levels(colorizer.shrink(self.lightness), stretch)[None]
            seen = np.ascontiguousarray(guide[:, :, ::-1] if mirrored else guide)
            logits = np.asarray(colorizer.weights.network.model(seen, training=False))[0]
            self.known[view] = _log_softmax(logits[:, ::-1] if mirrored else logits)
        return self.known[view]

    def rgb8(self, reading: Reading) -> Array:
        """The picture colored by one reading."""
        base = self.colorizers[192].shrink(self.lightness)
        size = (base.shape[1] // 4, base.shape[0] // 4)
        views = [(side, flip) for side in reading.sizes for flip in (False, True)[: 1 + reading.mirrored]]
        log_probs = sum(_resize(self.log_probs(*view, reading.stretch), size) for view in views) / len(views)
        bins = np.asarray(self.colorizers[192].weights.network.tables["gamut_bins"], np.float32)
        ab = np.exp(_log_softmax(log_probs / reading.temperature)) @ bins * reading.saturation
        if reading.damped:
            probs = np.exp(_log_softmax(log_probs))
            spread = np.sqrt(probs @ np.square(bins).sum(1) - np.square(probs @ bins).sum(-1))
            ab = ab * (DAMPING_AT_ZERO + DAMPING_SLOPE * spread)[..., None]
        return merge_rgb8(self.lightness, enlarge_ab(ab.astype(np.float32), self.lightness, base))


def _log_softmax(logits: Array) -> Array:
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def _resize(planes: Array, size: tuple[int, int]) -> Array:
    by_bin = np.moveaxis(planes, -1, 0)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in by_bin], -1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="color photographs")
    parser.add_argument("--weights", default="koala")
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    sizes = sorted({size for reading in READ_OUTS.values() for size in reading.sizes})
    colorizers = {size: Colorizer(given.weights, "cpu", size=size) for size in sizes}
    paths = sorted(path for path in given.folder.iterdir() if path.suffix.lower() in (".jpg", ".png", ".webp"))
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in READ_OUTS}
    credits: dict[str, list] = {name: [] for name in READ_OUTS}
    for path in paths[: given.limit]:
        reference = View(read_picture(path).pixels)
        reader = Reader(colorizers, lightness_of(reference.rgb8))
        for name, reading in READ_OUTS.items():
            pair = Comparison(reference, View(reader.rgb8(reading)))
            rows[name].append({column: METRICS[column].measure(pair) for column in COLUMNS})
            credits[name].append(pair.credit_by_bin())
    figures = {name: pool(rows[name], credits[name]) for name in READ_OUTS}
    result = {
        "benchmark": "read_outs",
        "weights": colorizers[192].weights.digest,
        "pictures": len(rows["as shipped"]),
        "figures": {name: {key: round(found[key].value, 2) for key in SHOWN} for name, found in figures.items()},
        "python": platform.python_version(),
        "keras": keras.__version__,
    }
    json.dump(result, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
