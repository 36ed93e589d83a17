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
CURVE_SIDE, CURVE_KNOTS = 384, 48  # pixels that a strong tone is judged by, and knots of the curve through them
MOST_LEFT, MOST_LEFT_SHARE = 1.8, 0.11  # that the curve leaves of a strong tone: deviation of ab, and of its chroma
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
    if pixels.ndim == 2:
        return False
    lab = _probe(pixels)
    return color_beyond_tint(lab) > LEAST_REAL and not _is_strongly_toned(pixels, float(_chroma(lab).mean()))


def _is_strongly_toned(pixels: Pixels, chroma: float) -> bool:
    """Whether a curve through the single pixels leaves little of a strong color.

    Strong tones are clipped, and the curve bends where they are. A quadratic through averages follows neither: it
    takes one in fifty sepia pictures with a white sky for color. Asked only of what seems to be in color: of a
    thousand photographs that are, three have so little of it that this calls them toned.
    """
    inner = _inner(pixels)
    scale = min(1.0, CURVE_SIDE / max(inner.shape[:2]))
    size = (max(1, round(inner.shape[1] * scale)), max(1, round(inner.shape[0] * scale)))
    lab = to_lab(cv2.resize(inner, size, interpolation=cv2.INTER_NEAREST))
    lightness, ab = lab[..., 0].ravel(), lab[..., 1:].reshape(-1, 2)
    knots = np.unique(np.quantile(lightness, np.linspace(0, 1, CURVE_KNOTS + 1)))
    place = np.clip(np.digitize(lightness, knots) - 1, 0, max(len(knots) - 2, 0))
    count = np.bincount(place)
    full = count > 0
    at = (np.bincount(place, lightness) / np.maximum(count, 1))[full]
    left = np.empty_like(ab)
    for plane in range(2):
        mean = (np.bincount(place, ab[:, plane]) / np.maximum(count, 1))[full]
        left[:, plane] = ab[:, plane] - np.interp(lightness, at, mean)
    probe = (min(PROBE_SIDE, size[0]), min(PROBE_SIDE, size[1]))
    averaged = cv2.resize(left.reshape(*lab.shape[:2], 2), probe, interpolation=cv2.INTER_AREA)
    return float(averaged.reshape(-1, 2).std(axis=0).max()) < min(MOST_LEFT, MOST_LEFT_SHARE * chroma)


def channel_of_toned(pixels: Pixels) -> Pixels | None:
    """The channel that tells most of a toned picture, (H, W); None where it is gray, hardly toned, or in color.

    Toning is a curve per channel over the grays that were there. The lightness of the whole is bent by it and clipped
    where red is: mid-tones turn light, and a network that takes them for sky paints them bluish. The channel with the
    least clipping and then the widest range is nearest to the grays.
    """
    if pixels.ndim == 2:
        return None
    lab = _probe(pixels)
    if _chroma(lab).mean() < LEAST_TONE or is_colored(pixels):
        return None
    step = max(1, min(pixels.shape[:2]) // SAMPLES)
    codes = pixels[::step, ::step].reshape(-1, 3) / np.float32(np.iinfo(pixels.dtype).max)
    clipped = np.round(((codes < 1 / 255) | (codes > 254 / 255)).mean(axis=0), 2)
    low, high = np.percentile(codes, EXTREMES, axis=0)
    best = np.lexsort((low - high, clipped))[0]
    return np.ascontiguousarray(pixels[..., best])


def _probe(pixels: Pixels) -> Array:
    """CIELAB of the inner part of an rgb picture, small."""
    inner = _inner(pixels)
    size = (min(PROBE_SIDE, inner.shape[1]), min(PROBE_SIDE, inner.shape[0]))
    return to_lab(cv2.resize(inner, size, interpolation=cv2.INTER_AREA))


def _inner(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    top, left = int(height * INNER), int(width * INNER)
    return pixels[top : height - top, left : width - left]


def _chroma(lab: Array) -> Array:
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]))


def to_lab(rgb: Pixels) -> Array:
    """CIELAB of an rgb picture (H, W, 3), uint8 or uint16: float32, as OpenCV has it, which serves to judge."""
    scaled = rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)
