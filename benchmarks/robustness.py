"""How much colors depend on what should not matter: input size, mirroring, grain, JPEG, what old film does.

    python benchmarks/robustness.py FOLDER [--weights koala] [--stretch L] [--limit N]

Each color photograph's gray copy is colored as it is and once more after each change. Both
colorings are laid on the lightness of the unchanged copy, at its size, so that only color is
compared. Prints JSON: the mean CIEDE2000 difference over pictures and the 95th percentile of
the pictures' means for every change, and the mean difference between the coloring and gray,
which says how much color there is to differ.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.color.gamut import merge_rgb8
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.color.upsample import enlarge_ab
from koalacli.colorizer import Colorizer
from koalacli.data.pictures import ORTHOCHROMATIC
from koalacli.io.picture.read import read_picture
from koalacli.metrics.pictures import delta_e_2000

GRAIN_SIGMA, JPEG_QUALITY = 5.0, 40  # 8-bit codes; libjpeg's scale
FADED_LOW, FADED_SPAN = 60, 0.5  # black of a faded print in 8-bit codes, and the share of contrast that is left
CORNER = 0.4  # brightness that a vignette leaves in the corners
SCRATCHES_PER_100_COLUMNS = 1


def resized(gray8: Array, factor: float) -> Array:
    """The picture at another size, area-averaged down or cubic up."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(gray8, None, fx=factor, fy=factor, interpolation=method)


def rounded(gray: Array) -> Array:
    """8-bit codes."""
    return np.clip(np.round(gray), 0, 255).astype(np.uint8)


def with_grain(gray8: Array, rgb8: Array) -> Array:
    """Gaussian noise in 8-bit codes, the same for every run."""
    return rounded(gray8 + np.random.default_rng(0).normal(0, GRAIN_SIGMA, gray8.shape))


def faded(gray8: Array, rgb8: Array) -> Array:
    """Little contrast, as in prints that lay in the light."""
    return rounded(FADED_LOW + gray8 * FADED_SPAN)


def vignetted(gray8: Array, rgb8: Array) -> Array:
    """Corners in the dark."""
    down, right = (np.linspace(-1, 1, side) for side in gray8.shape)
    distance = (down[:, None] ** 2 + right**2) / 2
    return rounded(gray8 * (1 - (1 - CORNER) * distance))


def scratched(gray8: Array, rgb8: Array) -> Array:
    """Black and white lines one pixel wide from top to bottom, the same for every run."""
    chance = np.random.default_rng(0)
    columns = chance.integers(0, gray8.shape[1], gray8.shape[1] * SCRATCHES_PER_100_COLUMNS // 100)
    scratched = gray8.copy()
    scratched[:, columns] = chance.choice((0, 255), len(columns))
    return scratched


def orthochromatic(gray8: Array, rgb8: Array) -> Array:
    """As film before 1920 saw it: red is dark, blue is bright."""
    return rounded(rgb8 @ ORTHOCHROMATIC)


def through_jpeg(gray8: Array, rgb8: Array) -> Array:
    """Stored and read again."""
    stored = cv2.imencode(".jpg", gray8, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE)


def same(ab: Array) -> Array:
    """Small ab as it is."""
    return ab


Change = Callable[[Array, Array], Array]  # (gray copy (H, W), color (H, W, 3)), 8 bit -> another gray copy
# change -> what makes the other copy, and what undoes it on the small ab
CHANGES: dict[str, tuple[Change, Callable[[Array], Array]]] = {
    "half size": (lambda gray, rgb: resized(gray, 0.5), same),
    "double size": (lambda gray, rgb: resized(gray, 2.0), same),
    "mirrored": (lambda gray, rgb: gray[:, ::-1], lambda ab: np.ascontiguousarray(ab[:, ::-1])),
    f"grain, sigma {GRAIN_SIGMA:g}": (with_grain, same),
    f"JPEG, quality {JPEG_QUALITY}": (through_jpeg, same),
    "half the contrast": (faded, same),
    "vignette": (vignetted, same),
    "scratches": (scratched, same),
    "orthochromatic film": (orthochromatic, same),
}


def judge(colorizer: Colorizer, rgb8: Array) -> dict[str, float]:
    """Mean difference per change, for one picture."""
    true = lightness_of(rgb8)
    gray8 = merge_rgb8(true, np.zeros((*true.shape[:2], 2), np.float32))[..., 0]
    lightness = lightness_of(gray8)
    guide = colorizer.shrink(lightness)

    def colors(picture: Array, undo: Callable[[Array], Array]) -> Array:
        ab = undo(colorizer.predict([colorizer.shrink(lightness_of(np.ascontiguousarray(picture)))]).ab[0])
        return rgb_to_lab(merge_rgb8(lightness, enlarge_ab(ab, lightness, guide)) / np.float32(255))

    plain = colors(gray8, same)
    gray = plain * np.float32([1, 0, 0])
    differences = {"gray, for comparison": float(delta_e_2000(plain, gray).mean())}
    for name, (change, undo) in CHANGES.items():
        differences[name] = float(delta_e_2000(plain, colors(change(gray8, rgb8), undo)).mean())
    return differences


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="color photographs")
    parser.add_argument("--weights", default="koala")
    parser.add_argument("--stretch", type=float, help="instead of the weights' own")
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    colorizer = Colorizer(given.weights, "cpu", **({} if given.stretch is None else {"stretch": given.stretch}))
    paths = sorted(path for path in given.folder.iterdir() if path.suffix.lower() in (".jpg", ".png", ".webp"))
    rows = [judge(colorizer, read_picture(path).pixels) for path in paths[: given.limit]]
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    result = {
        "benchmark": "robustness",
        "weights": colorizer.weights.digest,
        "stretch": colorizer.read_out.stretch,
        "pictures": len(rows),
        "delta_e_2000": {
            name: {"mean": round(float(values.mean()), 2), "p95": round(float(np.percentile(values, 95)), 2)}
            for name, values in table.items()
        },
        "python": platform.python_version(),
        "opencv": cv2.__version__,
    }
    json.dump(result, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
