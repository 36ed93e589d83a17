"""What people know of a film's colors: found in it, solved at its frames, carried through their scenes.

Frames are looked up in a pass over the film that decodes and nothing more. A second reader then runs one scene ahead of
the coloring, links its frames, and carries what is known of some to all key frames of the scene. Where links break, the
network's opinion of a key frame stands, told what was learned at the known ones, for what looks alike.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.cbcr_video import gray8_to_lightness
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.control.hints import Hints
from koalacli.control.kernel import SCOPES, Places
from koalacli.control.lesson import Lesson
from koalacli.control.solver import apply_hints, value_at
from koalacli.io.picture.read import read_picture
from koalacli.pipelines.video.plan import Take, wanted_frames
from koalacli.pipelines.video.studio import Shot, opening_studio
from koalacli.temporal import Known, KnownScene, Method, Span, as_color, link_spans
from koalacli.temporal.motion import COLOR_SHARE, Gray

SURE_CHANGE = np.float32(2.0)  # CIELAB units; what hints change by less is carried in part, what they leave not at all


@dataclass(frozen=True)
class KnownFrames:
    """Frames of whose color something is known, by their pts.

    Attributes:
        hints: what is known of some places.
        references: pictures of frames in color.
        likes: pictures whose colors hold for what looks alike in the scenes of frames.
        gray: frames whose scenes stay gray.
        remarks: what is to be said of it.
    """

    hints: dict[int, Hints] = field(default_factory=dict)
    references: dict[int, Path] = field(default_factory=dict)
    likes: dict[int, Path] = field(default_factory=dict)
    gray: frozenset[int] = frozenset()
    remarks: tuple[str, ...] = ()

    def holds(self, shot: Shot) -> bool:
        """Whether something is known of a frame."""
        return shot.pts in self.pts

    @property
    def pts(self) -> set[int]:
        """Of all of them."""
        return {*self.hints, *self.references, *self.likes, *self.gray}

    def __bool__(self) -> bool:
        return bool(self.pts)


NOTHING_KNOWN = KnownFrames()


@dataclass(frozen=True)
class Opinion:
    """What the network says of a key frame when it is told what is known of its scene.

    Attributes:
        look: read-out of all of the scene; None for the usual one.
        lessons: of frames whose color is known, and their shares, which sum to 1.
    """

    colorizer: Colorizer
    look: Hints | None
    lessons: tuple[tuple[Lesson, float], ...] = ()

    def __call__(self, luma: Gray) -> Array:
        """Of guide luma: ab, float32 (h, w, 2)."""
        places = _seen(gray8_to_lightness(luma), self.look, self.colorizer)
        if not self.lessons:
            return places.ab
        return np.asarray(sum(lesson.apply(places) * np.float32(share) for lesson, share in self.lessons), np.float32)


@dataclass(frozen=True)
class KnownKey:
    """A key frame of a scene, by its pts, with what is known there, and how the network is asked about it."""

    pts: int
    known: Known | None
    opinion: Opinion | None = None


def with_known(spans: Iterator[Span[Shot]], keys: Generator[KnownKey, None, None]) -> Iterator[Span[Shot]]:
    """Spans with what is known at their key frames; `keys` are those of the same frames, or of more before them."""
    with closing(keys):
        for span in spans:
            key = next((key for key in keys if key.pts == span.key.pts), None)
            yield replace(span, known=key.known, opinion=key.opinion) if key else span


def known_ahead(
    take: Take, frames: KnownFrames, colorizer: Colorizer, method: Method
) -> Generator[KnownKey, None, None]:
    """Every key frame of a take with what is known there, up to the end of the last scene with any.

    One scene is held at a time: less than 500 KB per key frame of a wide picture.
    """
    studio = opening_studio(take, colorizer.network_shape)
    last = max(frames.pts)
    with take.open() as source:
        shots = (studio.open_shot(frame) for frame in wanted_frames(take, source))
        scene = _Scene(frames, colorizer)
        for span in link_spans(shots, method, frames.holds):
            if not span.links:
                yield from scene.finish()
                if scene.lumas and max(scene.lumas) >= last:
                    return
                scene = _Scene(frames, colorizer)
            scene.add(span, studio.turns)
        yield from scene.finish()


class _Scene:
    """The key frames of one scene.

    Attributes:
        lumas: guide luma by pts.
    """

    def __init__(self, frames: KnownFrames, colorizer: Colorizer):
        self.lumas: dict[int, Gray] = {}
        self._frames, self._colorizer = frames, colorizer
        self._carried, self._given = KnownScene(), dict[int, Known]()

    def add(self, span: Span[Shot], turns: int) -> None:
        """One more span."""
        key = span.key
        self.lumas[key.pts] = key.guide_luma
        given = _given(key, self._frames, self._colorizer, turns)
        if given:
            self._given[key.pts] = given
        self._carried.add(given, span.links)

    def finish(self) -> Iterator[KnownKey]:
        """All of them: what was carried there, and the network told of what was given, and of the look of the scene.

        That is saturation and vividness of its first frame that has some; a gray scene has no color at all.
        """
        hints = [self._frames.hints.get(pts) for pts in self.lumas]
        look = next((one.look for one in hints if one and one.look), None)
        gray = not self._frames.gray.isdisjoint(self.lumas)
        places = {pts: number for number, pts in enumerate(self.lumas)}
        lessons = {} if gray else {places[pts]: lesson for pts, lesson in self._lessons(look)}
        for (pts, luma), known in zip(self.lumas.items(), self._carried.finish(), strict=True):
            told = look is not None or bool(lessons)
            opinion = Opinion(self._colorizer, look, _nearest(lessons, places[pts])) if told and not gray else None
            yield KnownKey(pts, _colorless(luma) if gray else known, opinion)

    def _lessons(self, look: Hints | None) -> Iterator[tuple[int, Lesson]]:
        for pts in self.lumas:
            if pts in self._given:
                yield pts, self._learn(pts, look)
            elif pts in self._frames.likes:
                yield pts, _learn_picture(self._frames.likes[pts], self._colorizer)

    def _learn(self, pts: int, look: Hints | None) -> Lesson:
        """What the color of a frame tells of the others: hints reach there as far as the widest does in its own."""
        places = _seen(gray8_to_lightness(self.lumas[pts]), look, self._colorizer)
        known = self._given[pts]
        size = (places.ab.shape[1], places.ab.shape[0])
        color, weight = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (known.color, known.weight))
        hints = self._frames.hints.get(pts)
        wide = hints is None or pts in self._frames.references or any(one.scope == "picture" for one in hints.points)
        target = Known(color[..., :2], weight).settle(places.ab)
        return Lesson.learn(places, target, SCOPES["picture" if wide else "thing"])


def _nearest(lessons: dict[int, Lesson], here: int) -> tuple[tuple[Lesson, float], ...]:
    """The lessons of the key frames before and after one, by number; the nearer counts more."""
    before = max((place for place in lessons if place <= here), default=None)
    after = min((place for place in lessons if place >= here), default=None)
    if before is None or after is None or before == after:
        return tuple((lessons[place], 1.0) for place in {before, after} if place is not None)
    share = (here - before) / (after - before)
    return (lessons[before], 1 - share), (lessons[after], share)


def _learn_picture(path: Path, colorizer: Colorizer) -> Lesson:
    """What the colors of a picture tell of any other.

    Raises:
        InputError: it cannot be read.
    """
    pixels = read_picture(path).pixels
    places = _seen(colorizer.shrink(lightness_of(pixels)), None, colorizer)
    return Lesson.learn(places, _small_ab(pixels, (places.ab.shape[1], places.ab.shape[0])), SCOPES["picture"])


def _small_ab(pixels: Pixels, size: tuple[int, int]) -> Array:
    """ab of a picture in color at a size (width, height)."""
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return rgb_to_lab(small.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))[..., 1:]


def _seen(guide: Array, look: Hints | None, colorizer: Colorizer) -> Places:
    """A picture as the network sees it, by its small lightness (gh, gw, 1), read with a look."""
    said = colorizer.predict([guide], features=True, bin_probs=look is not None and look.needs_bins)
    assert said.features is not None
    ab = said.ab[0]
    if look:
        ab = colorizer.read_hinted(guide, said, 0, look) * np.float32(look.saturation)
    return Places.seen(said.features[0], guide, ab)


def _colorless(luma: Gray) -> Known:
    height, width = (side // COLOR_SHARE for side in luma.shape)
    return _certain(np.zeros((height, width, 3), np.float32))


def _certain(color: Array) -> Known:
    return Known(color, np.ones(color.shape[:2], np.float32))


def _given(shot: Shot, frames: KnownFrames, colorizer: Colorizer, turns: int) -> Known | None:
    """What is known of one frame."""
    reference, hints = frames.references.get(shot.pts), frames.hints.get(shot.pts)
    known = _read_reference(reference, shot) if reference else None
    if hints is None:
        return known
    solved = _solve(hints, shot, colorizer, turns)
    return solved.over(known) if known else solved


def _read_reference(path: Path, shot: Shot) -> Known:
    """The color of a picture at the size of carried color.

    Raises:
        InputError: it cannot be read.
    """
    height, width = shot.guide_luma.shape
    ab = _small_ab(read_picture(path).pixels, (width, height))
    size = (width // COLOR_SHARE, height // COLOR_SHARE)
    color = as_color(cv2.resize(ab, size, interpolation=cv2.INTER_AREA), shot.guide_luma)
    return _certain(color)


def _solve(hints: Hints, shot: Shot, colorizer: Colorizer, turns: int) -> Known:
    """The network's color of a frame, corrected by hints, and certain where they change it."""
    guide = gray8_to_lightness(shot.guide_luma)
    said = colorizer.predict([guide], features=True, bin_probs=hints.needs_bins)
    assert said.features is not None
    ab = colorizer.read_hinted(guide, said, 0, hints)
    upright = gray8_to_lightness(np.ascontiguousarray(np.rot90(shot.gray, turns)))
    solved = apply_hints(ab, said.features[0], guide, hints, lambda x, y: value_at(upright, x, y))
    color, guess = as_color(solved, shot.guide_luma), as_color(said.ab[0], shot.guide_luma)
    if hints.look or hints.proposal > 1:  # all of its color was chosen
        return _certain(color)
    change = np.sqrt(np.square(color[..., :2] - guess[..., :2]).sum(-1))
    return Known(color, np.minimum(change / SURE_CHANGE, 1).astype(np.float32))
