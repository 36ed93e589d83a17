"""What people know of a film's colors: found in it, solved at its frames, carried through their scenes.

Frames are looked up in a pass over the film that decodes and nothing more. A second reader then runs one scene ahead of
the coloring, links its frames, and carries what is known of some to all key frames of the scene.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.color.cbcr_video import gray8_to_lightness
from koalacli.color.lab import rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.control.hints import Hints
from koalacli.control.solver import apply_hints, value_at
from koalacli.io.picture.read import read_picture
from koalacli.pipelines.video.plan import Take, wanted_frames
from koalacli.pipelines.video.studio import Shot, opening_studio
from koalacli.temporal import Known, KnownScene, Method, Span, as_color, link_spans
from koalacli.temporal.motion import COLOR_SHARE, Gray

SURE_CHANGE = np.float32(2.0)  # CIELAB units; what hints change by less is carried in part, what they leave not at all
Key = tuple[int, Known | None]  # pts of a key frame, and what is known there


@dataclass(frozen=True)
class KnownFrames:
    """Frames of whose color something is known, by their pts.

    Attributes:
        hints: what is known of some places.
        references: pictures of frames in color.
        gray: frames whose scenes stay gray.
        remarks: what is to be said of it.
    """

    hints: dict[int, Hints] = field(default_factory=dict)
    references: dict[int, Path] = field(default_factory=dict)
    gray: frozenset[int] = frozenset()
    remarks: tuple[str, ...] = ()

    def holds(self, shot: Shot) -> bool:
        """Whether something is known of a frame."""
        return shot.pts in self.pts

    @property
    def pts(self) -> set[int]:
        """Of all of them."""
        return {*self.hints, *self.references, *self.gray}

    def __bool__(self) -> bool:
        return bool(self.pts)


NOTHING_KNOWN = KnownFrames()


def with_known(spans: Iterator[Span[Shot]], keys: Generator[Key, None, None]) -> Iterator[Span[Shot]]:
    """Spans with what is known at their key frames; `keys` are those of the same frames, or of more before them."""
    with closing(keys):
        for span in spans:
            known = next((known for pts, known in keys if pts == span.key.pts), None)
            yield replace(span, known=known)


def known_ahead(take: Take, frames: KnownFrames, colorizer: Colorizer, method: Method) -> Generator[Key, None, None]:
    """Every key frame of a take by its pts, with what is known there, up to the end of the last scene with any.

    One scene is held at a time: less than 500 KB per key frame of a wide picture.
    """
    studio = opening_studio(take, colorizer.network_shape)
    last = max(frames.pts)
    with take.open() as source:
        shots = (studio.open_shot(frame) for frame in wanted_frames(take, source))
        scene, lumas = KnownScene(), dict[int, Gray]()
        for span in link_spans(shots, method, frames.holds):
            if not span.links:
                yield from _with_ground(lumas, scene.finish(), frames, colorizer)
                if lumas and max(lumas) >= last:
                    return
                scene, lumas = KnownScene(), {}
            lumas[span.key.pts] = span.key.guide_luma
            scene.add(_given(span.key, frames, colorizer, studio.turns), span.links)
        yield from _with_ground(lumas, scene.finish(), frames, colorizer)


def _with_ground(
    lumas: dict[int, Gray], carried: list[Known | None], frames: KnownFrames, colorizer: Colorizer
) -> Iterator[Key]:
    """Key frames of one scene, guide luma by pts, with what was carried to them, over what holds for all the scene.

    That is no color at all, or the look, saturation and vividness, of its first frame that has one.
    """
    gray = not frames.gray.isdisjoint(lumas)
    looks = [hints.look for pts in lumas if (hints := frames.hints.get(pts)) and hints.look]
    for (pts, luma), known in zip(lumas.items(), carried, strict=True):
        if gray:
            yield pts, _colorless(luma)
        elif looks:
            ground = _looked(looks[0], luma, colorizer)
            yield pts, known.over(ground) if known else ground
        else:
            yield pts, known


def _colorless(luma: Gray) -> Known:
    height, width = (side // COLOR_SHARE for side in luma.shape)
    return _certain(np.zeros((height, width, 3), np.float32))


def _certain(color: Array) -> Known:
    return Known(color, np.ones(color.shape[:2], np.float32))


def _looked(look: Hints, luma: Gray, colorizer: Colorizer) -> Known:
    """The network's color of a frame, by its guide luma, with a look."""
    guide = gray8_to_lightness(luma)
    said = colorizer.predict([guide], features=True, bin_probs=look.needs_bins)
    ab = colorizer.read_hinted(guide, said, 0, look) * np.float32(look.saturation)
    return _certain(as_color(ab, luma))


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
    pixels = read_picture(path).pixels
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    ab = rgb_to_lab(small.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))[..., 1:]
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
