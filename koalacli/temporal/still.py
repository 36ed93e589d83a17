"""What stands still keeps the color in which it was shown, while the network's opinion of it wanders.

The network sees whole pictures, so its opinion of a wall follows whatever moves before the wall. Averages over a second
follow, too. Here the average of every key frame is corrected: a pixel whose luma and average stay what they were keeps
the color it has, but for what it needs to settle in the beginning, and a slow change after that. The correction found
there, which is one of large areas, goes over to like pixels nearby that do not stand still, so that a wall has no seam
where somebody has walked away from it; and it moves along with what begins to move, and fades,
with time and with every change of light.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.temporal.motion import COLOR_SHARE, Gray, Reach, sample

SETTLING, FIRST = np.float32(60), np.float32(15)  # frames in which color settles; what the first color counts there
SLOW = np.float32(0.006)  # CIELAB units per frame by which settled color changes at most
SAME_LUMA, SINCE_LUMA = np.float32(12), np.float32(20)  # codes of 255: since the key frame before; since the first
MOVED_LUMA = np.float32(40)  # codes by which what moves may change until little of its correction is left
SAME_COLOR = np.float32(5)  # CIELAB units from one average to the next: more is another thing of the same luma
FADING = np.float32(72)  # frames in which a correction that nothing renews loses half
MOVED_COUNTS = np.float32(0.3)  # of a correction that has moved along, beside one that was found where it is
DISTANCES = (1, 3, 7, 15, 30)  # pixels of carried color from which like pixels take over corrections
ALIKE_LUMA, ALIKE_COLOR = np.float32(20), np.float32(8)  # by which a like pixel differs
SURE = 6  # power of the settled share by which a correction counts: what has just begun tells others nothing
NEW = np.float32(1)  # frames below which what moves counts as new
STANDS = 0.5  # share from which on a pixel counts as standing still
UNSURE = np.float32(0.05)  # weight of no correction
TINY = np.float32(1e-6)


@dataclass(frozen=True)
class Still:
    """How a key frame is shown, and since when its pixels stand still.

    Attributes:
        shown: float32 (h, w, 3): a, b and chroma, CIELAB units.
        luma: float32 (h, w), codes of 255: when a pixel began to stand still, or what moves there now did.
        frames: float32 (h, w): for how many it has; fewer where it has moved or changed its light since.
    """

    shown: Array
    luma: Array
    frames: Array


class Keeper:
    """Takes in the key frames of one scene, in order.

    Args:
        average: float32 (h, w, 3), of opinions: the color of the first key frame.
        guide_luma: of that frame, twice as large.
        still: how it is shown, where an earlier run has settled it.
    """

    def __init__(self, average: Array, guide_luma: Gray, still: Still | None = None):
        self._average, self._luma = average, _soft(guide_luma)
        self.still = still or Still(average, self._luma, np.zeros(average.shape[:2], np.float32))

    def step(self, average: Array, guide_luma: Gray, reach: Reach, frames: int) -> Array:
        """The color in which the next key frame is shown: float32 (h, w, 3).

        Args:
            average: of opinions there.
            guide_luma: of the frame.
            reach: how it is reached from the key frame before.
            frames: from that one on.
        """
        before, luma = self.still, _soft(guide_luma)
        moved_luma = sample(before.luma, reach.place)
        left = np.float32(0.5) ** (frames / FADING) * np.exp(-np.square((luma - moved_luma) / MOVED_LUMA))
        moved = sample(before.shown - self._average, reach.place) * left[..., None]
        moved_since = np.minimum(sample(before.frames, reach.place), SETTLING) * reach.trust * left
        share = self._share_still(average, luma)
        weight = np.maximum(share * _sure(before.frames), MOVED_COUNTS * (1 - share) * _sure(moved_since))
        spread = _spread(_mix(moved, before.shown - average, share), weight, luma, average)
        # What has just come into view settles as like things around it did; where all is new, as the average.
        young = np.maximum(1 - before.frames / SETTLING, 0)
        wanted = average + spread * young[..., None]
        shown = _mix(average + spread, _toward(before, wanted, frames), share)
        stands = share > STANDS
        since = np.where(stands, before.frames + np.float32(frames), moved_since)
        began = np.where(stands, before.luma, np.where(moved_since < NEW, luma, moved_luma))
        self.still = Still(shown, began, since)
        self._average, self._luma = average, luma
        return shown

    def _share_still(self, average: Array, luma: Array) -> Array:
        """1 where luma, around it too, and the average of opinions are what they were, else toward 0."""
        change = cv2.blur(np.abs(luma - self._luma), (5, 5)) / SAME_LUMA
        since = (luma - self.still.luma) / SINCE_LUMA
        jump = np.square(average - self._average)[..., :2].sum(-1) / SAME_COLOR**2
        share = np.exp(-(change * change + since * since + jump))
        return np.asarray(cv2.erode(share, np.ones((3, 3), np.uint8)))


def _soft(guide_luma: Gray) -> Array:
    """Luma without its grain, at the size of carried color: float32 (h, w), codes of 255."""
    size = (guide_luma.shape[1] // COLOR_SHARE, guide_luma.shape[0] // COLOR_SHARE)
    small = cv2.resize(guide_luma, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1))


def _sure(frames: Array) -> Array:
    """What the correction of pixels counts that have stood still for so many frames: 0..1."""
    return np.asarray(np.minimum(frames / SETTLING, 1) ** SURE, np.float32)


def _mix(moving: Array, still: Array, share: Array) -> Array:
    return np.asarray(moving + (still - moving) * share[..., None], np.float32)


def _toward(before: Still, wanted: Array, frames: int) -> Array:
    """Color that was shown, a little nearer to what is wanted: a share while it settles, so many units after that."""
    away = wanted - before.shown
    distance = np.sqrt(np.square(away[..., :2]).sum(-1))
    slow = np.minimum(SLOW * frames / np.maximum(distance, TINY), 1)
    settles = np.where(before.frames < SETTLING, frames / (before.frames + FIRST + frames), 0)
    return np.asarray(before.shown + away * np.maximum(slow, settles)[..., None], np.float32)


def _spread(correction: Array, weight: Array, luma: Array, color: Array) -> Array:
    """Mean correction (h, w, 3) of like pixels around every pixel, by weight; none where there are none."""
    guide = np.stack([luma / ALIKE_LUMA, *np.moveaxis(color / ALIKE_COLOR, -1, 0)])
    given = np.stack([*np.moveaxis(correction * weight[..., None], -1, 0), weight])
    found = given.copy()
    for distance in DISTANCES:
        for down, right in ((0, distance), (distance, 0), (distance, distance), (distance, -distance)):
            here, there = _pair(luma.shape, down, right)
            alike = np.exp(-np.square(guide[here] - guide[there]).sum(0))
            found[here] += given[there] * alike
            found[there] += given[here] * alike
    return np.asarray(np.moveaxis(found[:3] / (found[3] + UNSURE), 0, -1))


def _pair(shape: tuple[int, ...], down: int, right: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Parts of planes (..., h, w) that lie so many pixels from each other; empty where the planes are smaller."""
    height, width = shape
    rows = slice(0, max(height - down, 0)), slice(down, max(height, down))
    columns = slice(0, max(width - abs(right), 0)), slice(abs(right), max(width, abs(right)))
    if right < 0:
        columns = columns[::-1]
    every = slice(None)
    return (every, rows[0], columns[0]), (every, rows[1], columns[1])
