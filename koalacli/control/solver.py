"""Color with hints: the network's guess, corrected so that every hint is met at its own point, at full size."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.color.probe import Probe, probe_at
from koalacli.control.hints import Area, Hint, Hints
from koalacli.control.kernel import SCOPES, Places, Scope, kernel, spots

# Differences between hints that the kernel can hardly express, because they lie within a pixel of the network, are
# given up where its response falls to the square root of this (Tikhonov): such hints are averaged, rather than met by
# wild colors around them.
RIDGE = 1e-4


def apply_hints(
    ab: Array, features: Array, guide: Array, hints: Hints, lightness_at: Callable[[float, float], float] | None = None
) -> Array:
    """Correct small ab.

    Args:
        ab: float32 (h, w, 2), the network's guess, CIELAB units.
        features: float32 (h, w, C), what its head saw.
        guide: float32 (gh, gw, 1), the lightness that the network saw, as the picture has it.
        hints: see Hints.
        lightness_at: L* of the full-size picture at x, y (shares); by default that of the guide.

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
            pins += fresh
            ab = correct(ab, places, pins, scope)
    return ab


def correct(ab: Array, places: Places, known: Sequence[tuple[Hint, Probe]], scope: Scope) -> Array:
    """Add what the kernel of one scope makes of the differences between hints and ab (h, w, 2), float32 (h, w, 2)."""
    points = [places.sample(hint.x, hint.y) for hint, _ in known]
    hint = Places(*(np.stack([getattr(point, name) for point in points]) for name in Places.__dataclass_fields__))
    radius = np.array([known_hint.radius for known_hint, _ in known], np.float32)
    # Row by row: products this small take one thread, and other pictures are made at the same time.
    reach = kernel(scope, places, hint) + np.float32(scope.spot) * spots(places, hint, radius)
    planes = np.ascontiguousarray(reach.transpose(2, 0, 1))
    ab = ab * np.float32(scope.gain)
    channels = ab.transpose(2, 0, 1)
    missing = np.array([np.subtract(hint.ab, probe.read(channels)) for hint, probe in known], np.float64)
    shared = np.array([probe.read(planes) for _, probe in known], np.float64)
    held = np.linalg.solve(shared @ shared.T + RIDGE * np.eye(len(known)), missing)
    parts = shared.T @ held
    return ab + reach @ parts.astype(np.float32)


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


def _probe(hint: Hint, guide: Array, ab: Array, lightness_at: Callable[[float, float], float] | None) -> Probe:
    lightness = lightness_at(hint.x, hint.y) if lightness_at else value_at(guide, hint.x, hint.y)
    return probe_at(guide, (ab.shape[0], ab.shape[1]), hint.x, hint.y, lightness)
