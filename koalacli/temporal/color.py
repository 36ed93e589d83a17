"""Color of frames: the network's opinions at key frames, averaged along motion."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.temporal.known import Known
from koalacli.temporal.motion import COLOR_SHARE, Gray, Reach, reaches_backward, reaches_forward, sample
from koalacli.temporal.scenes import Method, S, Span
from koalacli.temporal.still import Keeper, Still

FLOOR = np.float32(1e-3)  # weight of a link that nothing speaks for, so that weights never sum to 0
KEYS_AT_ONCE, FRAMES_AT_ONCE = 2, 4  # per network call
MOST_LOST = 4.0  # factor of lost chroma beyond which opinions contradict each other, and none is right
FAINT = np.float32(0.25)  # chroma below which a direction of color means nothing

Item = TypeVar("Item")


@dataclass(frozen=True)
class Arrived:
    """Color that arrives at a key frame, from there and from before.

    Attributes:
        color: float32 (h, w, 3): a, b, and the chroma that they should have, CIELAB units.
        age: float32 (h, w): opinions that it is an average of.
    """

    color: Array
    age: Array


@dataclass(frozen=True)
class Carried:
    """All that is needed to go on from a key frame."""

    arrived: Arrived
    still: Still


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
class Key(Generic[S]):
    """A key frame and the span that it ends.

    Attributes:
        shots: of the span; the key frame is the last.
        color: float32 (h, w, 3), what the network says: a, b and chroma, at the size of carried color.
        forward: how each frame of the span is reached from the key frame before; empty at a scene's start.
        backward: how the key frame before, and each frame of the span but the last, is reached from this one.
        arrived: color that arrives here, this frame's opinion included.
        scene_start: whether the key frame is the first of a scene.
        known: of the color of the key frame.
    """

    shots: list[S]
    color: Array
    forward: list[Reach]
    backward: list[Reach]
    arrived: Arrived
    scene_start: bool
    known: Known | None = None


@dataclass(frozen=True)
class Settled(Generic[S]):
    """A key frame with its color, before what is known of it.

    Attributes:
        color: float32 (h, w, 3).
        carried: all that is needed to go on from here, this frame included.
    """

    key: Key[S]
    color: Array
    carried: Carried


def colorize_spans(
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
        Every shot once, in order. As many spans are held as the method looks ahead, and two more.
    """
    before: Array | None = None  # color of the key frame before
    for settled in settle_keys(spans, predict, method, carried):
        key, color = settled.key, settled.color
        color = key.known.settle(color) if key.known else color
        if key.forward:
            assert before is not None  # a scene begins with a span without links
            yield from _between(key, before, color)
        yield Colored(key.shots[-1], finish(color), key.scene_start, settled.carried)
        before = color


def colorize_each(shots: Iterable[S], predict: Callable[[list[Gray]], list[Array]]) -> Iterator[Colored[S]]:
    """Color frames one by one, as if they were photographs, every one a scene; else as `colorize_spans`."""
    color, plane = np.empty((0, 0, 3), np.float32), np.empty((0, 0), np.float32)
    nothing = Carried(Arrived(color, plane), Still(color, plane, plane))
    for group in batched(shots, FRAMES_AT_ONCE):
        for shot, ab in zip(group, predict([shot.guide_luma for shot in group]), strict=True):
            yield Colored(shot, ab, True, nothing)


def finish(color: Array) -> Array:
    """ab of averaged color, with the chroma that averaging took away given back."""
    ab = color[..., :2]
    lost = np.clip(color[..., 2] / np.maximum(chroma_of(ab), FAINT), 1, MOST_LOST)
    return np.asarray(ab * lost[..., None], np.float32)


def chroma_of(ab: Array) -> Array:
    """Chroma (h, w) of ab (h, w, 2)."""
    # OpenCV's magnitude depends, in its last bit, on where in memory a picture lies: runs would differ.
    return np.asarray(np.sqrt(ab[..., 0] ** 2 + ab[..., 1] ** 2), np.float32)


def settle_keys(
    spans: Iterable[Span[S]],
    predict: Callable[[list[Gray]], list[Array]],
    method: Method,
    carried: Carried | None = None,
) -> Iterator[Settled[S]]:
    """Key frames with their color: the part of `colorize_spans` that goes from one to the next."""
    keeper: Keeper | None = None
    arrived, still = (carried.arrived, carried.still) if carried else (None, None)
    for key, future in _with_future(_find_keys(spans, predict, method, arrived), method.ahead):
        average, luma = _average(key, future, method.memory), key.shots[-1].guide_luma
        if key.forward:
            assert keeper is not None  # a scene begins with a span without links
            color = keeper.step(average, luma, key.forward[-1], len(key.shots))
        else:
            keeper = Keeper(average, luma, None if key.scene_start else still)
            color = keeper.still.shown
        yield Settled(key, color, Carried(key.arrived, keeper.still))


def _find_keys(
    spans: Iterable[Span[S]], predict: Callable[[list[Gray]], list[Array]], method: Method, arrived: Arrived | None
) -> Iterator[Key[S]]:
    """Key frames with the color that arrives at each; `arrived` is that of the first in an earlier run."""
    resumed = arrived is not None
    for group in batched(spans, KEYS_AT_ONCE):
        for span, ab in zip(group, _ask(group, predict), strict=True):
            color, forward = as_color(ab, span.key.guide_luma), reaches_forward(span.links)
            if not resumed:
                arrived = _arrive(arrived, forward[-1], color, method.memory) if forward else _begin(color)
            assert arrived is not None
            backward, starts = reaches_backward(span.links), not (forward or resumed)
            yield Key(span.shots, color, forward, backward, arrived, starts, span.known)
            resumed = False


def _ask(spans: list[Span[S]], predict: Callable[[list[Gray]], list[Array]]) -> list[Array]:
    """Opinions on key frames."""
    plain = [span.key.guide_luma for span in spans if not span.opinion]
    said = iter(predict(plain) if plain else [])
    return [span.opinion(span.key.guide_luma) if span.opinion else next(said) for span in spans]


def _with_future(keys: Iterable[Key[S]], count: int) -> Iterator[tuple[Key[S], list[Key[S]]]]:
    """Every key frame with those after it in the same scene, up to `count` of them."""
    waiting: deque[Key[S]] = deque()
    for key in keys:
        if not key.forward:  # a new scene
            while waiting:
                yield waiting.popleft(), list(waiting)
        waiting.append(key)
        if len(waiting) > count:
            yield waiting.popleft(), list(waiting)
    while waiting:
        yield waiting.popleft(), list(waiting)


def as_color(ab: Array, guide_luma: Gray) -> Array:
    """ab (h, w, 2) at the size of carried color, with its chroma as third plane: float32 (h, w, 3)."""
    size = (guide_luma.shape[1] // COLOR_SHARE, guide_luma.shape[0] // COLOR_SHARE)
    ab = cv2.resize(ab, size, interpolation=cv2.INTER_LINEAR)
    return np.dstack([ab, chroma_of(ab)])


def _begin(color: Array) -> Arrived:
    return Arrived(color, np.ones(color.shape[:2], np.float32))


def _arrive(before: Arrived | None, reach: Reach, color: Array, memory: float) -> Arrived:
    assert before is not None  # a scene begins with a span without links
    return _add(_move(before, reach), color, memory)


def _move(arrived: Arrived, reach: Reach) -> Arrived:
    """Carried color at another frame; what is not to be trusted is younger there."""
    return Arrived(
        np.asarray(sample(arrived.color, reach.place), np.float32),
        np.asarray(sample(arrived.age, reach.place) * reach.trust, np.float32),
    )


def _add(arrived: Arrived, color: Array, memory: float) -> Arrived:
    """Average with one more color; the older the color, the more it weighs."""
    mean = (arrived.color * arrived.age[..., None] + color) / (arrived.age + 1)[..., None]
    return Arrived(np.asarray(mean, np.float32), np.minimum(arrived.age + 1, memory).astype(np.float32))


def _average(key: Key[S], future: list[Key[S]], memory: float) -> Array:
    """Color of a key frame: what has arrived there, with the opinions of later key frames carried back."""
    past = key.arrived
    if not future:
        return past.color
    # The last opinion is carried to the key frame before, averaged with that one's, and so on, here last.
    back = _begin(future[-1].color)
    for later, here in zip(future[:0:-1], future[-2::-1], strict=True):
        back = _add(_move(back, later.backward[0]), here.color, memory)
    back = _move(back, future[0].backward[0])
    weight = back.age / (past.age + back.age)
    return np.asarray(past.color + (back.color - past.color) * weight[..., None], np.float32)


def _between(key: Key[S], before: Array, after: Array) -> Iterator[Colored[S]]:
    """Frames between two key frames take color from both, by trust and nearness."""
    count = len(key.shots)
    reached = zip(key.shots[:-1], key.forward[:-1], key.backward[1:], strict=True)
    for number, (shot, there, back) in enumerate(reached, 1):
        share = number / count
        weight_before = (there.trust**2 + FLOOR) * np.float32(1 - share)
        weight_after = (back.trust**2 + FLOOR) * np.float32(share)
        mix = weight_after / (weight_before + weight_after)
        old, new = sample(before, there.place), sample(after, back.place)
        yield Colored(shot, finish(old + (new - old) * mix[..., None]), False)


def batched(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    """Lists of `count` items, the last of them shorter."""
    source = iter(items)
    while group := list(islice(source, count)):
        yield group
