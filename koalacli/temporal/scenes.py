"""A film cut into scenes, and scenes into spans from key frame to key frame."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import cv2

from koalacli.arrays import Array
from koalacli.temporal.known import Known
from koalacli.temporal.motion import Gray, Link, Tracker


@dataclass(frozen=True)
class Method:
    """How much work steadiness is given.

    Attributes:
        spacing: frames from one key frame to the next.
        memory: opinions of the past, and as many of the future, that color averages at most.
        ahead: key frames after a key frame that are looked at for its color; their frames wait in memory.
        flow_preset: of OpenCV's DIS optical flow.
    """

    spacing: int
    memory: float
    ahead: int
    flow_preset: int


METHODS = {
    "fast": Method(spacing=6, memory=4, ahead=6, flow_preset=cv2.DISOPTICAL_FLOW_PRESET_FAST),
    "best": Method(spacing=3, memory=8, ahead=12, flow_preset=cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
}


class HasSmall(Protocol):
    """What a frame must offer: `guide_luma`, its luma at the size that the network sees, full range, upright."""

    @property
    def guide_luma(self) -> Gray: ...


S = TypeVar("S", bound=HasSmall)


@dataclass(frozen=True)
class Span(Generic[S]):
    """Frames after one key frame, up to and with the next, and a link from each to its predecessor.

    The first span of a scene is one frame without a link.

    Attributes:
        known: of the color of the key frame.
        opinion: its luma (H, W) -> ab, float32 (h, w, 2), instead of what the network says without more.
    """

    shots: list[S]
    links: list[Link]
    known: Known | None = None
    opinion: Callable[[Gray], Array] | None = None

    @property
    def key(self) -> S:
        """The key frame that ends the span."""
        return self.shots[-1]


def link_spans(
    shots: Iterable[S], method: Method, is_key: Callable[[S], bool] = lambda shot: False
) -> Iterator[Span[S]]:
    """Cut a film into scenes and scenes into spans from key frame to key frame.

    Args:
        shots: frames in order of display, all of one size.
        method: an entry of METHODS.
        is_key: frames that have to be key frames.

    Yields:
        Spans that hold every shot once, in order. The frame before a cut is a key frame too, so
        that every span can be colored from both of its ends.
    """
    tracker = Tracker(method.flow_preset)
    waiting: list[S] = []
    links: list[Link] = []
    before: Gray | None = None
    for shot in shots:
        link = None if before is None else tracker.link(before, shot.guide_luma)
        before = shot.guide_luma
        if link is None:
            if waiting:
                yield Span(waiting, links)
            yield Span([shot], [])
            waiting, links = [], []
            continue
        waiting.append(shot)
        links.append(link)
        if len(waiting) == method.spacing or is_key(shot):
            yield Span(waiting, links)
            waiting, links = [], []
    if waiting:
        yield Span(waiting, links)
