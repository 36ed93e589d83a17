"""Whether a color picture has the lightness of the gray one that it was made of."""

from itertools import zip_longest

import numpy as np

from koalacli.arrays import Pixels
from koalacli.color.lab import lightness_of
from koalacli.color.strips import strips
from koalacli.errors import OutputError
from koalacli.io.picture.codecs import CODECS
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.scans import Scan

# Largest difference of L* between input and output that rounding explains, by depth.
TOLERANCE = {"uint8": 0.65, "uint16": 0.02}
LOSSY_TOLERANCE = 2.0  # mean difference of L* that lossy codecs may add
ROWS = 256  # of a scan that are compared at once


def compare_lightness(before: Picture, after: Picture, format: str) -> float:
    """Largest difference of L* between two pictures; its mean, and the largest of frames, for lossy formats.

    Args:
        before: as it was read.
        after: as it was written.
        format: key of CODECS that `after` was written in.

    Raises:
        OutputError: the pictures differ by more than writing explains.
    """
    lossless = CODECS[format].keeps_pixels_of(before)
    worst = 0.0
    if len(after.frames) != len(before.frames):
        raise OutputError(f"the output has {len(after.frames)} frames instead of {len(before.frames)}")
    for one, other in zip(before.frames, after.frames, strict=True):
        largest, mean = _difference(one.pixels, other.pixels)
        found = largest if lossless else mean
        depth = "uint16" if one.pixels.dtype == other.pixels.dtype == np.uint16 else "uint8"
        check_difference(found, TOLERANCE[depth] if lossless else LOSSY_TOLERANCE)
        worst = max(worst, found)
    return worst


def compare_scans(before: Scan, after: Scan) -> float:
    """The same for large scans, which are not in memory as a whole."""
    worst = 0.0
    for one, other in zip_longest(before.strips(ROWS), after.strips(ROWS)):
        if one is None or other is None:
            raise OutputError("the output has another size")
        worst = max(worst, _difference(one, other)[0])
    check_difference(worst, TOLERANCE["uint16" if before.dtype == after.dtype == np.uint16 else "uint8"])
    return worst


def check_difference(found: float, allowed: float) -> None:
    """Raises OutputError where lightness differs by more than is allowed."""
    if found > allowed:
        raise OutputError(f"lightness differs by {found:.3f} L*, above {allowed}")


def _difference(before: Pixels, after: Pixels) -> tuple[float, float]:
    """Largest and mean difference of L*."""
    if before.shape[:2] != after.shape[:2]:
        raise OutputError("the output has another size")
    largest, total = 0.0, 0.0
    for rows in strips(*before.shape[:2]):
        difference = np.abs(lightness_of(before[rows]) - lightness_of(after[rows]))
        largest, total = max(largest, float(difference.max())), total + float(difference.sum(dtype=np.float64))
    return largest, total / (before.shape[0] * before.shape[1])
