"""Edge-aware enlarging of ab."""

import cv2
import numpy as np

from koalacli.color import upsample


def step_picture(height: int, width: int) -> np.ndarray:
    """Lightness that jumps from 20 to 80 in the middle; float32 (H, W, 1)."""
    lightness = np.full((height, width, 1), 20, np.float32)
    lightness[:, width // 2 :] = 80
    return lightness


def test_constant_color_stays_constant() -> None:
    """One color everywhere is one color everywhere after enlarging."""
    lightness = np.random.default_rng(0).uniform(0, 100, (90, 120, 1)).astype(np.float32)
    ab = np.full((16, 16, 2), (12, -7), np.float32)
    guide = cv2.resize(lightness, (64, 64))[..., None]
    assert np.abs(upsample.enlarge_ab(ab, lightness, guide) - (12, -7)).max() < 1e-2


def test_color_edges_follow_lightness_edges() -> None:
    """Across an edge of lightness, color changes within fewer pixels than plain enlarging needs."""
    lightness = step_picture(256, 256)
    guide = cv2.resize(lightness, (64, 64), interpolation=cv2.INTER_AREA)[..., None]
    ab = np.zeros((16, 16, 2), np.float32)
    ab[:, 8:] = 40
    guided = upsample.enlarge_ab(ab, lightness, guide)[128, :, 0]
    plain = cv2.resize(ab, (256, 256), interpolation=cv2.INTER_CUBIC)[128, :, 0]
    true = np.where(np.arange(256) < 128, 0, 40)
    assert np.abs(guided - true).mean() < 0.7 * np.abs(plain - true).mean()


def test_any_size_is_accepted() -> None:
    """Results have the size of the lightness, down to one pixel."""
    ab, guide = np.zeros((8, 8, 2), np.float32), np.zeros((32, 32, 1), np.float32)
    for height, width in ((1, 1), (1, 300), (33, 7)):
        lightness = np.zeros((height, width, 1), np.float32)
        assert upsample.enlarge_ab(ab, lightness, guide).shape == (height, width, 2)
