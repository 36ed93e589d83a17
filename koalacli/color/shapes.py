"""Shapes in which a network sees pictures: few of them, with sides that are multiples of its stride."""

from dataclasses import dataclass

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.settings import STRIDE

# Long sides that the network may see, as multiples of its short side. Few shapes mean full
# batches; the picture is stretched to the nearest, by at most 6% up to a ratio of 4.
ASPECT_RATIOS = (1.0, 1.125, 1.25, 1.334, 1.5, 1.667, 1.834, 2.0, 2.25, 2.5, 2.834, 3.167, 3.5, 4.0)


def network_shape(height: int, width: int, short: int) -> tuple[int, int]:
    """Height and width, of which the lesser is `short`, at which a network sees a picture of the given size."""
    ratio = min(ASPECT_RATIOS, key=lambda known: abs(np.log(known * min(height, width) / max(height, width))))
    long = round(short * ratio / STRIDE) * STRIDE
    return (short, long) if height <= width else (long, short)


def block_means(planes: Array, side: int) -> Array:
    """Means over squares of `side` places: float32 (B, H, W, C) to (B, H / side, W / side, C)."""
    batch, height, width, count = planes.shape
    blocks = planes.reshape(batch, height // side, side, width // side, side, count)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float32), np.float32)


@dataclass(frozen=True)
class Sized:
    """How a network sees pictures at one size.

    Attributes:
        short: the short side of what it sees, in pixels.
    """

    short: int

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what it sees of a picture."""
        return network_shape(height, width, self.short)

    def shrink(self, lightness: Array) -> Array:
        """Lightness (H, W, 1) at the size that it sees: float32 (h, w, 1)."""
        height, width = self.network_shape(*lightness.shape[:2])
        smaller = lightness.shape[0] * lightness.shape[1] > height * width
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return cv2.resize(lightness, (width, height), interpolation=method)[..., None]

    def closer(self) -> "Sized":
        """The same at five thirds of the size, for pictures of which much is known."""
        return Sized(round(self.short * 5 / 3 / STRIDE) * STRIDE)


def pad_to_stride(lightness: Array) -> Array:
    """Pad (B, H, W, 1) at the bottom and right to multiples of 32, by reflection."""
    for axis in (1, 2):
        size = lightness.shape[axis]
        index = np.arange(-(-size // STRIDE) * STRIDE)
        if len(index) > size:
            period = max(2 * size - 2, 1)  # reflection without repeating the edge, as often as needed
            index = index % period
            lightness = np.take(lightness, np.where(index < size, index, period - index), axis=axis)
    return lightness
