"""Color that is known at some frames of a scene, carried to its key frames both ways; it does not age as opinions do.

A place follows the links from key frame to key frame back to the frame whose color is known, and takes that color in
one step, so that it is not blurred on the way. Where a link is not to be trusted, the way and the color are lost. A way
may lead out of the picture, where nothing is known, and in again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from koalacli.arrays import Array
from koalacli.temporal.motion import Link, Reach, place_grid, sample

ENOUGH = np.float32(0.25)  # trust from one key frame to the next that counts as full: small doubts must not add up
TINY = np.float32(1e-6)


@dataclass(frozen=True)
class Known:
    """What is known of a frame's color.

    Attributes:
        color: float32 (h, w, 3): a, b and chroma, CIELAB units.
        weight: float32 (h, w): 1 where the color is certain, 0 where nothing is known.
    """

    color: Array
    weight: Array

    def at(self, reach: Reach) -> "Known":
        """The same at another frame."""
        weight = sample(self.weight, reach.place) * reach.trust * _inside(reach.place)
        return Known(np.asarray(sample(self.color, reach.place), np.float32), np.asarray(weight, np.float32))

    def over(self, other: "Known") -> "Known":
        """This, and what else is known of the same frame where this is not certain."""
        return Known(self.settle(other.color), np.maximum(self.weight, other.weight))

    def settle(self, color: Array) -> Array:
        """Color (h, w, 3) with what is known in it."""
        return np.asarray(color + (self.color - color) * self.weight[..., None], np.float32)


Carried = tuple[Known, int]  # and how many key frames away it was given


class KnownScene:
    """Takes in the key frames of one scene, in order, and tells what is known at each."""

    def __init__(self) -> None:
        self._given: list[Known | None] = []
        self._back: list[Reach | None] = []
        self._past = _Way()
        self._found: list[Carried | None] = []

    def add(self, given: Known | None, links: Sequence[Link]) -> None:
        """One more key frame, with the links to it from the one before; the first of a scene has none."""
        there = [Reach(link.back, link.back_trust) for link in links]
        back = [Reach(link.forth, link.forth_trust) for link in reversed(links)]
        self._given.append(given)
        self._found.append(self._past.step(reduce(_follow, there) if there else None, given))
        self._back.append(reduce(_follow, back) if back else None)

    def finish(self) -> list[Known | None]:
        """What is known at every key frame: of what was given before and after it, the nearer counts more."""
        future, step = _Way(), None
        known: list[Known | None] = []
        while self._given:  # from the end on, so that what has been used is let go
            known.append(_join(self._found.pop(), future.step(step, self._given.pop())))
            step = self._back.pop()
        return known[::-1]


class _Way:
    """From frames whose color is known on, in one direction."""

    def __init__(self) -> None:
        self._origin: Known | None = None
        self._reach: Reach | None = None
        self._steps = 0

    def step(self, reach: Reach | None, given: Known | None) -> Carried | None:
        """What is known at the next key frame, and from how many key frames away."""
        here = None
        if self._origin is not None and reach is not None:
            step = Reach(reach.place, np.minimum(reach.trust / ENOUGH, 1))
            self._reach = step if self._reach is None else _follow(self._reach, step)
            self._steps += 1
            here = self._origin.at(self._reach)
        if given is not None:
            self._origin = here = given if here is None else given.over(here)
            self._reach, self._steps = None, 0
        return None if here is None else (here, self._steps)


def _follow(way: Reach, step: Reach) -> Reach:
    """The way of a frame one step farther; places that have left the picture move on as its edge does."""
    moved = way.place - place_grid(way.place.shape)
    place = np.asarray(step.place + sample(moved, step.place), np.float32)
    return Reach(place, np.asarray(sample(way.trust, step.place) * step.trust, np.float32))


def _inside(place: Array) -> Array:
    """1 inside of the picture, 0 from one pixel outside on: float32 (h, w)."""
    height, width = place.shape[:2]
    last = np.array([width - 1, height - 1], np.float32)
    beyond = np.maximum(np.maximum(-place, place - last), 0).max(-1)
    return np.asarray(np.maximum(1 - beyond, 0), np.float32)


def _join(past: Carried | None, future: Carried | None) -> Known | None:
    """Both ways, by nearness."""
    if past is None or future is None:
        return (past or future or (None,))[0]
    (before, done), (after, left) = past, future
    if not (done and left):  # it was given here
        return before.over(after)
    share = np.float32(done / (done + left))
    old, new = before.weight * (1 - share), after.weight * share
    mix = new / np.maximum(old + new, TINY)
    color = before.color + (after.color - before.color) * mix[..., None]
    return Known(np.asarray(color, np.float32), np.maximum(before.weight, after.weight))
