"""Toned pictures: sepia, cyanotype, a cast of the scanner; their color says nothing that lightness does not say.

A print's tone is a function of its lightness, so a curve through ab over lightness leaves next to nothing; what it
leaves in a color photograph is the color of things.
"""

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels

PROBE_SIDE = 32  # pixels of the small copy that is judged: grain and JPEG noise are averaged out
INNER = 0.15  # share left out at each side: the paper around a print follows no curve
LEAST_REAL = 2.0  # deviation of ab beyond a tint, from which color is real: stains reach 1.5, soft colors start at 2
LEAST_TONE = 5.0  # mean chroma from which a picture counts as toned; below, its channels hardly differ
SAMPLES = 512  # pixels per side that are asked which channel tells most
EXTREMES = (1.0, 99.0)  # percentiles between which a channel's range is measured


def color_beyond_tint(lab: Array) -> float:
    """What lightness does not explain of ab: zero for gray, sepia and duotone.

    Args:
        lab: float32 (H, W, 3), L* 0..100, a*, b*.

    Returns:
        The standard deviation left by the best quadratic in L*, the larger of both planes; CIELAB units.
    """
    lightness = lab[..., 0].ravel() / 100
    basis = np.stack([np.ones_like(lightness), lightness, lightness**2], axis=1)
    ab = lab[..., 1:].reshape(-1, 2)
    tint, *_ = np.linalg.lstsq(basis, ab, rcond=None)
    return float((ab - basis @ tint).std(axis=0).max())


def is_colored(pixels: Pixels) -> bool:
    """Whether a picture, gray (H, W) or rgb (H, W, 3), uint8 or uint16, holds more color than a tone or a cast."""
    return pixels.ndim == 3 and color_beyond_tint(_probe(pixels)) > LEAST_REAL


def channel_of_toned(pixels: Pixels) -> Pixels | None:
    """The channel that tells most of a toned picture, (H, W); None where it is gray, hardly toned, or in color.

    Toning is a curve per channel over the grays that were there. The lightness of the whole is bent by it and clipped
    where red is: mid-tones turn light, and a network that takes them for sky paints them bluish. The channel with the
    least clipping and then the widest range is nearest to the grays.
    """
    if pixels.ndim == 2:
        return None
    lab = _probe(pixels)
    if np.hypot(lab[..., 1], lab[..., 2]).mean() < LEAST_TONE or color_beyond_tint(lab) > LEAST_REAL:
        return None
    step = max(1, min(pixels.shape[:2]) // SAMPLES)
    codes = pixels[::step, ::step].reshape(-1, 3) / np.float32(np.iinfo(pixels.dtype).max)
    clipped = np.round(((codes < 1 / 255) | (codes > 254 / 255)).mean(axis=0), 2)
    low, high = np.percentile(codes, EXTREMES, axis=0)
    best = np.lexsort((low - high, clipped))[0]
    return np.ascontiguousarray(pixels[..., best])


def _probe(pixels: Pixels) -> Array:
    """CIELAB of the inner part of an rgb picture, small."""
    height, width = pixels.shape[:2]
    top, left = int(height * INNER), int(width * INNER)
    inner = pixels[top : height - top, left : width - left]
    size = (min(PROBE_SIDE, inner.shape[1]), min(PROBE_SIDE, inner.shape[0]))
    small = cv2.resize(inner, size, interpolation=cv2.INTER_AREA)
    rgb = small.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab), np.float32)
