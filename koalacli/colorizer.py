"""Colorizer: the one path from lightness to color, used by every command and the Python API.

from koalacli import Colorizer

rgb8 = Colorizer().colorize(gray)  # gray: uint8 (H, W); rgb8: uint8 (H, W, 3)
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.join import colorize_pixels, merge_color
from koalacli.color.lab import lightness_of
from koalacli.color.levels import LARGEST_RANGE, stretch_levels
from koalacli.config import STRIDE, ReadOut
from koalacli.errors import KoalaError, UsageError
from koalacli.stream import Stage, stream

# Long sides that the network may see, as multiples of its short side. Few shapes mean full
# batches; the picture is stretched to the nearest, by at most 6% up to a ratio of 4.
ASPECT_RATIOS = (1.0, 1.125, 1.25, 1.334, 1.5, 1.667, 1.834, 2.0, 2.25, 2.5, 2.834, 3.167, 3.5, 4.0)
AUTO_BATCH = {"cpu": 8, "gpu": 64}  # on a CPU larger batches gain nothing and hold more pictures
SMALLEST_BATCH = 2  # single-picture batches take other kernels, whose sums round differently


class Colorizer:
    """A loaded network with its read-out.

    Args:
        weights: name of shipped weights, or path of a weights file.
        device: auto, cpu, gpu or gpu:N.
        read_out: replaces single settings of the weights' own read-out; see `ReadOut`.
        batch_size: pictures per network call; "auto" chooses by device.

    Raises:
        WeightsError, DeviceError, UsageError.
    """

    def __init__(
        self,
        weights: str | Path = "koala",
        device: str = "auto",
        *,
        batch_size: int | str = "auto",
        **read_out: Any,
    ):
        from koalacli.model.backend import trace as backend
        from koalacli.model.weights import load_weights

        self.device = backend.choose_device(device)
        with backend.on_device(self.device):
            self.weights = load_weights(weights, folded=True)
        self.read_out = _checked(replace(self.weights.read_out, **read_out))
        self.batch_size = AUTO_BATCH[self.device.split(":")[0]] if batch_size == "auto" else int(batch_size)
        self._predict = backend.compile_function(self._forward, (None, None, None, 1))
        self._is_out_of_memory = backend.is_out_of_memory
        self._scope = backend.on_device
        self.predict_ab(np.zeros((1, STRIDE, STRIDE, 1), np.float32))  # trace now: the first picture waits for nothing

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the network sees a picture of the given size."""
        short = self.read_out.size
        ratio = min(ASPECT_RATIOS, key=lambda known: abs(np.log(known * min(height, width) / max(height, width))))
        long = round(short * ratio / STRIDE) * STRIDE
        return (short, long) if height <= width else (long, short)

    def shrink(self, lightness: Array) -> Array:
        """Lightness (H, W, 1) at the size that the network sees: float32 (h, w, 1)."""
        height, width = self.network_shape(*lightness.shape[:2])
        smaller = lightness.shape[0] * lightness.shape[1] > height * width
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return cv2.resize(lightness, (width, height), interpolation=method)[..., None]

    def predict_ab(self, lightness: Array) -> Array:
        """Color of pictures of any one size, at the network's own output size.

        Args:
            lightness: float32 (B, h, w, 1), L* 0..100. Sides that are no multiples of 32 are
                padded by reflection and the result is cropped back.

        Returns:
            float32 (B, ceil(h/s), ceil(w/s), 2), CIELAB units; s is the network's output stride.
        """
        height, width = lightness.shape[1:3]
        seen = np.stack([stretch_levels(picture, self.read_out.stretch) for picture in lightness])
        padded = pad_to_stride(seen)
        done: list[Array] = []
        while sum(map(len, done)) < len(padded):
            chunk = padded[sum(map(len, done)) :][: self.batch_size]
            try:
                done.append(self._predict_chunk(chunk))
            except Exception as error:
                if not self._is_out_of_memory(error) or self.batch_size == 1:
                    raise
                self.batch_size //= 2
        stride = self.weights.network.config.output_stride
        return np.concatenate(done)[:, : -(-height // stride), : -(-width // stride)]

    def predict_ab_of(self, guides: list[Array]) -> Array:
        """`predict_ab` of lightness pictures (h, w, 1) of one size."""
        return self.predict_ab(np.stack(guides))

    def colorize(self, pixels: Pixels) -> Pixels:
        """Colorize one picture.

        Args:
            pixels: gray (H, W) or (H, W, 1), or rgb (H, W, 3) of which only the lightness is used;
                uint8 or uint16, gamma-encoded sRGB.

        Returns:
            rgb (H, W, 3) of the same dtype and size, with the lightness of the input.
        """
        return next(self.stream([pixels]))

    def stream(self, pictures: Iterable[Pixels]) -> Iterator[Pixels]:
        """Colorize pictures of any sizes, in order, reading ahead no more than a few batches."""
        ready: dict[int, Pixels] = {}
        following = 0
        stage: Stage[tuple[int, Pixels], Array, Pixels] = Stage(
            read=lambda item: self.shrink(lightness_of(_without_axis(item[1]))),
            key=lambda guide: guide.shape,
            run=lambda guides: list(self.predict_ab_of(guides)),
            write=lambda item, guide, ab: colorize_pixels(_without_axis(item[1]), guide, ab, item[1].dtype),
        )
        for (number, _), result in stream(
            enumerate(pictures), stage, batch_size=self.batch_size, workers=2, ahead=3 * self.batch_size
        ):
            if isinstance(result, KoalaError):
                raise result
            ready[number] = result
            while following in ready:
                yield ready.pop(following)
                following += 1

    def merge(self, lightness: Array, guide: Array, ab: Array, dtype: Any = np.uint8) -> Pixels:
        """Join full-size lightness (H, W, 1) with small ab (h, w, 2); rgb (H, W, 3) of dtype uint8 or uint16.

        `guide` is the lightness that the network saw, from `shrink`.
        """
        return merge_color(lightness, guide, ab, dtype)

    def _predict_chunk(self, chunk: Array) -> Array:
        missing = max(0, SMALLEST_BATCH - len(chunk))
        filled = np.concatenate([chunk, *[chunk[-1:]] * missing]) if missing else chunk
        with self._scope(self.device):
            return np.asarray(self._predict(np.ascontiguousarray(filled, np.float32)))[: len(chunk)]

    def _forward(self, lightness: Any) -> Any:
        from koalacli.model.heads import HEADS

        network = self.weights.network
        outputs = network.model(lightness, training=False)
        read_out = HEADS[network.config.head].read_out
        return read_out(outputs, network.tables, network.config, self.read_out.vividness) * self.read_out.saturation


def _without_axis(pixels: Pixels) -> Pixels:
    """Gray (H, W) where it was (H, W, 1)."""
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


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


def _checked(read_out: ReadOut) -> ReadOut:
    if read_out.size < STRIDE or read_out.size % STRIDE:
        raise UsageError(f"size {read_out.size} is not a positive multiple of {STRIDE}")
    if read_out.vividness <= 0:
        raise UsageError(f"vividness {read_out.vividness} must be above 0 (0.2 is vivid, 1.0 is calm)")
    if read_out.saturation < 0:
        raise UsageError(f"saturation {read_out.saturation} must not be negative")
    if not 0 <= read_out.stretch <= LARGEST_RANGE:
        raise UsageError(f"stretch {read_out.stretch} is not between 0 and {LARGEST_RANGE:g}")
    return read_out
