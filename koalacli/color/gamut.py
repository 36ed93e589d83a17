"""What sRGB can show: lightness and color joined inside its gamut."""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.lab import lab_to_linear_rgb, linear_to_srgb


def fit_gamut(lightness: Array, ab: Array) -> Array:
    """Reduce chroma, keeping L* and hue, until every color is one that sRGB can show.

    Args:
        lightness: float32 (..., 1), L* 0..100.
        ab: float32 (..., 2), CIELAB units.

    Returns:
        float32 (..., 2). Colors already inside are returned unchanged.
    """
    linear = lab_to_linear_rgb(lightness, ab)
    outside = np.any((linear < 0) | (linear > 1), axis=-1)
    if outside.any():
        ab = ab.copy()
        ab[outside] = _reduce_chroma(lightness[outside], ab[outside])
    return ab


def merge_rgb8(lightness: Array, ab: Array) -> NDArray[np.uint8]:
    """Join full-size lightness and color into rgb8, inside the gamut.

    Args:
        lightness: float32 (H, W, 1), L* 0..100.
        ab: float32 (H, W, 2), CIELAB units.

    Returns:
        uint8 (H, W, 3) whose L* differs from the given by at most 0.6.
    """
    return np.take(_rgb8_by_root(), _roots_of_light(lightness, ab))


def merge_rgb(lightness: Array, ab: Array) -> Array:
    """As `merge_rgb8`, to float32 (H, W, 3), 0..255: codes that are not rounded, within 0.02 of exact ones."""
    return np.take(_codes_by_root(), _roots_of_light(lightness, ab))


def _roots_of_light(lightness: Array, ab: Array) -> NDArray[np.uint16]:
    """Square root of linear-light rgb inside the gamut, uint16 (H, W, 3) in steps of 1 / (_CODE_STEPS - 1)."""
    # OpenCV's conversion to linear light is clipped, precise to 1e-4 and thirty times faster
    # than NumPy's; a clipped channel marks the few colors that have to be reduced.
    linear = cv2.cvtColor(cv2.merge([lightness[..., 0], ab[..., 0], ab[..., 1]]), cv2.COLOR_Lab2LRGB)
    inside = cv2.inRange(linear, (1e-6,) * 3, (1 - 1e-6,) * 3)
    pixels, tone = linear.reshape(-1, 3), lightness.reshape(-1, 1)
    outside = np.flatnonzero(inside.ravel() == 0)
    # Black and white hold no color; scanned text is nothing else, and need not be reduced pixel by pixel.
    plain = np.logical_or(tone[outside] <= 0, tone[outside] >= 100).ravel()
    ends, outside = outside[plain], outside[~plain]
    pixels[ends] = tone[ends] > 0
    if len(outside):
        kept = tone[outside]
        reduced = _reduce_chroma(kept, ab.reshape(-1, 2)[outside])
        pixels[outside] = np.clip(lab_to_linear_rgb(kept, reduced), 0, 1)
    index = cv2.sqrt(linear)
    index *= np.float32(_CODE_STEPS - 1)
    index += np.float32(0.5)
    return index.astype(np.uint16)


def merge_rgb16(lightness: Array, ab: Array) -> NDArray[np.uint16]:
    """As `merge_rgb8`, to uint16 (H, W, 3) whose L* differs from the given by at most 0.02."""
    linear = lab_to_linear_rgb(lightness, fit_gamut(lightness, ab))
    return np.rint(np.clip(linear_to_srgb(linear), 0, 1) * np.float32(65535)).astype(np.uint16)


_CODE_STEPS = 1 << 14
_LIGHTNESS_STEP, _HUE_STEP = 0.5, 1.0


@functools.cache
def _codes_by_root() -> Array:
    """sRGB code, 0..255 and not rounded, over the square root of linear light."""
    root = np.linspace(0, 1, _CODE_STEPS, dtype=np.float32)
    return linear_to_srgb(root**2) * np.float32(255)


@functools.cache
def _rgb8_by_root() -> NDArray[np.uint8]:
    return np.rint(_codes_by_root()).astype(np.uint8)


def _reduce_chroma(lightness: Array, ab: Array) -> Array:
    """Scale ab (N, 2) down to the largest chroma tabulated for its lightness (N, 1) and hue."""
    chroma, hue = cv2.cartToPolar(ab[:, 0], ab[:, 1], angleInDegrees=True)
    row = (np.clip(lightness[:, 0], 0, 100) / _LIGHTNESS_STEP).astype(np.int32)
    column = (hue.ravel() / _HUE_STEP).astype(np.int32) % int(360 / _HUE_STEP)
    limit = _largest_chroma()[row, column]
    scale = np.minimum(1, limit / np.maximum(chroma.ravel(), 1e-6))
    return ab * scale[:, None]


@functools.cache
def _largest_chroma() -> Array:
    """Largest chroma in gamut for each cell of lightness and hue: the least of the cell's corners."""
    lightness = np.arange(0, 100 + _LIGHTNESS_STEP, _LIGHTNESS_STEP, dtype=np.float32)
    hue = np.deg2rad(np.arange(0, 360, _HUE_STEP, dtype=np.float32))
    plane = np.stack([np.cos(hue), np.sin(hue)], axis=-1)[None]
    grid = np.broadcast_to(lightness[:, None, None], (len(lightness), len(hue), 1))
    low, high = np.zeros(grid.shape, np.float32), np.full(grid.shape, 150, np.float32)
    for _ in range(14):  # 150 / 2**14 < 0.01 units
        middle = (low + high) / 2
        linear = lab_to_linear_rgb(grid, (plane * middle).astype(np.float32))
        inside = np.all((linear >= 0) & (linear <= 1), axis=-1, keepdims=True)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    chroma = low[..., 0]
    chroma = np.minimum(chroma, np.roll(chroma, -1, axis=1))
    return np.minimum(chroma, np.vstack([chroma[1:], chroma[-1:]])).astype(np.float32)
