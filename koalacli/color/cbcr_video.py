"""From luma and ab to the U and V planes of video, luma untouched.

Video keeps Y' of Y'CbCr as it is; only color is made. For every luma, a and b a table holds
the U and V of the color that has this very luma and this ab, so that a full-size detour
through RGB is not needed. Rec. ITU-R BT.601, BT.709, BT.2020 for the matrices, BT.470,
SMPTE 170M and BT.2020 for the primaries; displays are taken to show video with the sRGB curve.
"""

import functools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.lab import WHITE_D65, linear_to_srgb, luminance_to_lightness, srgb_to_linear

# Kr and Kb of Y' = Kr R' + (1 - Kr - Kb) G' + Kb B', by ISO/IEC 23091-2 number.
MATRICES: dict[int, tuple[float, float]] = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 System B, G
    6: (0.299, 0.114),  # SMPTE 170M
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
}
# x, y of red, green and blue by ISO/IEC 23091-2 number; all have the white point D65.
PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # BT.709
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),  # BT.470 System B, G
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),  # SMPTE 170M
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),  # SMPTE 240M
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
}

AB_STEP, AB_REACH = 4, 128  # CIELAB units: grid of the table and its edge
LUMA_LEVELS = 64  # of the fast table; U and V change by less than a code within one level


@dataclass(frozen=True)
class VideoColor:
    """How the numbers of a video's planes are meant.

    Attributes:
        matrix, primaries: keys of MATRICES and PRIMARIES.
        full_range: codes 0..255 rather than 16..235 (luma) and 16..240 (U, V), scaled with the depth.
        depth: bits per sample, 8..16.
    """

    matrix: int = 1
    primaries: int = 1
    full_range: bool = False
    depth: int = 8

    @property
    def neutral(self) -> int:
        """Code of U and V without color."""
        return 1 << (self.depth - 1)

    def luma_range(self) -> tuple[int, int]:
        """Codes of black and white."""
        scale = 1 << (self.depth - 8)
        return (0, (1 << self.depth) - 1) if self.full_range else (16 * scale, 235 * scale)

    def cbcr_span(self) -> float:
        """Codes between the extremes of U or V."""
        return float((1 << self.depth) - 1) if self.full_range else 224.0 * (1 << (self.depth - 8))


def luma_to_gray8(luma: NDArray[Any], color: VideoColor) -> NDArray[np.uint8]:
    """Luma codes of any depth and range as full-range uint8, 0..255; codes outside the range are clipped."""
    low, high = color.luma_range()
    if color.full_range and luma.dtype == np.uint8:
        return luma
    scale = 255 / (high - low)
    if luma.dtype == np.uint8:
        codes = np.rint(np.clip((np.arange(256) - low) * scale, 0, 255)).astype(np.uint8)
        return np.asarray(cv2.LUT(luma, codes), np.uint8)
    return np.rint(np.clip((luma.astype(np.float32) - low) * np.float32(scale), 0, 255)).astype(np.uint8)


def gray8_to_lightness(gray: NDArray[np.uint8]) -> Array:
    """CIE L* (0..100) of full-range gray; float32 of the same shape with one more axis."""
    return np.asarray(cv2.LUT(gray, _lightness_codes()), np.float32).reshape(*gray.shape, 1)


def make_cbcr(gray: NDArray[np.uint8], ab: Array, color: VideoColor) -> tuple[NDArray[Any], ...]:
    """U and V planes for a luma plane and ab of the same size.

    Args:
        gray: uint8 (H, W), full range: the luma at the size of U and V.
        ab: float32 (H, W, 2), CIELAB units.
        color: what the codes mean.

    Returns:
        U and V, each (H, W), uint8 at depth 8, else uint16. Together with the luma they stay
        inside RGB: chroma is reduced at constant luma and hue angle where they would not.
    """
    if color.depth == 8:
        return _look_up(gray, ab, color)
    return _interpolate(gray, ab, color)


def _look_up(gray: NDArray[np.uint8], ab: Array, color: VideoColor) -> tuple[NDArray[Any], ...]:
    codes = cv2.convertScaleAbs(ab, alpha=1, beta=AB_REACH)  # 0..255, saturating
    level = cv2.LUT(gray, _levels())
    index = cv2.merge([codes[..., 1], codes[..., 0], level, np.zeros_like(gray)]).view("<u4")[..., 0]
    pairs = _fast_table(color.matrix, color.primaries, color.full_range).take(index.astype(np.intp))
    planes = cv2.split(pairs.view(np.uint8).reshape(*gray.shape, 2))
    return planes[0], planes[1]


def _interpolate(gray: NDArray[np.uint8], ab: Array, color: VideoColor) -> tuple[NDArray[Any], ...]:
    """Trilinear, for depths where the fast table's steps would show."""
    grid = _cbcr_grid(color.matrix, color.primaries)  # (levels, points, points, 2), -0.5..0.5
    levels, points = grid.shape[:2]
    flat = np.ascontiguousarray(grid.transpose(1, 0, 2, 3).reshape(points, levels * points, 2))
    place = np.clip((ab + AB_REACH) / AB_STEP, 0, points - 1.001).astype(np.float32)
    height = gray.astype(np.float32) * np.float32((levels - 1) / 255)
    below = np.minimum(np.floor(height), levels - 2)
    found = [
        cv2.remap(flat, (below + step) * points + place[..., 1], place[..., 0], cv2.INTER_LINEAR) for step in (0, 1)
    ]
    share = (height - below)[..., None]
    signed = found[0] + (found[1] - found[0]) * share
    codes = np.rint(signed * np.float32(color.cbcr_span()) + color.neutral)
    both = np.clip(codes, 0, (1 << color.depth) - 1).astype(np.uint16)
    return np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1])


@functools.cache
def _lightness_codes() -> Array:
    return luminance_to_lightness(srgb_to_linear(np.arange(256, dtype=np.float32) / np.float32(255))).reshape(1, 256)


@functools.cache
def _levels() -> NDArray[np.uint8]:
    """Level of the fast table for every gray: rounded, so that black and white are met exactly."""
    return np.rint(np.arange(256) * (LUMA_LEVELS - 1) / 255).astype(np.uint8)


@functools.lru_cache(maxsize=4)
def _fast_table(matrix: int, primaries: int, full_range: bool) -> NDArray[np.uint16]:
    """U in the low and V in the high byte, for every level, a + 128, b + 128."""
    grid = _cbcr_grid(matrix, primaries)
    fine = (np.arange(256, dtype=np.float32)) / AB_STEP
    column, row = np.meshgrid(fine, fine)
    span = VideoColor(full_range=full_range).cbcr_span()
    table = np.empty((len(grid), 256, 256, 2), np.uint8)
    for level, plane in enumerate(grid):
        signed = cv2.remap(plane, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        table[level] = np.clip(np.rint(signed * np.float32(span) + 128), 0, 255)
    return table.view("<u2").ravel()


@functools.lru_cache(maxsize=4)
def _cbcr_grid(matrix: int, primaries: int) -> Array:
    """Signed Pb and Pr, -0.5..0.5, on a grid of (luma level, a, b): float32 (64, 65, 65, 2)."""
    lightness = np.linspace(0, 100, 101, dtype=np.float32)
    steps = np.arange(-AB_REACH, AB_REACH + AB_STEP, AB_STEP, dtype=np.float32)
    a, b, light = (axis.ravel() for axis in np.meshgrid(steps, steps, lightness, indexing="ij"))
    gamma = linear_to_srgb(_lab_to_linear(light, a, b, primaries))
    red_weight, blue_weight = MATRICES[matrix]
    luma = gamma @ np.array([red_weight, 1 - red_weight - blue_weight, blue_weight], np.float32)
    pb = (gamma[:, 2] - luma) / np.float32(2 * (1 - blue_weight))
    pr = (gamma[:, 0] - luma) / np.float32(2 * (1 - red_weight))
    lines = [plane.reshape(-1, len(lightness)) for plane in (luma, pb, pr)]
    wanted = np.linspace(0, 1, LUMA_LEVELS, dtype=np.float32)
    signed = np.empty((len(lines[0]), LUMA_LEVELS, 2), np.float32)
    for number, (line, *planes) in enumerate(zip(*lines, strict=True)):
        for channel, plane in enumerate(planes):
            signed[number, :, channel] = np.interp(wanted, line, plane)
    signed *= _fit_factor(wanted[None, :], signed, red_weight, blue_weight)[..., None]
    grid = signed.reshape(len(steps), len(steps), LUMA_LEVELS, 2).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(grid)


def _fit_factor(luma: Array, signed: Array, red_weight: float, blue_weight: float) -> Array:
    """Factor 0..1 on Pb and Pr that brings R', G', B' into 0..1 without moving the luma."""
    blue = 2 * (1 - blue_weight) * signed[..., 0]
    red = 2 * (1 - red_weight) * signed[..., 1]
    green = -(blue_weight * blue + red_weight * red) / (1 - red_weight - blue_weight)
    factor = np.ones(signed.shape[:-1], np.float32)
    for offset in (red, green, blue):
        room = np.where(offset > 0, 1 - luma, luma)
        factor = np.minimum(factor, room / np.maximum(np.abs(offset), 1e-9))
    return factor.astype(np.float32)


def _lab_to_linear(lightness: Array, a: Array, b: Array, primaries: int) -> Array:
    """Linear light in the given primaries, not clipped; float32 (N,) each to (N, 3)."""
    middle = (lightness + 16) / 116
    f = np.stack([middle + a / 500, middle, middle - b / 200], axis=-1)
    scaled = np.where(f > 6 / 29, f**3, (f - 16 / 116) / 7.787)
    return np.asarray((scaled * WHITE_D65) @ _linear_from_xyz(primaries).T, np.float32)


@functools.cache
def _linear_from_xyz(primaries: int) -> NDArray[np.float64]:
    """Matrix from XYZ to linear RGB of the given primaries (SMPTE RP 177)."""
    corners = np.array([[x / y, 1, (1 - x - y) / y] for x, y in PRIMARIES[primaries]]).T
    return np.linalg.inv(corners * np.linalg.solve(corners, WHITE_D65.astype(np.float64)))
