"""sRGB and CIELAB against scikit-image, there and back."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import color as oracle

from koalacli.color import lab

LEVELS = np.unique(np.append(np.arange(0, 256, 5), 255)).astype(np.uint8)
CUBE8 = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS, indexing="ij"), axis=-1).reshape(-1, 1, 3)
CUBE = CUBE8.astype(np.float32) / 255


def test_lab_agrees_with_scikit_image() -> None:
    """Over the whole cube, L*, a* and b* differ by less than 1e-3."""
    assert np.abs(lab.rgb_to_lab(CUBE) - oracle.rgb2lab(CUBE.astype(np.float64))).max() < 1e-3


def test_there_and_back_is_exact_to_one_code_value() -> None:
    """RGB to Lab to RGB loses far less than 1/255 anywhere in the cube."""
    assert np.abs(lab.lab_to_rgb(lab.rgb_to_lab(CUBE)) - CUBE).max() < 1 / 255 / 10


def test_back_agrees_with_scikit_image() -> None:
    """Lab to RGB differs from the oracle by less than 1e-3 inside the gamut."""
    values = lab.rgb_to_lab(CUBE)
    assert np.abs(lab.lab_to_rgb(values) - oracle.lab2rgb(values.astype(np.float64))).max() < 1e-3


@pytest.mark.parametrize(("dtype", "limit"), [(np.uint8, 1e-4), (np.uint16, 1e-4)])
def test_lightness_of_gray_is_exact(dtype: type, limit: float) -> None:
    """Every gray code value has the oracle's L*."""
    top = np.iinfo(dtype).max
    gray = np.arange(top + 1).astype(dtype)[:, None]
    expected = oracle.rgb2lab(np.repeat(gray[..., None] / top, 3, axis=-1))[..., :1]
    assert np.abs(lab.lightness_of(gray) - expected).max() < limit


def test_lightness_of_rgb_agrees_with_full_conversion() -> None:
    """The tabulated lightness of rgb8 and rgb16 is within 0.005 of the exact one."""
    exact = lab.rgb_to_lab(CUBE)[..., :1]
    assert np.abs(lab.lightness_of(CUBE8) - exact).max() < 5e-3
    assert np.abs(lab.lightness_of(CUBE8.astype(np.uint16) * 257) - exact).max() < 5e-3


def test_no_color_is_gray() -> None:
    """ab = 0 gives equal channels at every lightness."""
    lightness = np.linspace(0, 100, 1001, dtype=np.float32)[:, None]
    rgb = lab.lab_to_rgb(np.concatenate([lightness, np.zeros((1001, 2), np.float32)], axis=-1))
    assert np.ptp(rgb, axis=-1).max() < 1e-4


@given(arrays.arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32)))
def test_round_trip_holds_for_any_color(rgb: np.ndarray) -> None:
    """Any color between the code values comes back too."""
    assert np.abs(lab.lab_to_rgb(lab.rgb_to_lab(rgb)) - rgb).max() < 1e-3


def test_lightness_and_luminance_are_inverse() -> None:
    """L* to Y to L* is the identity."""
    lightness = np.linspace(0, 100, 501, dtype=np.float32)
    assert np.abs(lab.luminance_to_lightness(lab.lightness_to_luminance(lightness)) - lightness).max() < 1e-3


def test_other_dtypes_are_refused() -> None:
    """Floats have no code values; a wrong guess about their range would be silent."""
    with pytest.raises(TypeError, match="uint8 or uint16"):
        lab.lightness_of(np.zeros((2, 2), np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_of_a_large_picture_takes_little_more_room_than_itself(dtype: type) -> None:
    """What stands between rgb and L* is a strip, not several times the picture."""
    pixels = np.full((1500, 1000, 3), 99, dtype)
    lab.lightness_of(pixels[:9])  # tables
    tracemalloc.start()
    lightness = lab.lightness_of(pixels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.6 * lightness.nbytes
