"""Colorizer: the one path from lightness to color, used by every command and the Python API.

from koalacli import Colorizer
rgb8 = Colorizer().colorize(gray)  # gray: uint8 (H, W); rgb8: uint8 (H, W, 3)
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.join import colorize_pixels, merge_color, without_axis
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.control.hints import Hint, Hints
from koalacli.control.kernel import Places
from koalacli.control.palette import Palette
from koalacli.control.proposals import Proposal, propose
from koalacli.control.references import STRENGTH as REFERENCE_STRENGTH
from koalacli.control.references import Followed, Reference, Seen, by_palette, choose, follow
from koalacli.control.solver import LightnessAt, Look, apply_hints, look_twice, value_at
from koalacli.errors import UsageError
from koalacli.prediction import Prediction
from koalacli.predictor import Predictor
from koalacli.stream import Stage, in_order, stream


class Colorizer(Predictor):
    """A loaded network that colors pictures: as it would itself, or by what is known of their colors."""

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
