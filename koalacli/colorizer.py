"""Colorizer: the one path from lightness to color, used by every command and the Python API.

from koalacli import Colorizer
rgb8 = Colorizer().colorize(gray)  # gray: uint8 (H, W); rgb8: uint8 (H, W, 3)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.join import colorize_pixels, merge_color, without_axis
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.color.levels import stretch_levels
from koalacli.color.shapes import Sized, pad_to_stride
from koalacli.control.hints import Hint, Hints
from koalacli.control.kernel import Places
from koalacli.control.palette import Palette
from koalacli.control.proposals import Proposal, propose
from koalacli.control.references import STRENGTH as REFERENCE_STRENGTH
from koalacli.control.references import Followed, Reference, Seen, by_palette, choose, follow
from koalacli.control.solver import LightnessAt, Look, apply_hints, look_twice, value_at
from koalacli.errors import UsageError
from koalacli.prediction import Prediction
from koalacli.settings import STRIDE, ReadOut
from koalacli.stream import Stage, in_order, stream
from koalacli.weights_files import WeightsFile

AUTO_BATCH = {"cpu": 8, "gpu": 64}  # on a CPU larger batches gain nothing and hold more pictures
SMALLEST_BATCH = 2  # single-picture batches take other kernels, whose sums round differently

Forward = Callable[[Array], dict[str, Array]]  # lightness (B, h, w, 1) -> fields of a Prediction


class Colorizer:
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

    def with_look(self, **changes: Any) -> "Colorizer":
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

    def read_hinted(self, lightness: Array, said: Prediction, place: int, hints: Hints) -> Array:
        """Color of one picture of a batch, read as its hints ask: their proposal, or their vividness.

        Saturation, points and areas are left to `apply_hints`.

        Args:
            lightness: float32 (H, W, 1), L* 0..100, as `predict` was given it.
            said: of the batch, with features, and with bin_probs where `hints.needs_bins`.
            place: of the picture in it.

        Returns:
            float32 (h, w, 2), CIELAB units.

        Raises:
            UsageError: they ask for a proposal that there is not, or the network has no bins.
        """
        if not hints.needs_bins:
            return said.ab[place]
        if said.bin_probs is None or said.features is None:
            raise UsageError(f"{self.weights.name}: a network without bins has neither proposals nor vividness")
        ab, features, bin_probs = said.ab[place], said.features[place], said.bin_probs[place]
        if hints.vividness is not None:
            return self.read_again(lightness, bin_probs, features, hints.vividness)
        found = self.propose_from(lightness, ab, features, bin_probs, hints.proposal)
        if len(found) < hints.proposal:
            raise UsageError(f"there is no proposal {hints.proposal}: the network finds {len(found)}")
        return found[-1].ab

    def correct(
        self, lightness: Array, said: Prediction, place: int, guide: Array, hints: Hints, lightness_at: LightnessAt
    ) -> Array:
        """Color of one picture of a batch with its hints; where there are many, by a coarser look as well.

        Args:
            lightness, said, place: see `read_hinted`; of the size that `closer` gives where `hints.many`.
            guide: float32 (H, W, 1), of the same size, the lightness that the picture has.
            hints: what is known.
            lightness_at: see `apply_hints`.

        Returns:
            float32 (h, w, 2), CIELAB units.

        Raises:
            UsageError: see `read_hinted`.
        """
        assert said.features is not None
        look = Look(self.read_hinted(lightness, said, place, hints), said.features[place], guide)
        if not hints.many:
            return apply_hints(look.ab, look.features, guide, hints, lightness_at)
        smaller = self.shrink(lightness)
        first = self.predict([smaller], features=True, bin_probs=hints.needs_bins)
        assert first.features is not None
        coarse = Look(self.read_hinted(smaller, first, 0, hints), first.features[0], self.shrink(guide))
        return look_twice(coarse, look, hints, lightness_at)

    def colorize(
        self,
        pixels: Pixels,
        hints: Hints | Sequence[Hint] = (),
        *,
        reference: Pixels | None = None,
        palette: Pixels | str | None = None,
        reference_strength: float = REFERENCE_STRENGTH,
    ) -> Pixels:
        """Colorize one picture.

        Args:
            pixels: gray (H, W) or (H, W, 1), or rgb (H, W, 3) of which only the lightness is used;
                uint8 or uint16, gamma-encoded sRGB.
            hints: what is known of its colors.
            reference: a photograph whose colors it takes over where the network finds them possible, rgb (h, w, 3),
                uint8 or uint16; see `control.references`.
            palette: a photograph, or an entry of PALETTES: how frequent its colors are is all that is taken over.
            reference_strength: 0 leaves the network's colors, 1 follows the reference or palette as far as may be.

        Returns:
            rgb (H, W, 3) of the same dtype and size, with the lightness of the input.

        Raises:
            UsageError: there is no such strength or palette, several of hints, reference and palette are given, or
                the network has no bins.
        """
        if sum((bool(hints), reference is not None, palette is not None)) > 1:
            raise UsageError("hints, a reference and a palette cannot all be followed; give one of them")
        if not 0 <= reference_strength <= 1:
            raise UsageError(f"reference strength {reference_strength:g} is not between 0 and 1")
        if reference is not None or palette is not None:
            guide = self.shrink(lightness_of(without_axis(pixels)))
            if reference is not None:
                ab, _ = self.follow_reference(guide, self.look_at_reference(reference), reference_strength)
            else:
                wished = Palette.named(palette) if isinstance(palette, str) else Palette.of(np.asarray(palette))
                ab = self.follow_palette(guide, wished, reference_strength)
            return colorize_pixels(without_axis(pixels), guide, ab, pixels.dtype)
        if not hints:
            return next(self.stream([pixels]))
        known = hints if isinstance(hints, Hints) else Hints(tuple(hints))
        lightness = lightness_of(without_axis(pixels))
        guide = self.closer().shrink(lightness) if known.many else self.shrink(lightness)
        said = self.predict([guide], features=True, bin_probs=known.needs_bins)
        ab = self.correct(guide, said, 0, guide, known, lambda x, y: value_at(lightness, x, y))
        return merge_color(lightness, guide, ab, pixels.dtype)

    def look_at_reference(self, rgb: Pixels, name: str = "") -> Reference:
        """A photograph (H, W, 3) in color, uint8 or uint16, as `follow_reference` takes it; `name` is for records."""
        guide = self.shrink(lightness_of(rgb))
        said = self.predict([guide], features=True)
        assert said.features is not None
        true = rgb_to_lab(rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max))[..., 1:]
        true = cv2.resize(true, said.ab.shape[2:0:-1], interpolation=cv2.INTER_AREA)
        return Reference(guide, Places.seen(said.features[0], guide, true), name)

    def follow_reference(self, guide: Array, reference: Reference, strength: float) -> tuple[Array, str]:
        """Small ab (h, w, 2) of a guide (gh, gw, 1), from `shrink`, and how it was made; see `control.references`."""
        return follow(self._seen(guide), reference, self._bins, self.read_out, strength)

    def follow_best(self, guide: Array, references: Sequence[Reference], strength: float) -> Followed:
        """Small color of a guide (gh, gw, 1), from `shrink`, by the best of several references."""
        seen = self._seen(guide)
        best = choose(seen, references)
        ab, how = follow(seen, best, self._bins, self.read_out, strength)
        return Followed(ab, f"{best.name}, strength {strength:g}, {how}")

    def follow_palette(self, guide: Array, palette: Palette, strength: float) -> Array:
        """Small ab (h, w, 2) of a guide (gh, gw, 1), from `shrink`, with the colors of a palette where they may be."""
        return by_palette(self._seen(guide), palette.encode(self._bins), self._bins, self.read_out, strength)

    def _seen(self, guide: Array) -> Seen:
        said = self.predict([guide], bin_probs=True, features=True)
        assert said.features is not None
        assert said.bin_probs is not None
        return Seen(guide, said.features[0], said.bin_probs[0], said.ab[0])

    @property
    def _bins(self) -> Array:
        bins: Array = self.weights.network.tables["gamut_bins"]
        return bins

    def propose(self, pixels: Pixels, count: int) -> list[Pixels]:
        """Several colorings of one picture that the network finds possible, clearly different from one another.

        Args:
            pixels: see `colorize`.
            count: how many are wanted.

        Returns:
            the usual one first; fewer than `count` where there are no more. See `control.proposals`.

        Raises:
            UsageError: the network has no bins.
        """
        gray = without_axis(pixels)
        guide = self.shrink(lightness_of(gray))
        return [colorize_pixels(gray, guide, one.ab, pixels.dtype) for one in self.propose_colors([guide], count)[0]]

    def propose_colors(self, guides: Sequence[Array], count: int) -> list[list[Proposal]]:
        """For every guide (h, w, 1) of one size, from `shrink`: its proposals, at the network's output size."""
        plain = self.predict(guides).ab  # the function that makes the usual color: its bits are the first proposal's
        said = self.predict(guides, bin_probs=True, features=True)
        assert said.features is not None
        assert said.bin_probs is not None
        pictures = zip(guides, plain, said.features, said.bin_probs, strict=True)
        return [self.propose_from(*picture, count) for picture in pictures]

    def propose_from(self, guide: Array, ab: Array, features: Array, bin_probs: Array, count: int) -> list[Proposal]:
        """Proposals of one picture that `predict` was asked about; arrays are its own, without the batch's axis."""
        bins, read = self.weights.network.tables["gamut_bins"], partial(self.read_again, guide, bin_probs, features)
        return propose(Places.seen(features, guide, ab), bin_probs, bins, read, self.read_out, count)

    def stream(self, pictures: Iterable[Pixels]) -> Iterator[Pixels]:
        """Colorize pictures of any sizes, in order, reading ahead no more than a few batches."""
        stage: Stage[tuple[int, Pixels], Array, Pixels] = Stage(
            read=lambda item: self.shrink(lightness_of(without_axis(item[1]))),
            key=lambda guide: guide.shape,
            run=lambda guides: list(self.predict(guides).ab),
            write=lambda item, guide, ab: colorize_pixels(without_axis(item[1]), guide, ab, item[1].dtype),
        )
        made = stream(enumerate(pictures), stage, batch_size=self.batch_size, workers=2, ahead=3 * self.batch_size)
        yield from in_order((number, result) for (number, _), result in made)

    def merge(self, lightness: Array, guide: Array, ab: Array, dtype: Any = np.uint8) -> Pixels:
        """Join full-size lightness (H, W, 1) with ab (h, w, 2) by the guide from `shrink`; rgb (H, W, 3) of a dtype."""
        return merge_color(lightness, guide, ab, dtype)

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
