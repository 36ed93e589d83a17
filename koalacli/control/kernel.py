"""SCOPES: how far a hint of color reaches, as kernels over what the network saw.

A hint says that a guess was wrong at one point; a kernel says how much the guess was then wrong elsewhere. What a
Gaussian process with that covariance expects, given all hints, is their sum (kriging: Krige 1951, Matheron 1963).
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from koalacli.arrays import Array

FAR = math.inf  # a scale at which a difference does not matter


@dataclass(frozen=True)
class Part:
    """One reason why two pixels are wrong alike: weight * exp(-(Δfeatures/s)² - (Δplace/s)² - (ΔL/s)²).

    Attributes:
        weight: share of the variance.
        features: scale of the distance between unit-length features, 0..2.
        place: scale of the distance on the picture, in short sides.
        lightness: scale of the difference of L*, as a share of 100.
    """

    weight: float
    features: float = FAR
    place: float = FAR
    lightness: float = FAR


@dataclass(frozen=True)
class Scope:
    """How far a hint reaches.

    Attributes:
        help: one line for documentation.
        parts: see Part.
        gain: what the guess is multiplied with before it is corrected: who corrects much shows that it was bold.
        chroma: weight of the part by which all of the guess was too strong or too weak, per 100 CIELAB units squared.
        spot: weight of what is true of the point itself alone.
        own: share of its guess that a place keeps which belongs to a hint entirely. A thing has one color, so there
            the guess is given up, which may be right in one half of a jacket and wrong in the other.
    """

    help: str
    parts: tuple[Part, ...]
    gain: float = 1.0
    chroma: float = 0.0
    spot: float = 0.08
    own: float = 1.0


# Widest first: each corrects what those before it left. The numbers of `picture` were fitted by
# tools/fit_hint_kernel.py, but for the scales of place: on photographs larger than those that it was fitted on, half
# as much again is better, and as good on those. `thing` is as wide as leaves the rest of a picture within 1 ΔE.
SCOPES: dict[str, Scope] = {
    "picture": Scope(
        "what it tells holds for the whole picture, more so for what looks alike and lies near",
        (Part(0.50, features=1.11), Part(0.157, place=1.2, lightness=0.69), Part(0.153, features=0.85, place=0.3)),
        gain=0.7,
        chroma=0.078,
    ),
    "place": Scope("this part of the picture, whatever is there", (Part(1.0, place=0.3, lightness=0.5),), spot=0.3),
    "thing": Scope(
        "this thing: what looks alike and lies near",
        (Part(1.0, features=0.5, place=0.8, lightness=0.5),),
        spot=0.3,
        own=0.0,
    ),
}
SMALLEST_SPOT = 0.03  # short sides; what enlarging leaves of a smaller one is too little to meet a hint with


@dataclass(frozen=True)
class Places:
    """Pixels, or hints, as the kernel compares them; leading axes are free.

    Attributes:
        features: (..., C), of length 1.
        at: (..., 2), y and x in short sides.
        lightness: (...), L* as a share of 100.
        ab: (..., 2), the network's guess, CIELAB units.
    """

    features: Array
    at: Array
    lightness: Array
    ab: Array

    @classmethod
    def of(cls, features: Array, lightness: Array, ab: Array) -> "Places":
        """Every pixel of a prediction.

        Args:
            features: float32 (h, w, C), as the network gives them.
            lightness: float32 (h, w), L* 0..100.
            ab: float32 (h, w, 2), CIELAB units.
        """
        height, width = lightness.shape
        rows, columns = np.indices((height, width)) + 0.5
        at = (np.stack([rows, columns], -1) / min(height, width)).astype(np.float32)
        return cls(unit_features(features), at, lightness / np.float32(100), ab)

    @classmethod
    def seen(cls, features: Array, guide: Array, ab: Array) -> "Places":
        """As `of`, by the lightness that the network saw: guide, float32 (gh, gw, 1), of any size."""
        size = (ab.shape[1], ab.shape[0])
        return cls.of(features, cv2.resize(guide[..., 0], size, interpolation=cv2.INTER_AREA), ab)

    def sample(self, x: Array, y: Array) -> "Places":
        """Points (N,) of an (h, w) picture, x and y as shares of width and height, between the pixels around them."""
        height, width = self.lightness.shape
        row, column = np.clip(y * height - 0.5, 0, height - 1), np.clip(x * width - 0.5, 0, width - 1)
        top = np.minimum(row.astype(np.intp), max(height - 2, 0))
        left = np.minimum(column.astype(np.intp), max(width - 2, 0))
        low, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
        down, across = (row - top).astype(np.float32), (column - left).astype(np.float32)

        def mix(plane: Array) -> Array:
            share, aside = (part.reshape(-1, *[1] * (plane.ndim - 2)) for part in (down, across))
            upper = plane[top, left] * (1 - aside) + plane[top, right] * aside
            lower = plane[low, left] * (1 - aside) + plane[low, right] * aside
            return np.asarray(upper * (1 - share) + lower * share)

        at = (np.stack([y * height, x * width], -1) / min(height, width)).astype(np.float32)
        return Places(unit_features(mix(self.features)), at, mix(self.lightness), mix(self.ab))


def kernel(scope: Scope, pixels: Places, hint: Places) -> Array:
    """How much the guess is wrong at pixels (..., P) if it is at hints (..., N), without spots: float32 (..., P, N)."""
    alike = _product(pixels.features, hint.features)
    total = np.float32(scope.chroma / 100) * _product(pixels.ab, hint.ab) if scope.chroma else np.zeros_like(alike)
    for part in scope.parts:  # in place: these arrays are many times as large as what goes into them
        first, second = _scaled(pixels, part), _scaled(hint, part)
        log = _product(first, 2 * second)  # of the part: minus the squared distance
        log -= np.square(first).sum(-1)[..., :, None]
        log -= np.square(second).sum(-1)[..., None, :]
        if part.features != FAR:
            log += (alike - 1) * np.float32(2 / part.features**2)
        np.minimum(log, 0, out=log)
        np.exp(log, out=log)
        log *= np.float32(part.weight)
        total += log
    return total


def spots(pixels: Places, hint: Places, radius: Array) -> Array:
    """1 at a hint, falling to 1/e at its radius (N,), short sides; pixels are all of a picture: float32 (h, w, N)."""
    reach = np.maximum(radius, np.float32(SMALLEST_SPOT))
    down, across = (
        np.exp(-np.square((at[:, None] - hint.at[:, axis]) / reach))
        for axis, at in enumerate((pixels.at[:, 0, 0], pixels.at[0, :, 1]))
    )
    return np.asarray(down[:, None] * across)


def _scaled(places: Places, part: Part) -> Array:
    """Place and lightness (..., 3), in units of a part's scales."""
    at, lightness = np.float32(1 / part.place), np.float32(1 / part.lightness)  # 1 / FAR is 0
    return np.concatenate([places.at * at, places.lightness[..., None] * lightness], -1)


def _product(first: Array, second: Array) -> Array:
    return np.asarray(first @ np.swapaxes(second, -1, -2))


def unit_features(features: Array) -> Array:
    """Features (..., C) scaled to unit length."""
    length = np.sqrt(np.einsum("...c,...c->...", features, features))[..., None]
    return features / np.maximum(length, np.float32(1e-6))
