"""Contrast of what a network sees: faded pictures get back the range of lightness it learned from.

Networks learn from photographs with good contrast. Shown a faded print, they guess fewer and
other colors. So they are shown a stretched copy; the lightness of the output stays the input's.
"""

import numpy as np

from koalacli.arrays import Array

EXTREMES = (1.0, 99.0)  # percentiles that count as darkest and lightest: specks and scratches do not
BARS = 1.0  # L*; what is darker is taken for the black around a picture: letterbox, scanner bed
LARGEST_GAIN = 4.0  # beyond it, more of the noise than of the picture would be seen
MARGIN = 5.0  # L* units kept between the stretched range and black or white, where the picture has them
LARGEST_RANGE = 100.0 - 2 * MARGIN  # L* units that can be asked for


def stretch_levels(lightness: Array, least_range: float) -> Array:
    """A picture with at least this range of lightness, as near its own brightness as that allows.

    Args:
        lightness: float32 (h, w, 1), L* 0..100.
        least_range: L* units between darkest and lightest, up to LARGEST_RANGE; pictures that have it are left alone.

    Returns:
        float32 of the same shape, L* 0..100.
    """
    probe = lightness[::2, ::2]  # enough to know its range
    inside = probe[probe > BARS]
    darkest, lightest = np.percentile(inside, EXTREMES) if inside.size else (0.0, 0.0)
    found = lightest - darkest
    if found >= least_range:
        return lightness
    gain = min(least_range / max(found, 1e-3), LARGEST_GAIN)
    half = gain * found / 2
    middle = (darkest + lightest) / 2
    moved = np.clip(middle, half + min(MARGIN, darkest), 100.0 - half - min(MARGIN, 100.0 - lightest))
    return np.clip((lightness - np.float32(middle)) * np.float32(gain) + np.float32(moved), 0, 100).astype(np.float32)
