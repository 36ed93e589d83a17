"""Gamut bins, soft encoding, annealed mean, gamut mapping."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from koalacli.color import gamut, lab

COLORS = arrays.arrays(np.float32, (8, 3), elements=st.floats(0, 1, width=32))


def test_bins_lie_on_the_grid_and_are_unique() -> None:
    """Bins are multiples of ten, sorted, without repetition, about as many as in the paper."""
    bins = gamut.gamut_bins()
    assert np.array_equal(bins % gamut.BIN_STEP, np.zeros_like(bins))
    assert len(np.unique(bins, axis=0)) == len(bins)
    assert 300 <= len(bins) <= 320


@given(COLORS)
def test_soft_encoding_preserves_the_expectation(rgb: np.ndarray) -> None:
    """The mean of the bins under the weights is the color that was encoded."""
    bins = gamut.gamut_bins()
    ab = lab.rgb_to_lab(rgb)[..., 1:]
    index, weight = gamut.soft_encode(ab, bins)
    assert np.allclose(weight.sum(-1), 1, atol=1e-5)
    assert np.abs((bins[index] * weight[..., None]).sum(-2) - ab).max() < 1e-3


def test_soft_encoding_takes_the_nearest_bin_outside_the_gamut() -> None:
    """A color that no bin surrounds goes to the nearest one with full weight."""
    bins = gamut.gamut_bins()
    index, weight = gamut.soft_encode(np.array([[200.0, 200.0]], np.float32), bins)
    nearest = np.sum((bins - 200) ** 2, axis=-1).argmin()
    assert index[0, weight[0].argmax()] == nearest
    assert weight[0].sum() == pytest.approx(1)


def test_annealed_mean_moves_from_mean_to_mode() -> None:
    """At temperature 1 the read-out is the mean of the bins, at a low one the mode."""
    bins = np.array([[0, 0], [10, 0], [100, 0]], np.float32)
    logits = np.log(np.array([[0.2, 0.5, 0.3]], np.float32))
    assert gamut.annealed_mean(logits, bins, 1.0) == pytest.approx(np.array([[35, 0]]), abs=1e-3)
    assert gamut.annealed_mean(logits, bins, 0.02) == pytest.approx(np.array([[10, 0]]), abs=1e-3)


def test_rebalance_weights_favor_rare_bins_with_mean_one() -> None:
    """Rare bins weigh more, and the prior's mean weight is 1."""
    prior = np.array([0.7, 0.2, 0.1], np.float32)
    weights = gamut.rebalance_weights(prior, strength=0.6, mix=0.5)
    assert weights[0] < weights[1] < weights[2]
    assert (prior * weights).sum() == pytest.approx(1)


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
