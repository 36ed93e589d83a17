"""Bins over the ab plane, soft encoding and its read-out.

The bins and their words come from Zhang, Isola, Efros, "Colorful Image Colorization"
(ECCV 2016). Soft encoding differs: four nearest grid points with bilinear weights, so that
the expectation over the bins is exactly the color that was encoded.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.lab import rgb_to_lab

BIN_STEP = 10  # CIELAB units between neighboring bins
UNIFORM_SHARE = 0.5  # of the uniform distribution in the smoothed prior (Zhang et al. 2016, lambda)


@functools.cache
def gamut_bins() -> Array:
    """Corners of every 10-unit cell of the ab plane that holds an 8-bit sRGB color; float32 (Q, 2), sorted."""
    # A solid and its surface cast the same shadow: the six faces of the cube are enough.
    levels = np.arange(256, dtype=np.float32) / 255
    u, v = (plane.ravel() for plane in np.meshgrid(levels, levels))
    faces = [np.insert(np.stack([u, v], -1), axis, end, axis=1) for axis in range(3) for end in (0, 1)]
    cells = np.unique(np.floor(rgb_to_lab(np.concatenate(faces))[:, 1:] / BIN_STEP), axis=0)
    grid = {(a + da, b + db) for a, b in cells for da in (0, 1) for db in (0, 1)}
    return np.array(sorted(grid), np.float32) * BIN_STEP


def soft_encode(ab: Array, bins: Array) -> tuple[NDArray[np.int32], Array]:
    """Spread each color over its four nearest bins, preserving the expectation.

    Args:
        ab: float32 (..., 2), CIELAB units.
        bins: float32 (Q, 2), points of the 10-unit grid.

    Returns:
        int32 (..., 4) bin numbers and float32 (..., 4) weights that sum to 1. Corners that
        are no bins lose their weight to the others; inside the gamut that does not happen.
    """
    low = np.floor(ab / BIN_STEP)
    share = ab / BIN_STEP - low
    index = np.empty((*ab.shape[:-1], 4), np.int32)
    weight = np.empty((*ab.shape[:-1], 4), np.float32)
    table, origin = _bin_table(bins.tobytes(), len(bins))
    for corner, (da, db) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        cell = (low + np.array((da, db)) - origin).astype(np.int64)
        inside = np.all((cell >= 0) & (cell < table.shape), axis=-1)
        cell = np.clip(cell, 0, np.array(table.shape) - 1)
        number = np.where(inside, table[cell[..., 0], cell[..., 1]], -1)
        part = np.abs(1 - da - share[..., 0]) * np.abs(1 - db - share[..., 1])
        weight[..., corner] = np.where(number >= 0, part, 0)
        index[..., corner] = np.maximum(number, 0)
    total = weight.sum(-1, keepdims=True)
    lost = total[..., 0] <= 0
    if lost.any():  # a color far outside: its nearest bin takes all
        distance = np.sum((ab[lost][:, None] - bins[None]) ** 2, axis=-1)
        index[lost] = distance.argmin(-1)[:, None]
        weight[lost] = (1, 0, 0, 0)
        total = weight.sum(-1, keepdims=True)
    return index, weight / total


def annealed_mean(bin_logits: Array, bins: Array, temperature: float) -> Array:
    """Softmax at a temperature, then expectation: 1 is the mean, toward 0 the mode (Zhang et al., eq. 5).

    Args:
        bin_logits: float32 (..., Q).
        bins: float32 (Q, 2).
        temperature: above 0; 0.38 in the paper.

    Returns:
        float32 (..., 2), CIELAB units.
    """
    scaled = bin_logits / np.float32(temperature)
    probs = np.exp(scaled - scaled.max(-1, keepdims=True))
    return ((probs / probs.sum(-1, keepdims=True)) @ bins).astype(np.float32)


def rebalance_weights(bin_prior: Array, strength: float, mix: float) -> Array:
    """Loss weights that favor rare colors, with mean 1 under the prior (Zhang et al., eq. 4).

    Args:
        bin_prior: float32 (Q,), how frequent each bin is, summing to 1.
        strength: exponent on the rarity; 0 weighs all alike, 1 is the paper's.
        mix: share of the uniform distribution mixed into the prior, lambda in the paper.
    """
    smoothed = (1 - mix) * bin_prior + mix / len(bin_prior)
    weights = smoothed**-strength
    return (weights / np.sum(bin_prior * weights)).astype(np.float32)


@functools.cache
def _bin_table(bins: bytes, count: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Bin number for each grid point, -1 where there is none, and the grid point of its corner."""
    points = np.rint(np.frombuffer(bins, np.float32).reshape(count, 2) / BIN_STEP).astype(np.int64)
    origin = points.min(0)
    table = np.full(points.max(0) - origin + 1, -1, np.int32)
    table[tuple((points - origin).T)] = np.arange(count)
    return table, origin
