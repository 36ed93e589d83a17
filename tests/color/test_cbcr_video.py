"""U and V from luma and ab: exact against the formulas, inside RGB, neutral where it should be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalacli.color.cbcr_video import MATRICES, VideoColor, gray8_to_lightness, luma_to_gray8, make_cbcr
from koalacli.color.lab import lightness_of, rgb_to_lab


def back_to_rgb(gray: np.ndarray, chroma: tuple[np.ndarray, ...], color: VideoColor) -> np.ndarray:
    """R', G', B' of Y', U, V, not clipped."""
    kr, kb = MATRICES[color.matrix]
    pb, pr = ((plane.astype(np.float64) - color.neutral) / color.cbcr_span() for plane in chroma)
    luma = gray / 255
    red, blue = luma + 2 * (1 - kr) * pr, luma + 2 * (1 - kb) * pb
    return np.stack([red, (luma - kr * red - kb * blue) / (1 - kr - kb), blue], -1)


def colors(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Luma and ab of all kinds: gray uint8 (1, N), ab float32 (1, N, 2)."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (1, count), dtype=np.uint8), rng.uniform(-90, 90, (1, count, 2)).astype(np.float32)


@pytest.mark.parametrize("matrix", [1, 5, 6])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("depth", "tolerance"), [(8, 1.6), (10, 0.6)])
def test_ab_comes_back(matrix: int, full_range: bool, depth: int, tolerance: float) -> None:
    """Decoded again, colors inside the gamut have the ab that was asked for."""
    gray, ab = colors()
    color = VideoColor(matrix, 1, full_range, depth)
    rgb = back_to_rgb(gray, make_cbcr(gray, ab, color), color)
    inside = np.all((rgb > 0.05) & (rgb < 0.95), axis=-1)
    lab = rgb_to_lab(np.clip(rgb, 0, 1).astype(np.float32))
    assert inside.mean() > 0.15
    error = np.abs(lab[..., 1:] - ab)[inside]
    assert error.mean() < tolerance
    assert np.percentile(error, 95) < 4 * tolerance


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_colors_stay_inside_rgb(depth: int) -> None:
    """No R', G' or B' leaves 0..1 by more than the rounding of codes and levels."""
    gray, ab = colors()
    color = VideoColor(depth=depth)
    rgb = back_to_rgb(gray, make_cbcr(gray, ab, color), color)
    allowed = 0.03 if depth == 8 else 0.01
    assert rgb.min() > -allowed
    assert rgb.max() < 1 + allowed


@given(st.sampled_from(sorted(MATRICES)), st.booleans(), st.sampled_from([8, 10]), st.integers(0, 255))
def test_no_color_is_neutral(matrix: int, full_range: bool, depth: int, code: int) -> None:
    """ab of zero gives the neutral code for every luma, matrix, range and depth."""
    color = VideoColor(matrix, 1, full_range, depth)
    planes = make_cbcr(np.full((2, 2), code, np.uint8), np.zeros((2, 2, 2), np.float32), color)
    assert all(np.abs(plane.astype(int) - color.neutral).max() <= 1 for plane in planes)


@pytest.mark.parametrize("code", [0, 255])
def test_black_and_white_take_no_color(code: int) -> None:
    """Nothing can be colored where luma is at its end."""
    gray = np.full((1, 50), code, np.uint8)
    ab = np.random.default_rng(1).uniform(-80, 80, (1, 50, 2)).astype(np.float32)
    for depth in (8, 10):
        color = VideoColor(depth=depth)
        assert all(np.abs(plane.astype(int) - color.neutral).max() <= 1 for plane in make_cbcr(gray, ab, color))


@pytest.mark.parametrize(
    ("depth", "full_range", "black", "white"), [(8, False, 16, 235), (10, False, 64, 940), (8, True, 0, 255)]
)
def test_luma_ranges(depth: int, full_range: bool, black: int, white: int) -> None:
    """Black and white of a range become 0 and 255; codes beyond are clipped."""
    dtype = np.uint8 if depth == 8 else np.uint16
    codes = np.array([[black, white, max(black - 5, 0), min(white + 5, 2**depth - 1)]], dtype)
    assert luma_to_gray8(codes, VideoColor(full_range=full_range, depth=depth)).tolist() == [[0, 255, 0, 255]]


def test_lightness_is_that_of_photographs() -> None:
    """Films and photographs are seen alike by the network."""
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_allclose(gray8_to_lightness(gray), lightness_of(gray), atol=1e-3)
