"""Full-size color in strips of rows: memory is that of a strip, whatever the size of the picture.

A strip's rows are the same whatever strips the picture is cut into, so there are no seams.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.gamut import merge_rgb8, merge_rgb16
from koalacli.color.lab import lightness_of
from koalacli.color.strips import strips
from koalacli.color.upsample import guided_coefficients


class GuidedColor:
    """Small color planes that can be had at full size, a few rows at a time.

    Args:
        color: float32 (h, w, 2), small planes.
        guide: float32 (gh, gw, 1), the lightness that the network saw.
        height, width: of the full size.
    """

    def __init__(self, color: Array, guide: Array, height: int, width: int):
        self.height, self.width = height, width
        slope, offset = guided_coefficients(color, guide)
        self._planes = [*cv2.split(slope), *cv2.split(offset)]

    def rows(self, first: int, lightness: Array) -> tuple[Array, Array]:
        """The two color planes, float32 (n, W) each, of the n rows from `first` on.

        `lightness` is float32 (n, W), L* of those rows.
        """
        small_height = self._planes[0].shape[0]
        # Rows are mixed at the small width, where it costs nothing, then widened.
        position = (np.arange(first, first + len(lightness)) + 0.5) * (small_height / self.height) - 0.5
        position = np.clip(position, 0, small_height - 1)
        low = np.floor(position).astype(np.intp)
        high = np.minimum(low + 1, small_height - 1)
        share = (position - low).astype(np.float32)[:, None]
        done = []
        for plane in self._planes:
            mixed = plane[low] * (1 - share) + plane[high] * share
            done.append(cv2.resize(mixed, (self.width, len(mixed)), interpolation=cv2.INTER_LINEAR))
        for slope, offset in ((done[0], done[2]), (done[1], done[3])):
            slope *= lightness
            slope += offset
        return done[0], done[1]


def merge_rows(color: GuidedColor, first: int, lightness: Array, dtype: Any) -> NDArray[Any]:
    """Join rows of lightness, float32 (n, W, 1), with their color: rgb (n, W, 3) of uint8 or uint16."""
    ab = np.dstack(color.rows(first, lightness[..., 0]))
    return merge_rgb16(lightness, ab) if dtype == np.uint16 else merge_rgb8(lightness, ab)


def merge_color(lightness: Array, guide: Array, ab: Array, dtype: Any = np.uint8) -> NDArray[Any]:
    """Join full-size lightness with small ab.

    Args:
        lightness: float32 (H, W, 1), L* 0..100.
        guide: float32 (gh, gw, 1), the lightness that the network saw.
        ab: float32 (h, w, 2), CIELAB units.
        dtype: uint8 or uint16.

    Returns:
        rgb (H, W, 3) of that dtype, gamma-encoded sRGB, with that lightness.
    """
    return _join(lambda rows: lightness[rows], lightness.shape[:2], guide, ab, dtype)


def colorize_pixels(pixels: NDArray[Any], guide: Array, ab: Array, dtype: Any = np.uint8) -> NDArray[Any]:
    """The same for what a file held: gray (H, W) or rgb (H, W, 3), uint8 or uint16, gamma-encoded sRGB."""
    return _join(lambda rows: lightness_of(pixels[rows]), pixels.shape[:2], guide, ab, dtype)


def _join(
    lightness: Callable[[slice], Array], size: tuple[int, ...], guide: Array, ab: Array, dtype: Any
) -> NDArray[Any]:
    height, width = size
    color = GuidedColor(ab, guide, height, width)
    rgb: NDArray[Any] = np.empty((height, width, 3), dtype)
    for rows in strips(height, width):
        rgb[rows] = merge_rows(color, rows.start, lightness(rows), dtype)
    return rgb


def without_axis(pixels: NDArray[Any]) -> NDArray[Any]:
    """Gray (H, W) where it was (H, W, 1); others as they are."""
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
