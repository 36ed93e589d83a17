"""Chroma of a JPEG whose luma is given: full-range Rec. 601 as JFIF (ITU-T T.871) has it.

Y' stays what the file held, so color is made in Cb and Cr alone, at their own size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.gamut import merge_rgb
from koalacli.color.join import GuidedColor
from koalacli.color.lab import lightness_of
from koalacli.color.strips import strips

# Rows are Cb and Cr of gamma-encoded rgb 0..255, centered on 0.
CHROMA_FROM_RGB = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
# What Cb and Cr add to Y' in R', B' and G'.
RED, BLUE, GREEN = np.float32(1.402), np.float32(1.772), np.array([-0.344136, -0.714136], np.float32)
TINY = np.float32(1e-6)
# For each code of luma: chroma up to which rgb surely can hold it, as no change is larger than that of blue.
SURE = ((127.5 - np.abs(np.arange(256) - 127.5)) / float(BLUE) - 1e-3).astype(np.float32)


def cbcr_of(lightness: Array, ab: Array, meaning: NDArray[np.uint8] | None = None) -> Array:
    """Cb and Cr of colors, reduced to the gamut first.

    Args:
        lightness: float32 (h, w, 1), L* 0..100.
        ab: float32 (h, w, 2), CIELAB units.
        meaning: as in `cbcr_planes`.

    Returns:
        float32 (h, w, 2), -127.5..127.5.
    """
    rgb = merge_rgb(lightness, ab)
    if meaning is not None:
        rgb = np.interp(rgb, meaning, np.arange(256)).astype(np.float32)
    return np.asarray(cv2.transform(rgb, CHROMA_FROM_RGB))


def cbcr_planes(
    luma: NDArray[np.uint8], guide: Array, ab: Array, meaning: NDArray[np.uint8] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cb and Cr at the size of the luma, such that Y'CbCr stays within what rgb can hold.

    Small ab become small Cb and Cr, and these are enlarged along the edges of the lightness: in
    L*a*b* and in Y'CbCr alike, color planes hardly depend on brightness, so the two orders differ
    by about 0.2 of 255 on photographs.

    Args:
        luma: uint8 (H, W), Y' at the size that the chroma shall have.
        guide: float32 (gh, gw, 1), the lightness that the network saw.
        ab: float32 (h, w, 2), CIELAB units.
        meaning: uint8 (256,), rising: the sRGB code that each code of the file stands for, where
            the file has another curve; chroma is then that of rgb under that curve.

    Returns:
        uint8 (H, W) each, 128 is neutral.
    """
    height, width = luma.shape
    size = (guide.shape[1], guide.shape[0])
    codes = np.arange(256, dtype=np.uint8) if meaning is None else meaning
    chroma = cbcr_of(guide, cv2.resize(ab, size, interpolation=cv2.INTER_CUBIC), meaning)
    color = GuidedColor(chroma, guide, height, width)
    table = lightness_of(codes[:, None])[..., 0]
    blue, red = np.empty_like(luma), np.empty_like(luma)
    for rows in strips(height, width):
        cb, cr = color.rows(rows.start, cv2.LUT(luma[rows], table))
        _fit_gamut(luma[rows], cb, cr)
        blue[rows], red[rows] = cv2.add(cb, 128.0, dtype=cv2.CV_8U), cv2.add(cr, 128.0, dtype=cv2.CV_8U)
    return blue, red


def _fit_gamut(luma: NDArray[np.uint8], cb: Array, cr: Array) -> None:
    """Reduce chroma in place where Y'CbCr would leave rgb: what a decoder clips would change luma and hue."""
    reach = np.abs(cb)
    np.maximum(reach, np.abs(cr), out=reach)
    # Most pixels are nearer to neutral than to black and white, and need no closer look.
    doubtful = np.flatnonzero(reach > cv2.LUT(luma, SURE))
    if not len(doubtful):
        return
    base = luma.reshape(-1)[doubtful].astype(np.float32)
    red, blue = cr.reshape(-1)[doubtful] * RED, cb.reshape(-1)[doubtful] * BLUE
    green = cb.reshape(-1)[doubtful] * GREEN[0] + cr.reshape(-1)[doubtful] * GREEN[1]
    # The three changes, weighed by Rec. 601, sum to 0: the largest is never negative, the least never positive.
    above = np.maximum(np.maximum(red, blue), green) + TINY
    below = np.minimum(np.minimum(red, blue), green) - TINY
    scale = np.minimum(np.minimum((255 - base) / above, base / -below), 1)
    cb.reshape(-1)[doubtful] *= scale
    cr.reshape(-1)[doubtful] *= scale
