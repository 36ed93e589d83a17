"""Floors: what hints give without a network, from lightness and place alone. Hints have to do better than these."""

import numpy as np

from koalacli.arrays import Array

LIGHTNESS_REACH = 0.5  # short sides that a difference of 100 L* counts as
LEAST_VARIANCE = 1e-4  # of lightness 0..1 around a pixel: less is noise
SHARPNESS = 0.6  # 2σ² as a share of that variance, as in the program that the authors gave out


def nearest_point(lightness: Array, points: Array, colors: Array) -> Array:
    """Each pixel takes the color of the point that is nearest by place and lightness.

    Args:
        lightness: float32 (h, w), L* 0..100.
        points: int (N, 2), row and column.
        colors: float32 (N, 2), ab in CIELAB units.

    Returns:
        float32 (h, w, 2).
    """
    height, width = lightness.shape
    rows, columns = np.indices((height, width), np.float32) / np.float32(min(height, width))
    level = lightness / np.float32(100 / LIGHTNESS_REACH)
    pixels = np.stack([rows, columns, level], -1).reshape(-1, 3)
    chosen = pixels[points[:, 0] * width + points[:, 1]]
    distance = np.square(pixels[:, None] - chosen[None]).sum(-1)
    return np.asarray(colors[distance.argmin(1)]).reshape(height, width, 2)


def spread_by_lightness(lightness: Array, points: Array, colors: Array) -> Array:
    """Levin, Lischinski, Weiss, "Colorization using Optimization" (2004): neighbors alike in lightness share a color.

    Every pixel but the points is the mean of its eight neighbors, weighed by exp(-(ΔL)² / 2σ²) with σ² from the
    variance of L around it. A row of pixels depends on the two next to it alone, so the system is block tridiagonal
    and is solved exactly, a row at a time. Arguments and result as in `nearest_point`.
    """
    turned = lightness.shape[1] > lightness.shape[0]  # the blocks are as wide as the rows: take the short ones
    if turned:
        return spread_by_lightness(np.ascontiguousarray(lightness.T), points[:, ::-1], colors).transpose(1, 0, 2)
    height, width = lightness.shape
    weights = _neighbor_weights(lightness / np.float32(100))
    known = np.zeros((height, width, 2))
    weights[points[:, 0], points[:, 1]] = 0
    known[points[:, 0], points[:, 1]] = colors
    # Down: each row as a function of the row below it, x[row] = gain[row] @ x[row + 1] + offset[row].
    gains, offsets = np.zeros((height, width, width)), np.zeros((height, width, 2))
    for row in range(height):
        above, own, below = (_band(weights[row, :, 3 * part : 3 * part + 3]) for part in range(3))
        system = np.eye(width) - own
        right = known[row].copy()
        if row:
            system -= above @ gains[row - 1]
            right += above @ offsets[row - 1]
        solved = np.linalg.solve(system, np.concatenate([below, right], 1))
        gains[row], offsets[row] = solved[:, :width], solved[:, width:]
    color = np.zeros((height, width, 2))
    color[-1] = offsets[-1]
    for row in range(height - 2, -1, -1):
        color[row] = gains[row] @ color[row + 1] + offsets[row]
    return color.astype(np.float32)


def _neighbor_weights(level: Array) -> Array:
    """Weights of the 3x3 neighbors of each pixel, in reading order, 0 for itself: float64 (h, w, 9), sums of 1."""
    height, width = level.shape
    padded = np.pad(level.astype(np.float64), 1, constant_values=np.nan)
    around = np.stack([padded[r : r + height, c : c + width] for r in range(3) for c in range(3)], -1)
    variance = np.maximum(np.nanvar(around, -1), LEAST_VARIANCE)[..., None]
    weights = np.nan_to_num(np.exp(-np.square(around - level[..., None]) / (SHARPNESS * variance)), nan=0.0)
    weights[..., 4] = 0
    weights += 1e-9 * (~np.isnan(around) & (np.arange(9) != 4))  # a pixel unlike all of its neighbors has some, too
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def _band(weights: Array) -> Array:
    """Matrix (w, w) with the weights (w, 3) of the left, same and right column around its diagonal."""
    width = len(weights)
    return np.asarray(
        np.diag(weights[1:, 0], -1) + np.diag(weights[:, 1]) + np.diag(weights[: width - 1, 2], 1), np.float64
    )
