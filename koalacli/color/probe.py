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
    place_rows = _between(y, height) @ blur_rows  # how much of the coefficients of each row comes in
    place_columns = _between(x, width) @ blur_columns
    inner, outer = _reach(place_rows, blur_rows), _reach(place_columns, blur_columns)
    near = guide[inner.start : inner.stop, outer.start : outer.stop, 0]
    mean, square = cv2.blur(near, window), cv2.blur(near * near, window)  # wrong only outside of the window's middle
    middle = np.outer(place_rows[inner], place_columns[outer])
    slope = middle * (np.float32(lightness) - mean) / (np.maximum(square - mean**2, 0) + np.float32(EPSILON))
    rows, columns = blur_rows[inner, inner], blur_columns[outer, outer]
    on_guide = rows.T @ (middle - slope * mean) @ columns + near * (rows.T @ slope @ columns)
    cubic_rows = _cubic_matrix(shape[0], height)[inner]
    cubic_columns = _cubic_matrix(shape[1], width)[outer]
    small_rows, small_columns = _present((cubic_rows != 0).any(0)), _present((cubic_columns != 0).any(0))
    weights = cubic_rows[:, small_rows].T @ on_guide @ cubic_columns[:, small_columns]
    return Probe(small_rows, small_columns, weights.astype(np.float32))


def _between(share: float, size: int) -> Array:
    """Weights of the two guide pixels that a full-size pixel lies between, float32 (size,)."""
    position = min(max(share * size - 0.5, 0.0), size - 1.0)
    low = min(int(position), size - 1)
    weights = np.zeros(size, np.float32)
    weights[low] = 1 - (position - low)
    weights[min(low + 1, size - 1)] += position - low
    return weights


def _reach(weights: Array, blur: Array) -> slice:
    """All that the second blur takes in, and as much around it as keeps its means right."""
    needed = _present(np.asarray(((weights @ blur) != 0) | (weights != 0)))
    return slice(max(0, needed.start - RADIUS), min(len(weights), needed.stop + RADIUS))


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
