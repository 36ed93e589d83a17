"""Floors: what needs no network."""

from pathlib import Path

import numpy as np
import pytest

from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.errors import DataError
from koalacli.metrics import floors
from koalacli.metrics.comparison import View


@pytest.fixture(scope="module")
def ramp() -> np.ndarray:
    """Dark blue to light yellow, uint8 (16, 64, 3)."""
    row = np.linspace((10, 20, 90), (250, 240, 130), 64)
    return np.repeat(row[None], 16, axis=0).astype(np.uint8)


def test_floors_keep_the_lightness(ramp: np.ndarray) -> None:
    """All three differ from the reference in color alone."""
    lightness = lightness_of(ramp)
    made = floors.floor_pictures(lightness, np.array([4, 6], np.float32), floors.fit_lookup([View(ramp).lab]))
    assert list(made) == list(floors.FLOORS)
    for rgb8 in made.values():
        assert np.abs(lightness_of(rgb8) - lightness).max() < 0.7
    gray = made["floor: gray"]
    assert (gray == gray[..., :1]).all()


def test_a_lookup_fitted_on_the_picture_itself_restores_it(ramp: np.ndarray) -> None:
    """Where color is a function of lightness, the lookup is the perfect colorizer."""
    lookup = floors.fit_lookup([View(ramp).lab])
    made = floors.floor_pictures(lightness_of(ramp), np.zeros(2, np.float32), lookup)["floor: L* lookup"]
    assert np.abs(View(made).lab - View(ramp).lab).mean() < 1.5


def test_a_lookup_fills_levels_never_seen() -> None:
    """Between two levels the color is in between; beyond them it is the nearest."""
    lab = np.array([[[20, 10, 0], [60, 30, -40]]], np.float32)
    lookup = floors.fit_lookup([lab])
    np.testing.assert_allclose(lookup[[0, 20, 40, 60, 100]], [[10, 0], [10, 0], [20, -20], [30, -40], [30, -40]])


def test_the_mean_weighs_pictures_alike() -> None:
    """A large picture counts no more than a small one."""
    mean = floors.MeanColor()
    mean.add(np.full((40, 40, 3), (50, 10, 20), np.float32))
    mean.add(np.full((4, 4, 3), (50, 30, -20), np.float32))
    np.testing.assert_allclose(mean.value(), [20, 0])


def test_a_lookup_survives_its_file(tmp_path: Path, ramp: np.ndarray) -> None:
    """Saved and loaded, to the hundredth; a file of another shape is refused."""
    lookup = floors.fit_lookup([rgb_to_lab(ramp / np.float32(255))])
    floors.save_lookup(tmp_path / "lookup.json", lookup, "a ramp")
    np.testing.assert_allclose(floors.load_lookup(tmp_path / "lookup.json"), lookup, atol=0.006)
    (tmp_path / "short.json").write_text('{"ab": [[1, 2]]}')
    with pytest.raises(DataError, match="101 pairs"):
        floors.load_lookup(tmp_path / "short.json")
    with pytest.raises(DataError, match="not an L"):
        floors.load_lookup(tmp_path / "missing.json")
    with pytest.raises(DataError, match="no picture"):
        floors.fit_lookup([])
