"""Hue and chroma as histograms (Larsson et al. 2016), on the device: targets, read-out, and their way to ab.

Hue is that of HSV, 0..1; chroma is the largest of R, G, B minus the smallest, 0..1. Gray is the mean of R, G, B in the
source and here the gamma-encoded gray of the same L*, 0..1. Outputs are (B, h, w, 65): logits of 32 hues, logits of
32 chromas, and the network's own small lightness in its units, without which hue and chroma are no color.
"""

import numpy as np
from keras import ops

from koalacli.arrays import Tensor
from koalacli.color.lab import RGB_FROM_XYZ, WHITE_D65, XYZ_FROM_RGB
from koalacli.presets import NetworkConfig

BINS = 32
HUE, CHROMA, GRAY = slice(BINS), slice(BINS, 2 * BINS), slice(2 * BINS, 2 * BINS + 1)  # of the outputs' planes
PLANES = 2 * BINS + 1
SURE = 0.96  # length of the mean hue vector from which on chroma does not fade


def read_fading(outputs: Tensor, config: NetworkConfig) -> Tensor:
    """Color of the median chroma and the circular mean of hue; chroma fades where hues disagree.

    Returns:
        ab float32 (B, h, w, 2), CIELAB units.
    """
    outputs = ops.cast(outputs, "float32")
    hues, chromas = ops.softmax(outputs[..., HUE], axis=-1), ops.softmax(outputs[..., CHROMA], axis=-1)
    angle = 2 * np.pi * (np.arange(BINS, dtype=np.float32) + 0.5) / BINS
    east, north = (ops.sum(hues * part(angle), axis=-1, keepdims=True) for part in (np.cos, np.sin))
    hue = ops.arctan2(north, east) / (2 * np.pi)
    below = ops.sum(ops.cast(ops.cumsum(chromas, axis=-1) < 0.5, "float32"), axis=-1, keepdims=True)
    fading = ops.minimum(ops.sqrt(east * east + north * north) / SURE, 1.0)
    chroma = (below + 0.5) / BINS * fading
    gray = gray_of(outputs[..., GRAY], config)
    return lab_of_rgb(rgb_of(ops.mod(hue, 1.0), chroma, gray))[..., 1:]


def rgb_of(hue: Tensor, chroma: Tensor, gray: Tensor) -> Tensor:
    """sRGB (..., 3) of hue, chroma and mean (..., 1), cut to 0..1."""
    places = np.array([3.0, 2.0, 4.0], np.float32)  # of red's, green's and blue's own ramps on six sixths of a turn
    signs, starts = np.array([1.0, -1.0, -1.0], np.float32), np.array([-1.0, 2.0, 2.0], np.float32)
    ramp = ops.clip(starts + signs * ops.abs(6 * hue - places), 0.0, 1.0)
    return ops.clip(gray + chroma * (ramp - ops.mean(ramp, axis=-1, keepdims=True)), 0.0, 1.0)


def hue_and_chroma(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Hue and chroma (..., 1) of sRGB (..., 3); hue is 0 where there is none."""
    red, green, blue = rgb[..., :1], rgb[..., 1:2], rgb[..., 2:]
    most, least = ops.max(rgb, axis=-1, keepdims=True), ops.min(rgb, axis=-1, keepdims=True)
    chroma = most - least
    divisor = ops.maximum(chroma, 1e-6)
    sixths = ops.where(
        most == red,
        (green - blue) / divisor,
        ops.where(most == green, 2.0 + (blue - red) / divisor, 4.0 + (red - green) / divisor),
    )
    return ops.mod(sixths / 6.0, 1.0), chroma


def bin_of(share: Tensor) -> Tensor:
    """One-hot (..., 32) of numbers 0..1 (..., 1), by uniform bins."""
    number = ops.clip(ops.cast(ops.floor(share[..., 0] * BINS), "int32"), 0, BINS - 1)
    return ops.one_hot(number, BINS, dtype="float32")


def gray_of(plane: Tensor, config: NetworkConfig) -> Tensor:
    """Gamma-encoded gray 0..1 of lightness in network units."""
    lightness = lightness_of(plane, config)
    return rgb_of_lab(ops.concatenate([lightness, lightness * 0.0, lightness * 0.0], axis=-1))[..., 1:2]


def lightness_of(plane: Tensor, config: NetworkConfig) -> Tensor:
    """L* 0..100 of lightness in network units."""
    return plane * config.lightness_scale + config.lightness_center


def rgb_of_lab(lab: Tensor) -> Tensor:
    """`color.lab.lab_to_rgb` with backend operations, cut to 0..1."""
    f = (lab[..., :1] + 16.0) / 116.0
    xyz = ops.concatenate([f + lab[..., 1:2] / 500.0, f, f - lab[..., 2:] / 200.0], axis=-1)
    xyz = ops.where(xyz > 0.2068966, xyz * xyz * xyz, (xyz - 16.0 / 116.0) / 7.787)
    linear = ops.matmul(xyz, (RGB_FROM_XYZ * WHITE_D65).T.astype(np.float32))
    high = 1.055 * ops.power(ops.maximum(linear, 1e-8), 1.0 / 2.4) - 0.055
    return ops.clip(ops.where(linear > 0.0031308, high, linear * 12.92), 0.0, 1.0)


def lab_of_rgb(rgb: Tensor) -> Tensor:
    """`color.lab.rgb_to_lab` with backend operations."""
    linear = ops.where(rgb > 0.04045, ops.power((rgb + 0.055) / 1.055, 2.4), rgb / 12.92)
    xyz = ops.matmul(linear, (XYZ_FROM_RGB / WHITE_D65[:, None]).T.astype(np.float32))
    f = ops.where(xyz > 0.008856, ops.power(ops.maximum(xyz, 1e-8), 1.0 / 3.0), 7.787 * xyz + 16.0 / 116.0)
    x, y, z = f[..., :1], f[..., 1:2], f[..., 2:]
    return ops.concatenate([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)
