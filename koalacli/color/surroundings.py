"""What surrounds a print: an even border, or the table that it was photographed on."""

import cv2
import numpy as np

from koalacli.arrays import Array, Pixels
from koalacli.color.tone import color_beyond_tint, to_lab

EVEN = 5.0  # L*: a line is a part of a border if its pixels, and its distance from the edge, differ by no more
EXTREMES = (5, 95)  # percentiles between which the pixels of a line are compared: dust and scratches do not count
BORDERS = 3  # one within the other: the scanner's lid, then the paper
LEAST_INSIDE = 8  # lines that are left inside; what is even all over has no border
LEAST_WIDTH = 0.02  # of a border, as a share of the side; narrower ones do not count
LEAST_SIDES = 3  # that have a border
LEAST_EDGE = 0.6  # of a print's outline that differs from its border: things on an even ground reach half of that

TABLE_SIDE = 48  # pixels of the copy that is searched for a print
LEAST_APART = 6.0  # ab distance of a print from the table
TABLE_SPREAD, LEAST_TABLE = 8.0, 0.8  # ab distance that this share of the picture's rim has from its middle color
MOST_COLOR = 1.5  # ab that a tone leaves in a print, see `color.tone`
LEAST_FILLED = 0.8  # of the rectangle around a print; turned by some degrees it fills 0.88
PRINT_SHARES = (0.08, 0.85)  # of the picture


def border_share(lightness: Array) -> float:
    """The share of a picture that is an even border around a print; 0 where there is none.

    Even ground around a thing, such as the sky, is no border: a print touches its border along its whole outline.

    Args:
        lightness: float32 (H, W), L* 0..100, a small copy.
    """
    height, width = lightness.shape
    top, bottom, left, right = _inside(lightness)
    print_ = lightness[top:bottom, left:right]
    sides = (
        (top / height, print_[min(2, len(print_) - 1)], lightness[max(top - 1, 0), left:right]),
        ((height - bottom) / height, print_[-min(3, len(print_))], lightness[min(bottom, height - 1), left:right]),
        (left / width, print_[:, min(2, right - left - 1)], lightness[top:bottom, max(left - 1, 0)]),
        ((width - right) / width, print_[:, -min(3, right - left)], lightness[top:bottom, min(right, width - 1)]),
    )
    edges = [np.abs(inner - np.median(outer)) > EVEN for share, inner, outer in sides if share > LEAST_WIDTH]
    if len(edges) < LEAST_SIDES or min(print_.shape) <= LEAST_INSIDE or np.mean([e.mean() for e in edges]) < LEAST_EDGE:
        return 0.0
    return 1 - print_.size / lightness.size


def _inside(lightness: Array) -> tuple[int, int, int, int]:
    """Where borders end: rows from, to, columns from, to."""
    top, left, (bottom, right) = 0, 0, lightness.shape
    for _ in range(BORDERS):
        before = top, bottom, left, right
        rows = lightness[:, left:right]
        first, last = np.median(rows[top]), np.median(rows[bottom - 1])
        while bottom - top > LEAST_INSIDE and _is_even(rows[top], first):
            top += 1
        while bottom - top > LEAST_INSIDE and _is_even(rows[bottom - 1], last):
            bottom -= 1
        columns = lightness[top:bottom].T
        first, last = np.median(columns[left]), np.median(columns[right - 1])
        while right - left > LEAST_INSIDE and _is_even(columns[left], first):
            left += 1
        while right - left > LEAST_INSIDE and _is_even(columns[right - 1], last):
            right -= 1
        if before == (top, bottom, left, right):
            break
    return top, bottom, left, right


def _is_even(line: Array, level: float) -> bool:
    low, high = np.percentile(line, EXTREMES)
    return bool(high - low < 2 * EVEN and abs(np.median(line) - level) < EVEN)


def is_print_on_table(rgb: Pixels) -> bool:
    """Whether a picture in color shows a print, gray or toned, on a ground of one color.

    Args:
        rgb: (H, W, 3), uint8 or uint16.
    """
    small = to_lab(cv2.resize(rgb, (TABLE_SIDE, TABLE_SIDE), interpolation=cv2.INTER_AREA))
    rim = np.ones(small.shape[:2], bool)
    rim[2:-2, 2:-2] = False
    distance = np.linalg.norm(small[..., 1:] - np.median(small[rim][:, 1:], axis=0), axis=-1)
    if (distance[rim] < TABLE_SPREAD).mean() < LEAST_TABLE:
        return False
    apart = cv2.morphologyEx((distance > LEAST_APART).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, facts, _ = cv2.connectedComponentsWithStats(apart)
    if count == 1:
        return False
    found = (labels == 1 + facts[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    width, height = cv2.minAreaRect(np.argwhere(found)[:, ::-1].astype(np.float32))[1]
    filled = found.sum() / ((width + 1) * (height + 1))
    within = cv2.erode(found, np.ones((3, 3), np.uint8)).astype(bool)
    if filled < LEAST_FILLED or not PRINT_SHARES[0] < found.mean() < PRINT_SHARES[1] or not within.any():
        return False
    return color_beyond_tint(small[within][:, None]) < MOST_COLOR
