"""Floors: what needs no network. A figure means something only beside them.

The first keeps the lightness alone; the second gives every pixel the mean color of the references
themselves; the third gives every lightness its mean color in a training set.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.gamut import merge_rgb8
from koalacli.errors import DataError

LEVELS = 101  # one entry per unit of L*
FLOORS = {  # name -> what it is; no file name can be one of these
    "floor: gray": "no color at all",
    "floor: mean color": "the mean color of these references for every pixel",
    "floor: L* lookup": "the mean color of each lightness in a training set",
}


class MeanColor:
    """Gathers the mean ab of pictures; each picture weighs alike."""

    def __init__(self) -> None:
        self._sum, self._count = np.zeros(2), 0

    def add(self, lab: Array) -> None:
        """Take in one picture, float32 (H, W, 3)."""
        self._sum += lab[..., 1:].reshape(-1, 2).mean(0, dtype=np.float64)
        self._count += 1

    def value(self) -> Array:
        """float32 (2,), CIELAB units."""
        return (self._sum / max(self._count, 1)).astype(np.float32)


def fit_lookup(labs: Iterable[Array]) -> Array:
    """Mean ab for every unit of L* over CIELAB pictures (H, W, 3), float32 (101, 2); gaps are filled linearly."""
    sums, counts = np.zeros((LEVELS, 2)), np.zeros(LEVELS)
    for lab in labs:
        level = _level(lab[..., 0]).ravel()
        counts += np.bincount(level, minlength=LEVELS)
        for plane in (0, 1):
            sums[:, plane] += np.bincount(level, lab[..., 1 + plane].ravel(), LEVELS)
    if not counts.any():
        raise DataError("no picture to fit the L* to ab lookup on")
    seen = np.flatnonzero(counts)
    means = sums[seen] / counts[seen, None]
    return np.stack([np.interp(np.arange(LEVELS), seen, means[:, plane]) for plane in (0, 1)], -1).astype(np.float32)


def save_lookup(path: Path, lookup: Array, source: str) -> None:
    """Write a lookup and what it was fitted on as JSON."""
    path.write_text(
        json.dumps({"fitted_on": source, "ab": [[round(float(value), 2) for value in pair] for pair in lookup]}),
        "utf-8",
    )


def load_lookup(path: Path) -> Array:
    """Read a lookup; float32 (101, 2)."""
    try:
        lookup = np.array(json.loads(path.read_text("utf-8"))["ab"], np.float32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not an L* to ab lookup ({error})") from error
    if lookup.shape != (LEVELS, 2):
        raise DataError(f"{path}: an L* to ab lookup has {LEVELS} pairs, this has shape {lookup.shape}")
    return lookup


def floor_pictures(lightness: Array, mean: Array, lookup: Array) -> dict[str, Rgb8]:
    """The three floors for one picture's lightness, float32 (H, W, 1)."""
    shape = (*lightness.shape[:2], 2)
    colors = (np.zeros(shape, np.float32), np.broadcast_to(mean, shape), lookup[_level(lightness[..., 0])])
    return {name: merge_rgb8(lightness, np.ascontiguousarray(ab)) for name, ab in zip(FLOORS, colors, strict=True)}


def _level(lightness: Array) -> NDArray[np.int32]:
    return np.clip(np.rint(lightness), 0, LEVELS - 1).astype(np.int32)
