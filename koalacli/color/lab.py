"""sRGB and CIELAB (D65), in float32.

IEC 61966-2-1 for the transfer curve, CIE 15:2004 for L*a*b*. Matrix and white point are
those of scikit-image, the oracle of the tests.
"""

import functools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.strips import strips

WHITE_D65 = np.array([0.95047, 1.0, 1.08883], np.float32)  # X, Y, Z; 2 degree observer
XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    np.float64,
)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB)
EPSILON = 0.008856  # below this share of white, L* is linear
KAPPA = 903.3
LUMA_REC601 = np.array([0.299, 0.587, 0.114], np.float32)

_XYZ_SCALED_FROM_RGB = (XYZ_FROM_RGB / WHITE_D65[:, None]).astype(np.float32)
_RGB_FROM_XYZ_SCALED = (RGB_FROM_XYZ * WHITE_D65[None, :]).astype(np.float32)


def srgb_to_linear(rgb: Array) -> Array:
    """Undo the sRGB transfer curve; float32 0..1 of any shape."""
    rgb = np.asarray(rgb, np.float32)
    return np.where(rgb > 0.04045, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4, rgb / 12.92).astype(np.float32)


def linear_to_srgb(linear: Array) -> Array:
    """Apply the sRGB transfer curve; float32 of any shape, negative values stay linear."""
    linear = np.asarray(linear, np.float32)
    high = 1.055 * np.maximum(linear, 0) ** np.float32(1 / 2.4) - 0.055
    return np.where(linear > 0.0031308, high, linear * 12.92).astype(np.float32)


def luminance_to_lightness(luminance: Array) -> Array:
    """CIE L* (0..100) from relative luminance Y (0..1)."""
    luminance = np.asarray(luminance, np.float32)
    return (116 * _forward(luminance) - 16).astype(np.float32)


def lightness_to_luminance(lightness: Array) -> Array:
    """Relative luminance Y (0..1) from CIE L* (0..100)."""
    return _inverse((np.asarray(lightness, np.float32) + np.float32(16)) / np.float32(116))


def rgb_to_lab(rgb: Array) -> Array:
    """CIELAB from sRGB.

    Args:
        rgb: float32 (..., 3), gamma-encoded, 0..1.

    Returns:
        float32 (..., 3): L* 0..100, a* and b* about -110..110.
    """
    f = _forward(srgb_to_linear(rgb) @ _XYZ_SCALED_FROM_RGB.T)
    fx, fy, fz = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1).astype(np.float32)


def lab_to_linear_rgb(lightness: Array, ab: Array) -> Array:
    """Linear-light sRGB, not clipped: values outside 0..1 are outside the gamut.

    Args:
        lightness: float32 (..., 1), L* 0..100.
        ab: float32 (..., 2), CIELAB units.

    Returns:
        float32 (..., 3).
    """
    fy = (lightness[..., 0] + np.float32(16)) / np.float32(116)
    f = np.stack([fy + ab[..., 0] / np.float32(500), fy, fy - ab[..., 1] / np.float32(200)], axis=-1)
    return _inverse(f) @ _RGB_FROM_XYZ_SCALED.T


def lab_to_rgb(lab: Array) -> Array:
    """sRGB from CIELAB, not clipped; the inverse of `rgb_to_lab`, same shapes and ranges."""
    lab = np.asarray(lab, np.float32)
    return linear_to_srgb(lab_to_linear_rgb(lab[..., :1], lab[..., 1:]))


def lightness_of(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Array:
    """CIE L* of what a file held.

    Args:
        pixels: gray (H, W) or rgb (H, W, 3), gamma-encoded sRGB; uint8 0..255 or uint16 0..65535.

    Returns:
        float32 (H, W, 1), 0..100. Exact to 1e-4 for gray, to 5e-3 for rgb.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"pixels must be uint8 or uint16, not {pixels.dtype}")
    if pixels.ndim == 2:
        return _gray_lightness(pixels.dtype.name)[pixels][..., None]
    # What is between takes several times the room of the picture: a few rows at a time.
    lightness: Array = np.empty((*pixels.shape[:2], 1), np.float32)
    for rows in strips(*pixels.shape[:2]):
        lightness[rows] = _rgb_lightness(pixels[rows])
    return lightness


def _rgb_lightness(pixels: NDArray[Any]) -> Array:
    linear = _linear_table(pixels.dtype.name)
    weights = _XYZ_SCALED_FROM_RGB[1]
    if pixels.dtype == np.uint8:
        luminance = cv2.transform(cv2.LUT(pixels, linear[None, :, None] * weights), np.ones((1, 3), np.float32))
    else:
        luminance = sum((linear * weight)[pixels[..., channel]] for channel, weight in enumerate(weights))
    # np.cbrt is slow; the square root makes a table of moderate size dense where L* is steep.
    index = cv2.sqrt(luminance)
    index *= np.float32(_ROOT_STEPS - 1)
    index += np.float32(0.5)
    return np.take(_lightness_by_root(), index.astype(np.int32).reshape(pixels.shape[:2]), mode="clip")[..., None]


_ROOT_STEPS = 1 << 17


@functools.cache
def _linear_table(dtype: str) -> Array:
    """Linear light for every code value of uint8 or uint16."""
    top = np.iinfo(dtype).max
    return srgb_to_linear(np.arange(top + 1, dtype=np.float32) / np.float32(top))


@functools.cache
def _gray_lightness(dtype: str) -> Array:
    """L* for every gray code value of uint8 or uint16."""
    return luminance_to_lightness(_linear_table(dtype))


@functools.cache
def _lightness_by_root() -> Array:
    """L* tabulated over the square root of luminance."""
    return luminance_to_lightness(np.linspace(0, 1, _ROOT_STEPS, dtype=np.float32) ** 2)


def _forward(t: Array) -> Array:
    return np.where(t > EPSILON, np.cbrt(np.maximum(t, 0)), (KAPPA * t + 16) / 116).astype(np.float32)


def _inverse(f: Array) -> Array:
    # EPSILON and KAPPA are rounded constants of the standard; the knee is taken where
    # scikit-image takes it, so both agree there too.
    return np.where(f > 0.2068966, f**3, (f - np.float32(16 / 116)) / np.float32(7.787)).astype(np.float32)
