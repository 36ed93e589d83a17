"""Metrics of clips: against SciPy, and frames made by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from koalacli.metrics import clips


def texture(seed: int = 1, height: int = 96, width: int = 128) -> np.ndarray:
    """A smooth random texture, float (height, width), 60..190."""
    import cv2

    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return 60 + 130 * (smooth - smooth.min()) / np.ptp(smooth)


def tinted(gray: np.ndarray, *tint: int) -> np.ndarray:
    """A gray texture with a constant added per channel, uint8 (H, W, 3)."""
    return np.clip(gray[..., None] + np.array(tint), 0, 255).astype(np.uint8)


def warp_error(frames: list[np.ndarray], reference: list[np.ndarray]) -> float:
    """Warp error of frames along the motion of a reference."""
    motion, error = clips.Motion(), clips.WarpError()
    for frame, true in zip(frames, reference, strict=True):
        motion.add(true)
        error.add(frame, motion)
    return error.value()


def test_divergence_agrees_with_scipy() -> None:
    """Per channel in nats, and averaged."""
    first, second = np.random.default_rng(1).random((2, 3, 256)) * (np.random.default_rng(2).random((2, 3, 256)) > 0.5)
    first, second = (share / share.sum(-1, keepdims=True) for share in (first, second))
    truth = np.mean([jensenshannon(one, other) ** 2 for one, other in zip(first, second, strict=True)])
    assert clips.jensen_shannon(first, second) == pytest.approx(truth, rel=1e-9)


def test_divergence_of_disjoint_histograms_is_ln_2() -> None:
    """Its largest value."""
    first, second = np.zeros((2, 3, 256))
    first[:, 0], second[:, 9] = 1, 1
    assert clips.jensen_shannon(first, second) == pytest.approx(np.log(2))
    assert clips.jensen_shannon(first, first) == 0


def test_cdc_averages_over_steps_of_1_2_and_4_frames() -> None:
    """Colors that alternate differ at step 1 and agree at steps 2 and 4: a third of ln 2."""
    consistency = clips.ColorConsistency()
    for number in range(6):
        consistency.add(np.full((4, 4, 3), 10 if number % 2 else 200, np.uint8), clips.Motion())
    assert consistency.value() == pytest.approx(np.log(2) / 3)


def test_cdc_of_a_clip_that_is_too_short_does_not_exist() -> None:
    """Four frames have no pair that is four apart."""
    consistency = clips.ColorConsistency()
    for _ in range(4):
        consistency.add(np.zeros((4, 4, 3), np.uint8), clips.Motion())
    assert np.isnan(consistency.value())


def test_warp_error_of_flicker_is_its_size() -> None:
    """A still picture whose tint changes has the distance of the tints; gray has none."""
    from koalacli.color.lab import rgb_to_lab

    gray = texture()
    one, other = tinted(gray, 20, 0, 0), tinted(gray, 0, 0, 20)
    colors = [rgb_to_lab(frame / np.float32(255))[..., 1:] for frame in (one, other)]
    expected = np.linalg.norm(colors[0] - colors[1], axis=-1).mean()
    still = [tinted(gray, 0, 0, 0)] * 4
    assert warp_error([one, other, one, other], still) == pytest.approx(expected, rel=0.01)
    assert warp_error(still, still) == pytest.approx(0, abs=1e-3)


def test_warp_error_follows_motion() -> None:
    """Color that moves with its thing is steady, and color that stays behind is not."""
    gray = texture(2, 96, 160)
    tint = np.where(np.arange(160) // 20 % 2, 40, -40)[None, :, None] * np.array([1, -1, 0])
    colored = np.clip(gray[..., None] + tint, 0, 255).astype(np.uint8)
    moving = [colored[:, 3 * number : 3 * number + 128] for number in range(5)]
    reference = [tinted(gray[:, 3 * number : 3 * number + 128], 0, 0, 0) for number in range(5)]
    left_behind = [
        np.clip(gray[:, 3 * number : 3 * number + 128, None] + tint[:, :128], 0, 255).astype(np.uint8)
        for number in range(5)
    ]
    steady, lagging = warp_error(moving, reference), warp_error(left_behind, reference)
    assert steady < 0.4 * lagging


def test_what_luma_does_not_confirm_is_left_out() -> None:
    """Across a cut nothing is the same thing: hardly a pixel is compared."""
    motion = clips.Motion()
    motion.add(tinted(texture(3), 0, 0, 0))
    motion.add(tinted(250 - texture(4) / 4, 0, 0, 0))
    assert motion.same is not None
    assert motion.same.mean() < 0.05
