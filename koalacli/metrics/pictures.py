"""Metrics of one picture: reference and prediction of equal size.

Every function takes arrays and returns a float. The formulas are those of the papers named;
where implementations in the field differ, the docstring says which one this is.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.bins import BIN_STEP

Double = NDArray[np.float64]

PSNR_LIMIT = 100.0  # dB, given to identical pictures so that means stay finite
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5  # Wang et al. 2004
AUC_THRESHOLDS = 151  # 0, 1, ... 150 CIELAB units; Zhang et al. 2016
BIN_REACH = 13  # ab bins from -130 to 130: every sRGB color is within
HUE_BINS = 36
LEAST_HUE_CHROMA = 2.0  # CIELAB units; below, hue is the rounding of 8-bit codes


def psnr(reference: Rgb8, prediction: Rgb8) -> float:
    """Peak signal-to-noise ratio over all pixels and channels, dB, higher is better; 100 at most.

    Lightness is shared, so values sit high and a gray picture scores well: never judge by it alone.
    """
    # Squares of 8-bit differences summed as integers: exact, whatever the size.
    difference = cv2.absdiff(reference, prediction).astype(np.uint32)
    return _decibel(float(np.square(difference).sum(dtype=np.uint64)) / difference.size)


def psnr_ab(reference: Array, prediction: Array) -> float:
    """PSNR of the two ab planes (..., 2) stored as 8-bit codes (peak 255), dB, higher is better; 100 at most."""
    return _decibel(rmse_ab(reference, prediction) ** 2)


def rmse_ab(reference: Array, prediction: Array) -> float:
    """Root mean square error over the values of both ab planes (..., 2), CIELAB units, lower is better."""
    return float(np.sqrt(np.mean(np.square(reference - prediction), dtype=np.float64)))


def moments(rgb8: Rgb8) -> tuple[Array, Array, Array]:
    """What SSIM needs of one picture: values, local means and local variances, float32 (H, W, 3)."""
    values = rgb8.astype(np.float32)
    mean = _blur(values)
    return values, mean, _blur(values * values) - mean * mean


def ssim(reference: tuple[Array, Array, Array], prediction: tuple[Array, Array, Array]) -> float:
    """Structural similarity of two pictures' `moments`, mean over channels, at most 1, higher is better.

    Wang, Bovik, Sheikh, Simoncelli 2004: 11x11 Gaussian window of sigma 1.5, population
    covariance, only where the window lies inside. Structure is copied here: little signal.
    """
    (x, mean_x, variance_x), (y, mean_y, variance_y) = reference, prediction
    c1, c2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
    product = mean_x * mean_y
    covariance = _blur(x * y) - product
    score = (2 * product + c1) * (2 * covariance + c2)
    score /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    edge = SSIM_WINDOW // 2
    return float(score[edge:-edge, edge:-edge].mean(dtype=np.float64))


def delta_e_2000(reference: NDArray[np.floating], prediction: NDArray[np.floating]) -> NDArray[np.floating]:
    """CIEDE2000 color difference per pixel, with k_L = k_C = k_H = 1.

    Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula" (2005); checked with its 34 pairs.

    Args:
        reference, prediction: (..., 3) L*, a*, b*; computed in their own precision.

    Returns:
        (...); 1 is about the smallest difference that is seen, lower is better.
    """
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(lab, -1, 0) for lab in (reference, prediction))
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1) % (2 * np.pi), np.arctan2(b2, a2) % (2 * np.pi)
    turn = h2 - h1
    turn = turn + 2 * np.pi * ((turn < -np.pi).astype(turn.dtype) - (turn > np.pi))
    colored = (c1 * c2) != 0  # a gray has no hue: neither difference nor mean of hues
    hue = np.where(colored, h1 + turn / 2, h1 + h2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1
        - 0.17 * np.cos(hue - np.deg2rad(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.deg2rad(6))
        - 0.20 * np.cos(4 * hue - np.deg2rad(63))
    )
    from_middle = (mean_l - 50) ** 2
    lightness = (l2 - l1) / (1 + 0.015 * from_middle / np.sqrt(20 + from_middle))
    chroma = (c2 - c1) / (1 + 0.045 * mean_c)
    angle = 2 * np.sqrt(c1 * c2) * np.sin(np.where(colored, turn, 0) / 2) / (1 + 0.015 * mean_c * weight)
    mean_c7 = mean_c**7
    from_blue = np.rad2deg(hue) % 360 - 275
    rotation = np.sin(np.deg2rad(60) * np.exp(-((from_blue / 25) ** 2))) * 2 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    return np.sqrt(np.maximum(lightness**2 + chroma**2 + angle**2 - rotation * chroma * angle, 0))


def auc_credits(reference: Array, prediction: Array) -> Array:
    """For each pixel of ab (..., 2) the share of the thresholds 0..150 that its error does not exceed, 0..1.

    Its mean is the area under the curve "share of pixels within a threshold" of Zhang et al. 2016.
    """
    error = np.sqrt(np.square(reference - prediction).sum(-1))
    return (np.clip(AUC_THRESHOLDS - np.ceil(error), 0, AUC_THRESHOLDS) / AUC_THRESHOLDS).astype(np.float32)


def auc_raw(credits: Array) -> float:
    """Mean of `auc_credits`, percent, higher is better. A gray picture reaches about 89."""
    return 100 * float(credits.mean(dtype=np.float64))


def nearest_bins(ab: Array) -> NDArray[np.int32]:
    """Number of the 10-unit grid point nearest to each color of ab (..., 2)."""
    row, column = np.moveaxis(np.clip(np.rint(ab / BIN_STEP), -BIN_REACH, BIN_REACH).astype(np.int32), -1, 0)
    return (row + BIN_REACH) * (2 * BIN_REACH + 1) + column + BIN_REACH


def colorfulness(rgb8: Rgb8) -> float:
    """Hasler and Süsstrunk 2003, with signed opponent differences as published; 0 is gray, about 110 extreme.

    Some later code takes absolute values of the differences first and gets other numbers.
    """
    red, green, blue = np.moveaxis(rgb8.astype(np.float32), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    spread = rg.var(dtype=np.float64) + yb.var(dtype=np.float64)
    offset = rg.mean(dtype=np.float64) ** 2 + yb.mean(dtype=np.float64) ** 2
    return float(np.sqrt(spread) + 0.3 * np.sqrt(offset))


def mean_chroma(ab: Array) -> float:
    """Mean distance of ab (..., 2) from gray, CIELAB units."""
    return float(np.hypot(ab[..., 0], ab[..., 1]).mean(dtype=np.float64))


def hue_histogram(ab: Array) -> Double:
    """Share of chroma in each of 36 sectors of hue; all alike where there is no color to speak of."""
    chroma = np.hypot(ab[..., 0], ab[..., 1]).ravel()
    sector = np.floor(np.arctan2(ab[..., 1], ab[..., 0]).ravel() * (HUE_BINS / (2 * np.pi))).astype(np.int32)
    weight = np.where(chroma >= LEAST_HUE_CHROMA, chroma, 0)
    histogram = np.bincount(sector % HUE_BINS, weight, HUE_BINS)
    total = histogram.sum()
    return histogram / total if total > 0 else np.full(HUE_BINS, 1 / HUE_BINS)


def hue_distance(reference: Double, prediction: Double) -> float:
    """Degrees by which hue must be turned on average to get from one `hue_histogram` to another, 0..180.

    Earth mover's distance on a circle: the flow between neighboring sectors is the difference
    of the cumulated histograms, less its median. Lower is better.
    """
    flow = np.cumsum(reference - prediction)
    return float(np.abs(flow - np.median(flow)).sum() * 360 / HUE_BINS)


def _decibel(mean_square: float) -> float:
    return PSNR_LIMIT if mean_square == 0 else min(PSNR_LIMIT, float(10 * np.log10(255.0**2 / mean_square)))


def _blur(values: Array) -> Array:
    size = (SSIM_WINDOW, SSIM_WINDOW)
    return np.asarray(cv2.GaussianBlur(values, size, SSIM_SIGMA), np.float32)
