"""What the network is shown of faded pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalacli.color.levels import EXTREMES, LARGEST_GAIN, stretch_levels


def ramp(darkest: float, lightest: float) -> np.ndarray:
    """Every lightness between two, float32 (50, 40, 1)."""
    return np.linspace(darkest, lightest, 2000, dtype=np.float32).reshape(50, 40, 1)


def spread(lightness: np.ndarray) -> float:
    """Range of lightness without the extremes."""
    low, high = np.percentile(lightness[::2, ::2], EXTREMES)
    return float(high - low)


def test_a_picture_with_contrast_is_left_alone() -> None:
    """Not one value changes where the range is there, nor with a range of zero asked for."""
    picture = ramp(5, 95)
    assert stretch_levels(picture, 80) is picture
    assert stretch_levels(ramp(40, 60), 0).tolist() == ramp(40, 60).tolist()


@given(st.floats(2, 100), st.floats(2, 100), st.floats(0, 90))
def test_the_range_is_reached_in_order_and_in_bounds(one: float, other: float, least: float) -> None:
    """Darker stays darker, nothing leaves 0..100, and the range is there unless noise would be blown up."""
    picture = ramp(min(one, other), max(one, other))
    stretched = stretch_levels(picture, least)
    assert stretched.dtype == np.float32
    assert stretched.min() >= 0
    assert stretched.max() <= 100
    assert (np.diff(stretched.ravel()) >= 0).all()
    assert spread(stretched) >= min(least, LARGEST_GAIN * spread(picture)) - 0.01


@given(st.floats(2, 20), st.floats(0.01, 1))
def test_it_sets_in_without_a_jump(darkest: float, missing: float) -> None:
    """A picture that hardly lacks contrast hardly changes, so that films do not flicker at the limit."""
    picture = ramp(darkest, darkest + 80)
    least = spread(picture) + missing
    assert np.abs(stretch_levels(picture, least) - picture).max() <= 2 * missing + 1e-3


def test_black_around_a_picture_does_not_count() -> None:
    """Bars beside a faded picture do not hide that it is faded, and stay black."""
    picture = np.pad(ramp(40, 70), ((0, 0), (20, 20), (0, 0)))
    stretched = stretch_levels(picture, 80)
    np.testing.assert_allclose(stretched[:, 20:-20], stretch_levels(ramp(40, 70), 80))
    assert stretched[:, :20].max() == 0


@pytest.mark.parametrize("level", [0.0, 50.0, 100.0])
def test_an_even_picture_stays_even(level: float) -> None:
    """A black, gray or white frame is not turned into noise."""
    picture = np.full((8, 8, 1), level, np.float32)
    np.testing.assert_allclose(stretch_levels(picture, 80), level, atol=0.01)
