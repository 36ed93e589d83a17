"""Predictor: a loaded network with its read-out, from the lightness that it sees to what it says."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from koalacli.arrays import Array
from koalacli.color.levels import stretch_levels
from koalacli.color.shapes import Sized, pad_to_stride
from koalacli.errors import UsageError
from koalacli.prediction import Prediction
from koalacli.settings import STRIDE, ReadOut
from koalacli.weights_files import WeightsFile

AUTO_BATCH = {"cpu": 8, "gpu": 64}  # on a CPU larger batches gain nothing and hold more pictures
SMALLEST_BATCH = 2  # single-picture batches take other kernels, whose sums round differently

Forward = Callable[[Array], dict[str, Array]]  # lightness (B, h, w, 1) -> fields of a Prediction


class Predictor:
    """A loaded network with its read-out.

    Args:
        weights: name of shipped weights, path of a weights file, or one that `open_weights` has opened.
        device: auto, cpu, gpu or gpu:N.
        batch_size: pictures per network call; "auto" chooses by device.
        size, vividness, saturation, stretch, method: replace settings of the weights' own read-out; see `ReadOut`.

    Raises:
        WeightsError, DeviceError, UsageError.
    """

    def __init__(
        self,
        weights: str | Path | WeightsFile = "koala",
        device: str = "auto",
        *,
        batch_size: int | str = "auto",
        size: int | None = None,
        vividness: float | None = None,
        saturation: float | None = None,
        stretch: float | None = None,
        method: str | None = None,
    ):
        from koalacli.model.backend import trace
        from koalacli.model.read_outs import find_fault
        from koalacli.model.weights import load_weights

        if batch_size != "auto" and not (str(batch_size).isdigit() and int(batch_size) > 0):
            raise UsageError(f"batch size {batch_size} is neither auto nor a positive number (--batch-size)")
        self._backend = trace
        self.device = trace.choose_device(device)
        with trace.on_device(self.device):
            self.weights = load_weights(weights, folded=True)
        asked = ("size", size), ("vividness", vividness), ("saturation", saturation), ("stretch", stretch)
        given: dict[str, Any] = {name: value for name, value in (*asked, ("method", method)) if value is not None}
        self._read_out = replace(self.weights.read_out, **given)
        if fault := find_fault(self._read_out, self.weights.network.config.head):
            raise UsageError(fault)
        self.batch_size = AUTO_BATCH[self.device.split(":")[0]] if batch_size == "auto" else int(batch_size)
        self._known: dict[tuple[bool, bool], Forward] = {}
        self.predict(np.zeros((1, STRIDE, STRIDE, 1), np.float32))  # trace now: the first picture waits for nothing

    def with_look(self, **changes: Any) -> Self:
        """The same loaded network with other settings of its read-out, by name; traced when it is first used.

        Raises:
            UsageError: a setting is out of range, or none of this network's.
        """
        from koalacli.model.read_outs import find_fault

        other = copy(self)
        other._read_out = replace(self.read_out, **changes)
        if other._read_out != self.read_out:
            other._known = {}
        if fault := find_fault(other.read_out, self.weights.network.config.head):
            raise UsageError(fault)
        return other

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        """See `color.shapes`."""
        return Sized(self.read_out.size).network_shape(height, width)

    def shrink(self, lightness: Array) -> Array:
        """Lightness (H, W, 1) at the size that the network sees: float32 (h, w, 1)."""
        return Sized(self.read_out.size).shrink(lightness)

    def closer(self) -> Sized:
        """How it sees pictures of which much is known; see `Hints.many`."""
        return Sized(self.read_out.size).closer()

    @property
    def read_out(self) -> ReadOut:
        """How color is read; a part of the traced function, so it cannot change any more."""
        return self._read_out

    def predict(
        self, lightness: Array | Sequence[Array], *, bin_probs: bool = False, features: bool = False
    ) -> Prediction:
        """What the network says of pictures of any one size, at its own output size.

        Args:
            lightness: float32 (B, h, w, 1), L* 0..100, or a list of (h, w, 1). Sides that are no multiples
                of 32 are padded by reflection and the result is cropped back.
            bin_probs, features: what else is wanted; see `Prediction`. Neither costs anything otherwise.

        Raises:
            UsageError: bin_probs were asked of a network without bins.
        """
        seen = np.stack([stretch_levels(picture, self.read_out.stretch) for picture in lightness])
        (height, width), padded = seen.shape[1:3], pad_to_stride(seen)
        forward = self._traced(bin_probs, features)
        done: list[dict[str, Array]] = []
        first = 0
        while first < len(padded):
            try:
                done.append(self._run(forward, padded[first : first + self.batch_size]))
            except Exception as error:
                if not self._backend.is_out_of_memory(error) or self.batch_size == 1:
                    raise
                self.batch_size //= 2
            else:
                first += len(done[-1]["ab"])
        stride = self.weights.network.config.output_stride
        rows, columns = -(-height // stride), -(-width // stride)
        whole = done[0] if len(done) == 1 else {name: np.concatenate([part[name] for part in done]) for name in done[0]}
        return Prediction(**{name: array[:, :rows, :columns] for name, array in whole.items()})

    def read_again(self, lightness: Array, bin_probs: Array, features: Array, vividness: float) -> Array:
        """Color of one picture at another temperature: what the network gives with that vividness as its own.

        Args:
            lightness: float32 (H, W, 1), L* 0..100, as `predict` was given it.
            bin_probs, features: float32 (h, w, ...), of this picture, from `predict`.
            vividness: 0.2 is vivid, 1 is calm.

        Returns:
            float32 (h, w, 2), CIELAB units.
        """
        from koalacli.model.read_outs import read_again

        network, stride = self.weights.network, self.weights.network.config.output_stride
        seen = pad_to_stride(stretch_levels(lightness, self.read_out.stretch)[None])
        seen = seen[:, : features.shape[0] * stride, : features.shape[1] * stride]
        with self._backend.on_device(self.device):
            ab = read_again(network, replace(self.read_out, vividness=vividness), seen, bin_probs[None], features[None])
        return np.asarray(ab)[0]

    def _traced(self, bin_probs: bool, features: bool) -> Forward:
        """The compiled function that gives just what is asked for; traced at the first request."""
        from koalacli.model.read_outs import make_forward

        asked = bin_probs, features
        if asked not in self._known:
            network = self.weights.network
            if bin_probs and not network.config.bins:
                raise UsageError(f"{self.weights.name}: a network without bins has no bin_probs")
            forward = make_forward(network, self.read_out, bin_probs=bin_probs, features=features)
            self._known[asked] = self._backend.compile_function(forward, (None, None, None, 1))
        return self._known[asked]

    def _run(self, forward: Forward, chunk: Array) -> dict[str, Array]:
        missing = max(0, SMALLEST_BATCH - len(chunk))
        filled = np.concatenate([chunk, *[chunk[-1:]] * missing]) if missing else chunk
        with self._backend.on_device(self.device):
            made = forward(np.ascontiguousarray(filled, np.float32))
        return {name: np.asarray(array)[: len(chunk)] for name, array in made.items()}
