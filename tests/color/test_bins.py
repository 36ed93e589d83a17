"""Bins over the ab plane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from koalacli.color import bins as bin_plane
from koalacli.color import lab

COLORS = arrays.arrays(np.float32, (8, 3), elements=st.floats(0, 1, width=32))


def test_bins_lie_on_the_grid_and_are_unique() -> None:
    """Bins are multiples of ten, sorted, without repetition, about as many as in the paper."""
    bins = bin_plane.gamut_bins()
    assert np.array_equal(bins % bin_plane.BIN_STEP, np.zeros_like(bins))
    assert len(np.unique(bins, axis=0)) == len(bins)
    assert 300 <= len(bins) <= 320


@given(COLORS)
def test_soft_encoding_preserves_the_expectation(rgb: np.ndarray) -> None:
    """The mean of the bins under the weights is the color that was encoded."""
    bins = bin_plane.gamut_bins()
    ab = lab.rgb_to_lab(rgb)[..., 1:]
    index, weight = bin_plane.soft_encode(ab, bins)
    assert np.allclose(weight.sum(-1), 1, atol=1e-5)
    assert np.abs((bins[index] * weight[..., None]).sum(-2) - ab).max() < 1e-3


def test_soft_encoding_takes_the_nearest_bin_outside_the_gamut() -> None:
    """A color that no bin surrounds goes to the nearest one with full weight."""
    bins = bin_plane.gamut_bins()
    index, weight = bin_plane.soft_encode(np.array([[200.0, 200.0]], np.float32), bins)
    nearest = np.sum((bins - 200) ** 2, axis=-1).argmin()
    assert index[0, weight[0].argmax()] == nearest
    assert weight[0].sum() == pytest.approx(1)


def test_annealed_mean_moves_from_mean_to_mode() -> None:
    """At temperature 1 the read-out is the mean of the bins, at a low one the mode."""
    bins = np.array([[0, 0], [10, 0], [100, 0]], np.float32)
    logits = np.log(np.array([[0.2, 0.5, 0.3]], np.float32))
    assert bin_plane.annealed_mean(logits, bins, 1.0) == pytest.approx(np.array([[35, 0]]), abs=1e-3)
    assert bin_plane.annealed_mean(logits, bins, 0.02) == pytest.approx(np.array([[10, 0]]), abs=1e-3)


def test_rebalance_weights_favor_rare_bins_with_mean_one() -> None:
    """Rare bins weigh more, and the prior's mean weight is 1."""
    prior = np.array([0.7, 0.2, 0.1], np.float32)
    weights = bin_plane.rebalance_weights(prior, strength=0.6, mix=0.5)
    assert weights[0] < weights[1] < weights[2]
    assert (prior * weights).sum() == pytest.approx(1)
