"""Motion between frames: dense flow there and back, how far it is to be trusted, and cuts."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array

Gray = NDArray[np.uint8]

CUT_RATIO = 0.4  # luma left unexplained by motion, as a share of contrast: about 0.05 within scenes, 0.8 at cuts
CUT_FLOOR = 4.0  # and in codes of 255 at least so much: empty scenes have no contrast to measure by
ROUND_TRIP = 1.0  # pixels of the network's input by which flow there and back may disagree
SAME_LUMA = 12.0  # codes of 255 by which the luma of one thing may change between two frames
COLOR_SHARE = 2  # sides of the network's input over sides of the carried color


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
        explained = sample(before, place_grid(before.shape) + back)
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
            _trust(back + sample(forth, back_place), now, sample(before, back_place)),
            _trust(forth + sample(back, forth_place), before, sample(now, forth_place)),
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


def sample(field: NDArray[Any], place: Array) -> NDArray[Any]:
    """Values of a field (H, W, ...) at places (x, y), between pixels linearly."""
    return np.asarray(cv2.remap(field, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


@dataclass(frozen=True)
class Reach:
    """How a frame is reached from another: where its pixels are there, and how sure that is.

    Attributes:
        place: float32 (h, w, 2).
        trust: float32 (h, w), 0..1.
    """

    place: Array
    trust: Array

    def over(self, place: Array, trust: Array) -> "Reach":
        """The reach of a frame one link farther away."""
        return Reach(sample(self.place, place), sample(self.trust, place) * trust)


def reaches_forward(links: list[Link]) -> list[Reach]:
    """From the frame before the first link to each frame after it."""
    reaches = [Reach(links[0].back, links[0].back_trust)] if links else []
    for link in links[1:]:
        reaches.append(reaches[-1].over(link.back, link.back_trust))
    return reaches


def reaches_backward(links: list[Link]) -> list[Reach]:
    """From the frame after the last link to each frame before it, in order of display."""
    reaches = [Reach(links[-1].forth, links[-1].forth_trust)] if links else []
    for link in links[-2::-1]:
        reaches.append(reaches[-1].over(link.forth, link.forth_trust))
    return reaches[::-1]
