"""Colors that agree: alike places share a color, what is like nothing else keeps its own."""

import numpy as np
import pytest

from koalacli import Colorizer
from koalacli.arrays import Array
from koalacli.model.coherence import agree
from koalacli.model.read_outs import READ_OUTS


def scene() -> tuple[Array, Array, Array]:
    """ab, features and lightness of a wall that is half red and half green, with a small face on it."""
    ab = np.zeros((1, 48, 48, 2), np.float32)
    ab[:, :, :24, 0], ab[:, :, 24:, 0] = 30, -30
    features = np.zeros((1, 48, 48, 4), np.float32)
    features[..., 0] = 1
    face = (slice(None), slice(20, 23), slice(6, 9))
    features[face] = (0, 1, 0, 0)
    ab[face] = (15, 20)
    lightness = np.full((1, 192, 192, 1), 50, np.float32)
    lightness[:, 80:92, 24:36] = 75
    return ab, features, lightness


def test_one_thing_gets_one_color_and_a_small_other_thing_keeps_its_own() -> None:
    """The seam in a wall is gone; a face of three places a side does not turn into wall."""
    ab, features, lightness = scene()
    agreed = np.asarray(agree(ab, features, lightness, stride=4, cell=4))
    seam_before, seam = (float(abs(np.diff(planes[0, 40, 23:25, 0])[0])) for planes in (ab, agreed))
    assert seam_before == 60
    assert seam < 6
    assert np.abs(agreed[0, 21, 7] - (15, 20)).max() < 4


def test_one_color_everywhere_stays_what_it_is() -> None:
    """Averages of equal colors change nothing, at sizes that cells do not divide, too."""
    generator = np.random.default_rng(3)
    ab = np.broadcast_to(np.array([7.0, -11.0], np.float32), (2, 16, 24, 2))
    features = generator.random((2, 16, 24, 5)).astype(np.float32)
    lightness = generator.random((2, 64, 96, 1)).astype(np.float32) * 100
    assert np.asarray(agree(ab, features, lightness, stride=4, cell=5)) == pytest.approx(ab, abs=1e-4)


def test_pictures_agree_with_themselves_alone(gray: Array) -> None:
    """The reading is chosen by its name, differs from the plain one, and no picture hears of its batch mates."""
    assert READ_OUTS["coherence"].uses_features
    colorizer = Colorizer(device="cpu", size=64, method="coherence")
    pictures = [np.asarray(gray[:64, start : start + 64, None] / 2.55, np.float32) for start in (0, 40, 80)]
    together = colorizer.predict(pictures).ab
    alone = np.concatenate([colorizer.predict([picture]).ab for picture in pictures])
    assert np.array_equal(together, alone)
    plain = Colorizer(device="cpu", size=64, method="annealed-mean").predict(pictures).ab
    rough, smooth = (np.abs(np.diff(ab, axis=2)).mean() for ab in (plain, together))
    assert smooth < rough
