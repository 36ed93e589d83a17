"""Steady color: scene cuts, dense flow, and color carried along it.

Everything happens at small sizes: flow on the lightness picture that the network sees, color at
half its sides. The network looks at key frames only. At each key frame, the color carried
there from the key frame before is averaged with the network's new opinion; the frames in
between take color from the key frames on both sides. Three things stop color from ghosting:

* a link between two frames is trusted where flow there and back agree and luma is the same;
* every pixel has an age, the number of opinions its color is an average of, and distrust
  lowers it: what has just come into view has age 0 and takes the network's color at once;
* a scene cut begins a new scene, which shares nothing with the old one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Gray = NDArray[np.uint8]

CUT_RATIO = 0.4  # luma left unexplained by motion, as a share of contrast: about 0.05 within scenes, 0.8 at cuts
CUT_FLOOR = 4.0  # and in codes of 255 at least so much: empty scenes have no contrast to measure by
ROUND_TRIP = 1.0  # pixels of the network's input by which flow there and back may disagree
SAME_LUMA = 12.0  # codes of 255 by which the luma of one thing may change between two frames
COLOR_SHARE = 2  # sides of the network's input over sides of the carried color
FLOOR = np.float32(1e-3)  # weight of a link that nothing speaks for, so that weights never sum to 0
KEYS_AT_ONCE, FRAMES_AT_ONCE = 2, 4  # per network call
MOST_LOST = 4.0  # factor of lost chroma beyond which opinions contradict each other, and none is right


@dataclass(frozen=True)
class Method:
    """How much work steadiness is given.

    Attributes:
        spacing: frames from one key frame to the next.
        memory: opinions that color averages at most; in frames, times the spacing.
        flow_preset: of OpenCV's DIS optical flow.
    """

    spacing: int
    memory: float
    flow_preset: int


METHODS = {
    "fast": Method(spacing=6, memory=4, flow_preset=cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST),
    "best": Method(spacing=3, memory=8, flow_preset=cv2.DISOPTICAL_FLOW_PRESET_FAST),
}


class HasSmall(Protocol):
    """What a frame must offer: `small`, its luma at the size that the network sees, full range, upright."""

    @property
    def small(self) -> Gray: ...


Item = TypeVar("Item")
S = TypeVar("S", bound=HasSmall)


@dataclass(frozen=True)
class Carried:
    """Color of a key frame.

    Attributes:
        color: float32 (h, w, 3): a, b, and the chroma that they should have, CIELAB units.
        age: float32 (h, w): opinions that it is an average of.
    """

    color: Array
    age: Array


@dataclass(frozen=True)
class Colored(Generic[S]):
    """A frame with its color.

    Attributes:
        shot: as given.
        ab: float32 (h, w, 2), CIELAB units, small.
        scene_start: whether it is the first of a scene.
        carried: on key frames, all that is needed to go on from here, this frame included.
    """

    shot: S
    ab: Array
    scene_start: bool
    carried: Carried | None = None


@dataclass(frozen=True)
class Link:
    """Motion between a frame and the one before it, at the size of the carried color.

    Attributes:
        back, forth: float32 (h, w, 2): where each pixel of this frame was in the one before; where
            each pixel of the one before went.
        back_trust, forth_trust: float32 (h, w), 0..1.
    """

    back: Array
    forth: Array
    back_trust: Array
    forth_trust: Array


class Tracker:
    """Links consecutive frames and finds cuts."""

    def __init__(self, preset: int):
        self._flow: Any = cv2.DISOpticalFlow_create(preset)  # type: ignore[attr-defined]

    def link(self, before: Gray, now: Gray) -> Link | None:
        """The link between two frames (H, W) of equal size; None at a cut."""
        back = self._flow.calc(now, before, None)
        explained = _sample(before, place_grid(before.shape) + back)
        if _is_cut(before, now, explained):
            return None
        forth = self._flow.calc(before, now, None)
        size = (before.shape[1] // COLOR_SHARE, before.shape[0] // COLOR_SHARE)
        back, forth = (cv2.resize(flow, size, interpolation=cv2.INTER_AREA) for flow in (back, forth))
        before, now = (cv2.resize(gray, size, interpolation=cv2.INTER_AREA) for gray in (before, now))
        grid = place_grid(now.shape)
        back_place, forth_place = grid + back / COLOR_SHARE, grid + forth / COLOR_SHARE
        return Link(
            back_place,
            forth_place,
            _trust(back + _sample(forth, back_place), now, _sample(before, back_place)),
            _trust(forth + _sample(back, forth_place), before, _sample(now, forth_place)),
        )


def _is_cut(before: Gray, now: Gray, explained: Gray) -> bool:
    window = (5, 5)  # grain is not motion
    left = float(cv2.absdiff(cv2.blur(now, window), cv2.blur(explained, window)).mean())
    contrast = max(float(now.std()), float(before.std()), 1.0)
    return left > CUT_FLOOR and left / contrast > CUT_RATIO


def _trust(disagreement: Array, luma: Gray, other: Gray) -> Array:
    """1 where a link is sure, toward 0 where flow disagrees or luma differs."""
    away = (disagreement[..., 0] ** 2 + disagreement[..., 1] ** 2) / np.float32(ROUND_TRIP**2)
    window = (3, 3)
    change = cv2.absdiff(cv2.blur(luma, window), cv2.blur(other, window)).astype(np.float32)
    change /= np.float32(SAME_LUMA)
    return np.asarray(cv2.exp(-(away + change * change)), np.float32)


def place_grid(shape: tuple[int, ...]) -> Array:
    """Every pixel's own place (x, y): float32 (H, W, 2)."""
    row, column = np.indices(shape[:2], dtype=np.float32)
    return np.stack([column, row], axis=-1)


def _sample(field: NDArray[Any], place: Array) -> NDArray[Any]:
    """Values of a field (H, W, ...) at places (x, y), between pixels linearly."""
    return np.asarray(cv2.remap(field, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def link_spans(shots: Iterable[S], method: Method) -> Iterator["Span[S]"]:
    """Cut a film into scenes and scenes into spans from key frame to key frame.

    Args:
        shots: frames in order of display, all of one size.
        method: an entry of METHODS.

    Yields:
        Spans that hold every shot once, in order. The frame before a cut is a key frame too, so
        that every span can be colored from both of its ends.
    """
    tracker = Tracker(method.flow_preset)
    waiting: list[S] = []
    links: list[Link] = []
    before: Gray | None = None
    for shot in shots:
        link = None if before is None else tracker.link(before, shot.small)
        before = shot.small
        if link is None:
            if waiting:
                yield Span(waiting, links)
            yield Span([shot], [])
            waiting, links = [], []
            continue
        waiting.append(shot)
        links.append(link)
        if len(waiting) == method.spacing:
            yield Span(waiting, links)
            waiting, links = [], []
    if waiting:
        yield Span(waiting, links)


@dataclass(frozen=True)
class Span(Generic[S]):
    """Frames after one key frame, up to and with the next, and a link from each to its predecessor.

    The first span of a scene is one frame without a link.
    """

    shots: list[S]
    links: list[Link]

    @property
    def key(self) -> S:
        """The key frame that ends the span."""
        return self.shots[-1]


def color_spans(
    spans: Iterable[Span[S]],
    predict: Callable[[list[Gray]], list[Array]],
    method: Method,
    carried: Carried | None = None,
) -> Iterator[Colored[S]]:
    """Color frames steadily.

    Args:
        spans: from `link_spans`.
        predict: luma (H, W) of several frames -> ab of each, float32 (h, w, 2), CIELAB units.
        method: as given to `link_spans`.
        carried: of a key frame of an earlier run; the first shot must be that very frame.

    Yields:
        Every shot once, in order. Two spans are held at a time.
    """
    resumed = carried
    for group in batched(spans, KEYS_AT_ONCE):
        asked = group[1:] if resumed is not None else group
        opinions = iter(predict([span.key.small for span in asked]) if asked else [])
        for span in group:
            if resumed is not None:
                now, resumed = resumed, None
            elif span.links:
                assert carried is not None  # a scene begins with a span without links
                forward = _forward(span.links)
                now = _meet(carried, forward[-1], next(opinions), span.key.small, method)
                yield from _between(span, carried, now, forward)
            else:
                now = _begin(next(opinions), span.key.small)
            yield Colored(span.key, finish(now.color), not span.links, now)
            carried = now


def color_each(shots: Iterable[S], predict: Callable[[list[Gray]], list[Array]]) -> Iterator[Colored[S]]:
    """Color frames one by one, as if they were photographs; same contract as `color_spans`."""
    nothing = Carried(np.empty((0, 0, 3), np.float32), np.empty((0, 0), np.float32))
    for group in batched(shots, FRAMES_AT_ONCE):
        for shot, ab in zip(group, predict([shot.small for shot in group]), strict=True):
            yield Colored(shot, ab, False, nothing)


def finish(color: Array) -> Array:
    """ab of carried color, with part of the chroma that averaging took away given back."""
    ab = color[..., :2]
    lost = color[..., 2] / np.maximum(chroma_of(ab), 1)
    # Its root: half of what opinions lose by pointing apart was error, and averaging is right about that.
    return np.asarray(ab * np.sqrt(np.clip(lost, 1, MOST_LOST))[..., None], np.float32)


def _begin(opinion: Array, small: Gray) -> Carried:
    color = _as_color(opinion, small)
    return Carried(color, np.ones(color.shape[:2], np.float32))


def _as_color(opinion: Array, small: Gray) -> Array:
    """The network's ab at the size of carried color, with its chroma as third plane."""
    size = (small.shape[1] // COLOR_SHARE, small.shape[0] // COLOR_SHARE)
    ab = cv2.resize(opinion, size, interpolation=cv2.INTER_LINEAR)
    return np.dstack([ab, chroma_of(ab)])


def chroma_of(ab: Array) -> Array:
    """Chroma (h, w) of ab (h, w, 2)."""
    # OpenCV's magnitude depends, in its last bit, on where in memory a picture lies: runs would differ.
    return np.asarray(np.sqrt(ab[..., 0] ** 2 + ab[..., 1] ** 2), np.float32)


@dataclass(frozen=True)
class Reach:
    """How a frame is reached from a key frame: where its pixels were there, and how sure that is."""

    place: Array
    trust: Array


def _forward(links: list[Link]) -> list[Reach]:
    """From the key frame before the span to each of its frames."""
    reach = Reach(links[0].back, links[0].back_trust)
    reaches = [reach]
    for link in links[1:]:
        reach = Reach(_sample(reach.place, link.back), _sample(reach.trust, link.back) * link.back_trust)
        reaches.append(reach)
    return reaches


def _backward(links: list[Link]) -> list[Reach]:
    """From the key frame that ends the span to each frame before it."""
    reach = Reach(links[-1].forth, links[-1].forth_trust)
    reaches = [reach]
    for link in links[-2:0:-1]:
        reach = Reach(_sample(reach.place, link.forth), _sample(reach.trust, link.forth) * link.forth_trust)
        reaches.append(reach)
    return reaches[::-1]


def _meet(before: Carried, reach: Reach, opinion: Array, small: Gray, method: Method) -> Carried:
    """Average the carried color with the network's opinion; the more often it was confirmed, the more it weighs."""
    fresh = _as_color(opinion, small)
    age = _sample(before.age, reach.place) * reach.trust
    color = (_sample(before.color, reach.place) * age[..., None] + fresh) / (age + 1)[..., None]
    return Carried(np.asarray(color, np.float32), np.minimum(age + 1, method.memory).astype(np.float32))


def _between(span: Span[S], before: Carried, after: Carried, forward: list[Reach]) -> Iterator[Colored[S]]:
    """Frames between two key frames take color from both, by trust and nearness."""
    count = len(span.shots)
    for number, (shot, there, back) in enumerate(zip(span.shots[:-1], forward, _backward(span.links), strict=False), 1):
        share = number / count
        weight_before = (there.trust + FLOOR) * np.float32(1 - share)
        weight_after = (back.trust + FLOOR) * np.float32(share)
        mix = weight_after / (weight_before + weight_after)
        old, new = _sample(before.color, there.place), _sample(after.color, back.place)
        yield Colored(shot, finish(old + (new - old) * mix[..., None]), False)


def batched(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    """Lists of `count` items, the last of them shorter."""
    source = iter(items)
    while group := list(islice(source, count)):
        yield group
