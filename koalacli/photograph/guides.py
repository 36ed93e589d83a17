"""Guides: what the network shall see of a photograph."""

from typing import Protocol

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.lab import lightness_of
from koalacli.color.tone import channel_of_toned

REDUCED = 3  # pictures are averaged down to no less than this many times the network's size before


class Sight(Protocol):
    """How the network sees; a Colorizer is one."""

    def shrink(self, lightness: Array) -> Array:
        """Lightness (H, W, 1) at the size that the network sees."""

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of that."""

    def closer(self) -> "Sight":
        """How it sees pictures of which much is known."""


def guide_of(pixels: Pixels, sight: Sight) -> Array:
    """The lightness of a picture at the size that the network sees.

    Pictures much larger than that are halved as they are first: averaging codes instead of
    lightness moves L* by a few hundredths and saves most of the time.
    """
    if pixels.ndim == 2 and pixels.dtype == np.uint8:
        size = sight.network_shape(*pixels.shape)
        while pixels.shape[0] >= 2 * REDUCED * size[0] and pixels.shape[1] >= 2 * REDUCED * size[1]:
            pixels = _halved(pixels)
    return sight.shrink(lightness_of(pixels))


def seen_of(pixels: Pixels, guide: Array, sight: Sight) -> Array:
    """What the network shall see of a picture with this guide: of toned ones, the channel that tells most."""
    channel = channel_of_toned(pixels)
    return guide if channel is None else sight.shrink(lightness_of(channel))


def _halved(pixels: Pixels) -> Pixels:
    even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
    return np.asarray(cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
