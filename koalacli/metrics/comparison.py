"""One reference beside one prediction, with everything computed once that several metrics share."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.lab import rgb_to_lab
from koalacli.errors import InputError
from koalacli.metrics import pictures
from koalacli.metrics.pictures import AUC_THRESHOLDS, SSIM_WINDOW, Double


class View:
    """A picture as metrics see it; rgb8 is uint8 (H, W, 3)."""

    def __init__(self, rgb8: Rgb8):
        if min(rgb8.shape[:2]) < SSIM_WINDOW:
            size = f"{rgb8.shape[1]}x{rgb8.shape[0]}"
            raise InputError(f"{size} pixels are too few to judge; {SSIM_WINDOW} a side at least")
        self.rgb8 = rgb8

    @cached_property
    def lab(self) -> Array:
        return rgb_to_lab(self.rgb8.astype(np.float32) / np.float32(255))

    @property
    def ab(self) -> Array:
        return self.lab[..., 1:]

    @cached_property
    def moments(self) -> tuple[Array, Array, Array]:
        return pictures.moments(self.rgb8)

    @cached_property
    def colorfulness(self) -> float:
        return pictures.colorfulness(self.rgb8)

    @cached_property
    def chroma(self) -> float:
        return pictures.mean_chroma(self.ab)

    @cached_property
    def hue_histogram(self) -> Double:
        return pictures.hue_histogram(self.ab)

    @cached_property
    def bins(self) -> NDArray[np.int32]:
        return pictures.nearest_bins(self.ab).ravel()


class Comparison:
    """A reference and a prediction of equal size."""

    def __init__(self, reference: View, prediction: View):
        if reference.rgb8.shape != prediction.rgb8.shape:
            (height, width), (other_height, other_width) = reference.rgb8.shape[:2], prediction.rgb8.shape[:2]
            raise InputError(f"prediction is {other_width}x{other_height}, its reference {width}x{height}")
        self.reference = reference
        self.prediction = prediction

    @cached_property
    def delta_e(self) -> NDArray[np.floating]:
        return pictures.delta_e_2000(self.reference.lab, self.prediction.lab)

    @cached_property
    def credits(self) -> Array:
        return pictures.auc_credits(self.reference.ab, self.prediction.ab)

    def share_within(self) -> Array:
        """float32 (151,): share of pixels whose ab error is at most 0, 1, ... 150 CIELAB units."""
        # The credit of a pixel is the share of thresholds that it meets: its histogram, summed from the top.
        met = np.rint(self.credits.ravel() * AUC_THRESHOLDS).astype(np.int32)
        count = np.bincount(AUC_THRESHOLDS - met, minlength=AUC_THRESHOLDS + 1)[:AUC_THRESHOLDS]
        return (np.cumsum(count) / len(met)).astype(np.float32)

    def credit_by_bin(self) -> tuple[NDArray[np.uint16], Array, Array]:
        """Bins of the true colors, the share of the picture in each, and its part of `auc_credits`' mean."""
        bins = self.reference.bins
        share = np.bincount(bins) / len(bins)
        credit = np.bincount(bins, self.credits.ravel()) / len(bins)
        present = np.flatnonzero(share)
        return present.astype(np.uint16), share[present].astype(np.float32), credit[present].astype(np.float32)
