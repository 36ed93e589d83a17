"""Color with hints: the network's guess, corrected so that every hint is met at its own point, at full size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.probe import Probe, probe_at
from koalacli.color.upsample import enlarge_ab
from koalacli.control.hints import WIDEST, Area, Hint, Hints
from koalacli.control.kernel import SCOPES, Places, Scope, kernel, spots

# Differences between hints that the kernel can hardly express, because they lie within a pixel of the network, are
# given up where its response falls to the square root of this (Tikhonov): such hints are averaged, rather than met by
# wild colors around them.
RIDGE = 1e-4
LightnessAt = Callable[[float, float], float]


@dataclass(frozen=True)
class Look:
    """What the network says of a picture at one size.

    Attributes:
        ab: float32 (h, w, 2), CIELAB units.
        features: float32 (h, w, C).
        guide: float32 (gh, gw, 1), the lightness that it saw, as the picture has it.
    """

    ab: Array
    features: Array
    guide: Array


def apply_hints(
    ab: Array,
    features: Array,
    guide: Array,
    hints: Hints,
    lightness_at: LightnessAt | None = None,
    coarser: Array | None = None,
) -> Array:
    """Correct small ab.

    Args:
        ab: float32 (h, w, 2), the network's guess, CIELAB units.
        features: float32 (h, w, C), what its head saw.
        guide: float32 (gh, gw, 1), the lightness that the network saw, as the picture has it.
        hints: see Hints.
        lightness_at: L* of the full-size picture at x, y (shares); by default that of the guide.
        coarser: float32 (h, w, 2), what a coarser look made of points of the widest scope, see `look_twice`.

    Returns:
        float32 (h, w, 2).
    """
    ab = ab * np.float32(hints.saturation)
    for area in hints.areas:
        ab = paint_area(ab, area)
    if not hints.points:
        return ab
    places = Places.seen(features, guide, ab)
    known = [(hint, _probe(hint, guide, ab, lightness_at)) for hint in hints.points]
    pins: list[tuple[Hint, Probe]] = []
    for name, scope in SCOPES.items():
        fresh = [(hint, probe) for hint, probe in known if hint.scope == name]
        if fresh:
            guess = ab * np.float32(scope.gain)
            if coarser is not None and name == WIDEST:
                guess = (guess + coarser) / 2
            ab = correct(guess, places, pins + fresh, scope, len(fresh))
            pins += fresh
    return ab


def look_twice(coarse: Look, fine: Look, hints: Hints, lightness_at: LightnessAt) -> Array:
    """Correct what the network says of a picture at two sizes: the mean of what hints make of either.

    Both are wrong in their own ways, so the mean is less so; many points of the widest scope are needed for that to
    show. As color is linear in the guess, the mean of both is had by correcting the mean of one's result and the
    other's guess.

    Returns:
        float32 (h, w, 2), of the size of the fine one.
    """
    widest = replace(hints, points=tuple(hint for hint in hints.points if hint.scope == WIDEST))
    made = apply_hints(coarse.ab, coarse.features, coarse.guide, widest, lightness_at)
    enlarged = enlarge_ab(made, fine.guide, coarse.guide)
    coarser = cv2.resize(enlarged, (fine.ab.shape[1], fine.ab.shape[0]), interpolation=cv2.INTER_AREA)
    return apply_hints(fine.ab, fine.features, fine.guide, hints, lightness_at, coarser)


def correct(ab: Array, places: Places, known: Sequence[tuple[Hint, Probe]], scope: Scope, fresh: int) -> Array:
    """Add what the kernel of one scope makes of the differences between hints and ab (h, w, 2), float32 (h, w, 2).

    The last `fresh` hints are those of this scope; those before them are only held.
    """
    x, y, radius = np.array([(told.x, told.y, told.radius) for told, _ in known], np.float32).T
    hint = places.sample(x, y)
    # Row by row: products this small take one thread, and other pictures are made at the same time.
    reach = kernel(scope, places, hint) + np.float32(scope.spot) * spots(places, hint, radius)
    planes = np.ascontiguousarray(reach.transpose(2, 0, 1))
    shared = np.array([probe.read(planes) for _, probe in known], np.float64)

    def spread(wished: NDArray[np.float64]) -> Array:
        """Values (N, C) at the hints, carried to where they reach: float32 (h, w, C)."""
        held = np.linalg.solve(shared @ shared.T + RIDGE * np.eye(len(known)), wished)
        return np.asarray(reach @ (shared.T @ held).astype(np.float32))

    if scope.own < 1:
        belongs = spread((np.arange(len(known)) >= len(known) - fresh).astype(np.float64)[:, None])
        ab = ab * (1 - np.float32(1 - scope.own) * np.clip(belongs, 0, 1))
    channels = ab.transpose(2, 0, 1)
    return ab + spread(np.array([np.subtract(told.ab, probe.read(channels)) for told, probe in known], np.float64))


def paint_area(ab: Array, area: Area) -> Array:
    """Give an area its color, float32 (h, w, 2)."""
    size = (ab.shape[1], ab.shape[0])
    smaller = area.coverage.shape[0] > ab.shape[0]
    coverage = cv2.resize(area.coverage, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    share = coverage[..., None] * np.float32(area.strength)
    return np.asarray(ab + share * (np.array(area.ab, np.float32) - ab))


def value_at(plane: Array, x: float, y: float) -> float:
    """The pixel of (H, W, 1) that holds a point."""
    return float(plane[(*pixel_at(plane.shape, x, y), 0)])


def pixel_at(shape: tuple[int, ...], x: float, y: float) -> tuple[int, int]:
    """Row and column of the pixel of an (H, W, ...) picture that holds a point."""
    height, width = shape[:2]
    return min(int(y * height), height - 1), min(int(x * width), width - 1)


def _probe(hint: Hint, guide: Array, ab: Array, lightness_at: LightnessAt | None) -> Probe:
    lightness = lightness_at(hint.x, hint.y) if lightness_at else value_at(guide, hint.x, hint.y)
    return probe_at(guide, (ab.shape[0], ab.shape[1]), hint.x, hint.y, lightness)
