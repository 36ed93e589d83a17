"""Gamut bins, soft encoding, annealed mean, gamut mapping."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from koalacli.color import gamut, lab

COLORS = arrays.arrays(np.float32, (8, 3), elements=st.floats(0, 1, width=32))


PLANES = st.tuples(
    arrays.arrays(np.float32, (6, 7, 1), elements=st.floats(0, 100, width=32)),
    arrays.arrays(np.float32, (6, 7, 2), elements=st.floats(-120, 120, width=32)),
)


@given(PLANES)
def test_merged_rgb8_keeps_lightness(planes: tuple[np.ndarray, np.ndarray]) -> None:
    """Whatever the color, 8-bit results keep L* to 0.6."""
    lightness, ab = planes
    merged = gamut.merge_rgb8(lightness, ab)
    assert np.abs(lab.rgb_to_lab(merged / np.float32(255))[..., :1] - lightness).max() <= 0.6


def test_merged_rgb_is_exact_between_codes() -> None:
    """Cb and Cr are made of codes that are not rounded: colors inside the gamut come back within a tenth of one."""
    rgb = np.random.default_rng(0).uniform(0.02, 0.98, (60, 70, 3)).astype(np.float32)
    found = lab.rgb_to_lab(rgb)
    merged = gamut.merge_rgb(found[..., :1], np.ascontiguousarray(found[..., 1:]))
    assert merged.dtype == np.float32
    assert np.abs(merged - rgb * 255).max() < 0.1


@given(PLANES)
def test_merged_rgb16_keeps_lightness(planes: tuple[np.ndarray, np.ndarray]) -> None:
    """Whatever the color, 16-bit results keep L* to 0.02."""
    lightness, ab = planes
    merged = gamut.merge_rgb16(lightness, ab)
    assert np.abs(lab.rgb_to_lab(merged / np.float32(65535))[..., :1] - lightness).max() <= 0.02


@given(PLANES)
def test_fitting_keeps_hue_and_never_adds_chroma(planes: tuple[np.ndarray, np.ndarray]) -> None:
    """Gamut mapping moves colors straight toward gray."""
    lightness, ab = planes
    fitted = gamut.fit_gamut(lightness, ab)
    assert np.all(np.hypot(*np.moveaxis(fitted, -1, 0)) <= np.hypot(*np.moveaxis(ab, -1, 0)) + 1e-3)
    cross = fitted[..., 0] * ab[..., 1] - fitted[..., 1] * ab[..., 0]
    assert np.abs(cross).max() < 0.05
    linear = lab.lab_to_linear_rgb(lightness, fitted)
    assert linear.min() > -2e-3
    assert linear.max() < 1 + 2e-3


def test_colors_inside_the_gamut_are_untouched() -> None:
    """Fitting is the identity for colors that sRGB can show."""
    rgb = np.random.default_rng(0).uniform(0.02, 0.98, (20, 20, 3)).astype(np.float32)
    values = lab.rgb_to_lab(rgb)
    assert np.array_equal(gamut.fit_gamut(values[..., :1], values[..., 1:]), values[..., 1:])


def test_black_and_white_need_no_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scanned text holds no color whatever was predicted, and is not reduced pixel by pixel."""
    monkeypatch.setattr(gamut, "_reduce_chroma", None)
    lightness = np.float32([[[0], [100], [0], [100]]])
    merged = gamut.merge_rgb8(lightness, np.full((1, 4, 2), 30, np.float32))
    assert merged.tolist() == [[[0] * 3, [255] * 3, [0] * 3, [255] * 3]]
