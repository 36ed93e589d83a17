"""Hue and chroma: the same colors as by NumPy and by Python's own, there and back."""

import colorsys

import numpy as np
from keras import ops

from koalacli.color.lab import lab_to_rgb, rgb_to_lab
from koalacli.model import hue_chroma
from koalacli.model.losses import LossSettings, build_histograms
from koalacli.presets import PRESETS

CONFIG = PRESETS["larsson-2016"].network
CHANCE = np.random.default_rng(0)


def outputs_of(rgb: np.ndarray) -> np.ndarray:
    """What a network that is sure of rgb (1, h, w, 3) would say."""
    hue, chroma = (ops.convert_to_numpy(part) for part in hue_chroma.hue_and_chroma(rgb))
    logits = [100 * ops.convert_to_numpy(hue_chroma.bin_of(part)) for part in (hue, chroma)]
    gray = (rgb_to_lab(rgb)[..., :1] - CONFIG.lightness_center) / CONFIG.lightness_scale
    return np.concatenate([*logits, gray], axis=-1).astype(np.float32)


def test_lab_and_rgb_are_those_of_numpy() -> None:
    """Both ways, within a thousandth of a unit of what a picture holds."""
    rgb = CHANCE.uniform(0, 1, (4, 5, 3)).astype(np.float32)
    lab = rgb_to_lab(rgb)
    np.testing.assert_allclose(ops.convert_to_numpy(hue_chroma.lab_of_rgb(rgb)), lab, atol=5e-2)
    np.testing.assert_allclose(
        ops.convert_to_numpy(hue_chroma.rgb_of_lab(lab)), np.clip(lab_to_rgb(lab), 0, 1), atol=1e-3
    )


def test_hue_is_that_of_hsv() -> None:
    """Hue and chroma of random colors and of pure ones; rgb comes back from them and its mean."""
    rgb = np.concatenate([CHANCE.uniform(0, 1, (40, 3)), np.eye(3), 1 - np.eye(3)]).astype(np.float32)
    hue, chroma = hue_chroma.hue_and_chroma(rgb)
    expected = [colorsys.rgb_to_hsv(*one) for one in rgb.tolist()]
    np.testing.assert_allclose(ops.convert_to_numpy(hue)[:, 0], [one[0] for one in expected], atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(chroma)[:, 0], [one[1] * one[2] for one in expected], atol=1e-5)
    back = hue_chroma.rgb_of(hue, chroma, rgb.mean(axis=-1, keepdims=True))
    np.testing.assert_allclose(ops.convert_to_numpy(back), rgb, atol=1e-5)


def test_a_sure_network_is_read_as_it_means() -> None:
    """Within what a bin is wide; where it is torn between opposite hues there is no color."""
    rgb = np.broadcast_to(np.array([0.75, 0.5, 0.3], np.float32), (1, 2, 2, 3))
    outputs = outputs_of(rgb)
    expected = rgb_to_lab(rgb)[..., 1:]
    ab = ops.convert_to_numpy(hue_chroma.read_fading(outputs, CONFIG))
    assert np.abs(ab - expected).max() < 6
    torn = outputs.copy()
    torn[..., hue_chroma.HUE] = 100 * (np.arange(32) % 16 == 3)
    assert np.abs(ops.convert_to_numpy(hue_chroma.read_fading(torn, CONFIG))).max() < 0.5


def test_the_loss_is_nothing_where_all_is_said() -> None:
    """The divergence of a flat picture from itself is 0; a wrong hue costs by chroma, five times as much."""
    rgb = np.broadcast_to(np.array([0.75, 0.5, 0.3], np.float32), (1, 6, 6, 3))
    ab, right = rgb_to_lab(rgb)[..., 1:], outputs_of(rgb)
    loss = build_histograms(CONFIG, {}, LossSettings(**dict.fromkeys(LossSettings.__dataclass_fields__, 0.0)))
    assert float(loss(ab, right)[0]) < 1e-4
    wrong = right.copy()
    wrong[..., hue_chroma.HUE] = 0  # all hues alike: log 32 away
    np.testing.assert_allclose(float(loss(ab, wrong)[0]), 5 * 0.45 * np.log(32), rtol=1e-2)
