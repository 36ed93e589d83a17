"""Quality of weights on a folder of color photographs: gray copies with the same L*, colored, compared.

    python benchmarks/quality.py FOLDER [--weights koala] [--size 192] [--vividness 0.5] [--saturation 1] [--mirror]

Prints JSON: every figure with its 95% interval, the floors beside it, the read-out and the environment.
"""

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from koalacli.color import upsample
from koalacli.color.lab import Array, lightness_of
from koalacli.colorizer import Colorizer
from koalacli.metrics import measure
from koalacli.metrics.comparison import Comparison, View
from koalacli.metrics.floors import MeanColor, floor_pictures, load_lookup
from koalacli.metrics.pictures import Rgb8
from koalacli.metrics.pooling import pool
from koalacli.model.weights import weights_folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", default="koala")
    parser.add_argument("--size", type=int)
    parser.add_argument("--vividness", type=float)
    parser.add_argument("--saturation", type=float)
    parser.add_argument("--mirror", action="store_true", help="average with the colors of the mirrored picture")
    parser.add_argument("--radius", type=int, default=upsample.RADIUS)
    parser.add_argument("--epsilon", type=float, default=upsample.EPSILON)
    given = parser.parse_args()
    upsample.RADIUS, upsample.EPSILON = given.radius, given.epsilon
    settings = {key: value for key in ("size", "vividness", "saturation") if (value := getattr(given, key)) is not None}
    colorizer = Colorizer(given.weights, **settings)
    start = time.perf_counter()
    figures = evaluate(given.folder, colorizer, mirror=given.mirror)
    environment = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.processor()}
    read_out = {**asdict(colorizer.read_out), "mirror": given.mirror, "radius": given.radius, "epsilon": given.epsilon}
    seconds = round(time.perf_counter() - start, 1)
    json.dump({"figures": figures, "read_out": read_out, "seconds": seconds, "environment": environment}, sys.stdout, indent=1)
    sys.stdout.write("\n")


def evaluate(folder: Path, colorizer: Colorizer, *, mirror: bool) -> dict[str, dict[str, dict[str, float]]]:
    """Figures of the floors and of the weights."""
    references = [read_rgb8(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    mean = MeanColor()
    for rgb8 in references:
        mean.add(View(rgb8).lab)
    lookup = load_lookup(weights_folder() / "floor_lookup.json")
    rows: dict[str, list[Any]] = {}
    credits: dict[str, list[Any]] = {}
    for rgb8 in references:
        lightness = lightness_of(rgb8)
        predictions = {**floor_pictures(lightness, mean.value(), lookup), "koala": colorize(colorizer, lightness, mirror)}
        reference = View(rgb8)
        for name, prediction in predictions.items():
            comparison = Comparison(reference, View(prediction))
            rows.setdefault(name, []).append(measure(comparison))
            credits.setdefault(name, []).append(comparison.credit_by_bin())
    figures = {name: pool(rows[name], credits[name]) for name in rows}
    return {name: {key: asdict(figure) for key, figure in row.items()} for name, row in figures.items()}


def colorize(colorizer: Colorizer, lightness: Array, mirror: bool) -> Rgb8:
    """Prediction for one lightness, optionally averaged with the mirrored picture's."""
    guide = colorizer.shrink(lightness)
    if not mirror:
        return colorizer.merge(lightness, guide, colorizer.predict_ab(guide[None])[0])
    ab, mirrored = colorizer.predict_ab(np.stack([guide, guide[:, ::-1]]))
    return colorizer.merge(lightness, guide, (ab + mirrored[:, ::-1]) / 2)


def read_rgb8(path: Path) -> Rgb8:
    """One photograph."""
    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])


if __name__ == "__main__":
    main()
