"""Enlarge small ab planes to full size, with edges taken from the full-size lightness.

Fast guided filter (He, Sun, "Fast Guided Filter", 2015): around every small pixel color is a
linear function of lightness; the two coefficients are smooth, so enlarging them and applying
them to the full-size lightness puts color edges where the picture has its own.
Box filters only: cost is proportional to pixels, whatever the radius.
"""

import cv2
import numpy as np

from koalacli.arrays import Array

RADIUS = 3  # of the guided filter, in pixels of the guide
EPSILON = 60.0  # variance of L* below which an area counts as flat


def enlarge_ab(ab: Array, lightness: Array, guide: Array) -> Array:
    """Enlarge ab to the size of the lightness.

    Args:
        ab: float32 (h, w, 2), CIELAB units, as the network gives it.
        lightness: float32 (H, W, 1), L* 0..100, the picture at full size.
        guide: float32 (gh, gw, 1), the lightness that the network saw.

    Returns:
        float32 (H, W, 2).
    """
    slopes, offsets = (cv2.split(planes) for planes in guided_coefficients(ab, guide))
    size = (lightness.shape[1], lightness.shape[0])
    enlarged = []
    for slope, offset in zip(slopes, offsets, strict=True):  # OpenCV is slow at enlarging two planes together
        plane = cv2.resize(slope, size, interpolation=cv2.INTER_LINEAR)
        plane *= lightness[..., 0]
        plane += cv2.resize(offset, size, interpolation=cv2.INTER_LINEAR)
        enlarged.append(plane)
    return np.asarray(cv2.merge(enlarged))


def guided_coefficients(ab: Array, guide: Array) -> tuple[Array, Array]:
    """Slope and offset, each float32 (gh, gw, 2), with color = slope * lightness + offset."""
    size = (guide.shape[1], guide.shape[0])
    color = cv2.resize(ab, size, interpolation=cv2.INTER_CUBIC)
    window = (2 * RADIUS + 1, 2 * RADIUS + 1)
    guides = cv2.merge([guide, guide])  # NumPy is slow at spreading one plane over two
    mean_color, mean_guide = cv2.blur(color, window), cv2.blur(guide, window)
    variance = np.maximum(cv2.blur(guide * guide, window) - mean_guide**2, 0) + np.float32(EPSILON)
    means = cv2.merge([mean_guide, mean_guide])
    slope = (cv2.blur(color * guides, window) - mean_color * means) / cv2.merge([variance, variance])
    offset = mean_color - slope * means
    return cv2.blur(slope, window), cv2.blur(offset, window)
