"""Metrics of a clip over time: does color stay, where the picture stays?"""

from collections import deque
from typing import Protocol

import cv2
import numpy as np

from koalacli.arrays import Array, Rgb8
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.metrics.pictures import Double

CDC_STEPS = (1, 2, 4)  # frames apart
FLOW_SIDE = 512  # longer side at which flow is found and colors are compared, pixels
FLOW_PRESET = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
SAME_LUMA = 12.0  # codes of 255; where warped luma differs more, the two are not the same thing


def histograms(rgb8: Rgb8) -> Double:
    """Share of the pixels with each of 256 codes, (3, 256)."""
    counts = [np.bincount(rgb8[..., channel].ravel(), minlength=256) for channel in range(3)]
    return np.array(counts) / rgb8[..., 0].size


def jensen_shannon(first: Double, second: Double) -> float:
    """Jensen-Shannon divergence of histograms (..., 256) in nats, mean over the leading axes; 0 to ln 2."""
    middle = (first + second) / 2

    def to_middle(share: Double) -> Double:
        ratio = np.divide(share, middle, out=np.ones_like(share), where=share > 0)
        return np.asarray((share * np.log(ratio)).sum(-1))

    return float(np.mean((to_middle(first) + to_middle(second)) / 2))


class Meter(Protocol):
    """Takes in a clip frame by frame; what the metrics of clips are made of."""

    def add(self, rgb8: Rgb8, motion: "Motion") -> None:
        """Take in the next frame, uint8 (H, W, 3), and the motion of the reference that led to it."""

    def value(self) -> float:
        """What was found; NaN where the clip is too short."""


class ColorConsistency:
    """CDC, color distribution consistency: mean divergence of histograms 1, 2 and 4 frames apart, lower is better.

    Liu et al., "Temporally Consistent Video Colorization" (2021). A gray clip scores as well as
    its lightness allows: read it beside colorfulness, and beside the reference's own.
    """

    def __init__(self) -> None:
        self._recent: deque[Double] = deque(maxlen=max(CDC_STEPS) + 1)
        self._found: dict[int, list[float]] = {step: [] for step in CDC_STEPS}

    def add(self, rgb8: Rgb8, motion: "Motion") -> None:
        """Take in the next frame, uint8 (H, W, 3); motion does not count."""
        self._recent.append(histograms(rgb8))
        for step in CDC_STEPS:
            if len(self._recent) > step:
                self._found[step].append(jensen_shannon(self._recent[-1 - step], self._recent[-1]))

    def value(self) -> float:
        """NaN where the clip is too short."""
        return float(np.mean([np.mean(found) if found else np.nan for found in self._found.values()]))


class Motion:
    """Where things of one frame were in the frame before, found on the reference's luma, for all subjects alike.

    Dense inverse search flow (Kroeger et al. 2016), OpenCV's medium preset, at 512 pixels.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(FLOW_PRESET)
        self._before: Rgb8 | None = None
        self.place: Array | None = None  # float32 (h, w, 2): x and y in the frame before
        self.same: np.ndarray | None = None  # bool (h, w): where it is the same thing

    def add(self, rgb8: Rgb8) -> None:
        """Take in the next frame of the reference; `place` and `same` are None after the first."""
        luma = np.rint(lightness_of(_small(rgb8))[..., 0] * np.float32(2.55)).astype(np.uint8)
        if self._before is not None:
            flow = self._flow.calc(luma, self._before, None)
            height, width = luma.shape
            across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
            self.place = flow + np.stack([across, down], -1)
            inside = (self.place >= 0).all(-1) & (self.place <= (width - 1, height - 1)).all(-1)
            warped = cv2.remap(self._before, self.place, None, cv2.INTER_LINEAR)
            self.same = inside & (cv2.absdiff(luma, warped) <= SAME_LUMA)
        self._before = luma


class WarpError:
    """Mean ab distance, CIELAB units, between what moved and what it was in the frame before; lower is better.

    The definition is koala's own: the frame before is warped by `Motion`; only where luma says
    that it is the same thing are colors compared. A gray clip scores 0: read it beside CF.
    """

    def __init__(self) -> None:
        self._before: Array | None = None
        self._found: list[float] = []

    def add(self, rgb8: Rgb8, motion: Motion) -> None:
        """Take in the next frame and the motion that led to it."""
        ab = rgb_to_lab(_small(rgb8).astype(np.float32) / np.float32(255))[..., 1:]
        if self._before is not None and motion.place is not None and motion.same is not None and motion.same.any():
            warped = cv2.remap(self._before, motion.place, None, cv2.INTER_LINEAR)
            distance = np.hypot(*np.moveaxis(ab - warped, -1, 0))
            self._found.append(float(distance[motion.same].mean(dtype=np.float64)))
        self._before = ab

    def value(self) -> float:
        """NaN where no two frames could be compared."""
        return float(np.mean(self._found)) if self._found else float("nan")


def _small(rgb8: Rgb8) -> Rgb8:
    height, width = rgb8.shape[:2]
    scale = min(1.0, FLOW_SIDE / max(height, width))
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA), np.uint8)
