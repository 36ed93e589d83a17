"""What a reference in color is worth.

    python benchmarks/references.py FOLDER|SHARD.tar [--pictures 24] [--strength 0.5]

As JSON on standard output, mean error of small ab against the truth (CIELAB units, at the network's output size):
without a reference; with another print of the same shot (its color copy, cropped by 3% and a little brighter); with
its color copy mirrored; with its palette alone; with the picture before it by name, which in shards of many sources is
often another scene;
and, as a floor, with the mean color of that reference on every pixel. `how` counts what the references were taken for.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from proposals import photographs

from koalacli.arrays import Pixels
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.control.palette import Palette
from koalacli.control.proposals import difference
from koalacli.control.references import STRENGTH


def other_print(pixels: Pixels) -> Pixels:
    """The same shot, cropped and brighter."""
    height, width = pixels.shape[:2]
    inner = pixels[round(0.03 * height) : round(0.98 * height), round(0.02 * width) : round(0.97 * width)]
    return np.asarray(cv2.LUT(inner, (255 * (np.arange(256) / 255) ** 0.85).astype(np.uint8)))


def measure(
    pixels: Pixels, before: Pixels, colorizer: Colorizer, strength: float
) -> tuple[dict[str, float], list[str]]:
    """Errors of one picture, and what each reference was taken for."""
    guide = colorizer.shrink(lightness_of(pixels))
    ab = colorizer.predict([guide]).ab[0]
    true = rgb_to_lab(pixels.astype(np.float32) / np.float32(255))[..., 1:]
    true = cv2.resize(true, (ab.shape[1], ab.shape[0]), interpolation=cv2.INTER_AREA)
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    errors, taken = {"without": difference(ab, true)}, []
    for name, rgb in (("other print", other_print(pixels)), ("mirrored", mirrored), ("picture before", before)):
        reference = colorizer.look_at_reference(rgb)
        made, how = colorizer.follow_reference(guide, reference, strength)
        errors[name] = difference(made, true)
        taken.append(f"{name}: {'same shot' if 'same shot' in how else 'palette and matches'}")
    palette = Palette.of_ab(true)
    errors["own palette"] = difference(colorizer.follow_palette(guide, palette, strength), true)
    mean = np.broadcast_to(reference.places.ab.mean((0, 1)), true.shape)
    return errors | {"floor: mean of the picture before": difference(mean, true)}, taken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", type=Path)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--strength", type=float, default=STRENGTH)
    asked = parser.parse_args()
    colorizer = Colorizer(device="cpu")
    rows, how, before = [], Counter[str](), None
    for pixels in photographs(asked.place):
        if pixels.ndim == 3 and before is not None:
            errors, taken = measure(pixels, before, colorizer, asked.strength)
            rows.append(errors)
            how.update(taken)
        before = pixels if pixels.ndim == 3 else before
        if len(rows) == asked.pictures:
            break
    means = {name: round(float(np.mean([row[name] for row in rows])), 2) for name in rows[0]}
    print(json.dumps({"pictures": len(rows), "error": means, "how": how}, indent=1))
