"""Color at single points of the full size, as weights on the small planes.

Enlarging (see `upsample.py`) is linear in color, so what a full-size pixel gets is a weighted sum of the few
small pixels around it. With the weights known, small planes can be made whose enlargement has a given color there.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.upsample import EPSILON, RADIUS


@dataclass(frozen=True)
class Probe:
    """The weights of one full-size point: planes[..., rows, columns] times `weights`, summed, is its color there."""

    rows: slice
    columns: slice
    weights: Array

    def read(self, planes: Array) -> Array:
        """Color of planes (..., h, w) at the point, float32 (...)."""
        return np.asarray((planes[..., self.rows, self.columns] * self.weights).sum((-2, -1)))


def probe_at(guide: Array, shape: tuple[int, int], x: float, y: float, lightness: float) -> Probe:
    """The weights of a full-size point.

    Args:
        guide: float32 (gh, gw, 1), the lightness that the network saw.
        shape: height and width of the small planes.
        x, y: the point, as shares of width and height.
        lightness: L* of the full-size picture there.
    """
    window = (2 * RADIUS + 1, 2 * RADIUS + 1)
    height, width = guide.shape[:2]
    blur_rows, blur_columns = _blur_matrix(height), _blur_matrix(width)
    inner, place_rows = _place(y, blur_rows)
    outer, place_columns = _place(x, blur_columns)
    near = guide[inner.start : inner.stop, outer.start : outer.stop, 0]
    mean, square = cv2.blur(near, window), cv2.blur(near * near, window)  # wrong only outside of the window's middle
    middle = np.outer(place_rows, place_columns)
    slope = middle * (np.float32(lightness) - mean) / (np.maximum(square - mean**2, 0) + np.float32(EPSILON))
    rows, columns = blur_rows[inner, inner], blur_columns[outer, outer]
    on_guide = rows.T @ (middle - slope * mean) @ columns + near * (rows.T @ slope @ columns)
    cubic_rows = _cubic_matrix(shape[0], height)[inner]
    cubic_columns = _cubic_matrix(shape[1], width)[outer]
    small_rows, small_columns = _present((cubic_rows != 0).any(0)), _present((cubic_columns != 0).any(0))
    weights = cubic_rows[:, small_rows].T @ on_guide @ cubic_columns[:, small_columns]
    return Probe(small_rows, small_columns, weights.astype(np.float32))


def _place(share: float, blur: Array) -> tuple[slice, Array]:
    """What a point takes in along one axis of the guide: all that two blurs reach, and the weights of the second."""
    size = len(blur)
    position = min(max(share * size - 0.5, 0.0), size - 1.0)  # between two pixels of the guide
    low = min(int(position), size - 1)
    down = np.float32(position - low)
    reach = slice(max(0, low - 2 * RADIUS), min(size, low + 2 + 2 * RADIUS))
    return reach, (1 - down) * blur[low, reach] + down * blur[min(low + 1, size - 1), reach]


def _present(mask: NDArray[np.bool_]) -> slice:
    found = np.flatnonzero(mask)
    return slice(int(found[0]), int(found[-1]) + 1)


@functools.lru_cache(maxsize=64)
def _blur_matrix(size: int) -> Array:
    """The box filter along one axis, borders included, as a matrix."""
    return np.asarray(cv2.blur(np.eye(size, dtype=np.float32), (1, 2 * RADIUS + 1)))


@functools.lru_cache(maxsize=64)
def _cubic_matrix(small: int, large: int) -> Array:
    """Cubic enlargement along one axis as a matrix (large, small)."""
    return np.asarray(cv2.resize(np.eye(small, dtype=np.float32), (small, large), interpolation=cv2.INTER_CUBIC))
