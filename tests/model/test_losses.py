"""Losses against NumPy, and what they are for."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from koalacli.color.bins import UNIFORM_SHARE, gamut_bins, rebalance_weights, soft_encode
from koalacli.color.lab import rgb_to_lab
from koalacli.model.heads import head_of
from koalacli.model.losses import LossSettings, bin_table, encode_on_device
from koalacli.model.recipes import complete
from koalacli.presets import PRESETS, NetworkConfig
from koalacli.tables import LOSSES, load_part
from koalacli.train_config import TrainConfig

BINS = gamut_bins()
PRIOR = np.random.default_rng(1).dirichlet(np.ones(len(BINS))).astype(np.float32)
TABLES = {"gamut_bins": BINS, "bin_prior": PRIOR}
KOALA, PLAIN = PRESETS["koala"].network, PRESETS["deep-koalarization"].network


def settings(**changes: float) -> LossSettings:
    """The default knobs, with changes."""
    config = complete(TrainConfig())
    return LossSettings(**{key: changes.get(key, getattr(config, key)) for key in LossSettings.__dataclass_fields__})


def colors(*shape: int) -> np.ndarray:
    """ab of random colors that sRGB can show."""
    rgb = np.random.default_rng(0).random((*shape, 3), np.float32)
    return rgb_to_lab(rgb)[..., 1:]


def loss_of(name: str, config: NetworkConfig, ab: np.ndarray, outputs: np.ndarray, **changes: float) -> float:
    """A loss as a number: the mean over the pictures."""
    loss = load_part(LOSSES[name].build)(config, TABLES, settings(**changes))
    losses = ops.convert_to_numpy(loss(ops.convert_to_tensor(ab), ops.convert_to_tensor(outputs)))
    assert losses.shape == ab.shape[:1]
    return float(losses.mean())


def test_encoding_on_the_device_is_that_of_numpy() -> None:
    """Same bins, same weights, and the expectation is the color."""
    ab = colors(500)
    index, share = (ops.convert_to_numpy(part) for part in encode_on_device(ops.convert_to_tensor(ab), bin_table(BINS)))
    expected_index, expected_share = soft_encode(ab, BINS)
    dense, expected = np.zeros((500, len(BINS))), np.zeros((500, len(BINS)))
    rows = np.arange(500)[:, None]
    np.add.at(dense, (rows, index), share)
    np.add.at(expected, (rows, expected_index), expected_share)
    np.testing.assert_allclose(dense, expected, atol=2e-4)
    np.testing.assert_allclose((share[..., None] * BINS[index]).sum(1), ab, atol=1e-2)


def test_colors_outside_every_bin_are_encoded_too() -> None:
    """A target beyond the gamut gets bins that exist, with weight one."""
    ab = np.array([[500, -500], [139, 139], [-140, 0]], np.float32)
    index, share = (ops.convert_to_numpy(part) for part in encode_on_device(ops.convert_to_tensor(ab), bin_table(BINS)))
    assert index.max() < len(BINS)
    np.testing.assert_allclose(share.sum(1), 1, atol=1e-6)


def test_the_rebalanced_loss_is_zhangs() -> None:
    """Cross-entropy with softly encoded bins, each pixel weighted by the rarity of its color, in NumPy."""
    ab = colors(2, 3, 3)
    logits = np.random.default_rng(2).standard_normal((2, 3, 3, len(BINS))).astype(np.float32)
    index, share = soft_encode(ab, BINS)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    weights = rebalance_weights(PRIOR, 0.6, UNIFORM_SHARE)
    cross_entropy = -(share * np.take_along_axis(log_probs, index, -1)).sum(-1)
    expected = np.mean(cross_entropy * (share * weights[index]).sum(-1))
    assert loss_of(
        "rebalanced", KOALA, ab, logits, regression_weight=0.0, chroma_gain=1.0, rebalance_strength=0.6
    ) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("knob", ["regression_weight", "edge_weight", "chroma_weight"])
def test_optional_terms_vanish_for_the_true_color(knob: str) -> None:
    """Each further term adds nothing where the expected color is right, and something where it is wrong."""
    ab = BINS[np.random.default_rng(0).integers(0, len(BINS), (1, 4, 4))]
    right = np.full((1, 4, 4, len(BINS)), -50, np.float32)
    np.put_along_axis(right, soft_encode(ab, BINS)[0][..., :1], 50, -1)
    flat = np.zeros_like(right)
    off = {"regression_weight": 0.0, "edge_weight": 0.0, "chroma_weight": 0.0, "chroma_gain": 1.0}
    added = [
        loss_of("rebalanced", KOALA, ab, logits, **{**off, knob: 1.0}) - loss_of("rebalanced", KOALA, ab, logits, **off)
        for logits in (right, flat)
    ]
    assert added[0] == pytest.approx(0, abs=1e-3)
    assert added[1] > 1


def test_mse_is_in_network_units() -> None:
    """A distance of ab_scale everywhere costs one."""
    ab = np.zeros((1, 2, 2, 2), np.float32)
    assert loss_of("mse", PLAIN, ab, np.ones_like(ab)) == pytest.approx(1)
    assert loss_of("mse", PLAIN, ab + PLAIN.ab_scale, np.ones_like(ab)) == pytest.approx(0)


def test_huber_grows_linearly_for_strong_errors() -> None:
    """Like half of mse near zero; far away, twice the error costs twice as much."""
    zero = np.zeros((1, 2, 2, 2), np.float32)
    near = np.full_like(zero, 1 / PLAIN.ab_scale)
    assert loss_of("huber", PLAIN, zero, near) == pytest.approx(loss_of("mse", PLAIN, zero, near) / 2, rel=1e-4)
    assert loss_of("huber", PLAIN, zero, zero + 0.9) / loss_of("huber", PLAIN, zero, zero + 0.45) < 2.15


def test_a_fresh_network_begins_at_the_best_constant_answer() -> None:
    """Its cross-entropy is close to the least that any constant distribution reaches, and below a random start."""
    config = complete(TrainConfig())
    features = layers.Input((None, None, 8))
    core = keras.Model(features, layers.Conv2D(len(BINS), 1, name="logits")(features))
    numbers = np.random.default_rng(2).choice(len(BINS), 20000, p=PRIOR / PRIOR.sum())
    ab = BINS[numbers].reshape(1, 100, 200, 2)
    seen = np.random.default_rng(3).random((1, 100, 200, 8), np.float32)

    def loss() -> float:
        return loss_of(
            "rebalanced", KOALA, ab, ops.convert_to_numpy(core(seen)), chroma_gain=1.0, regression_weight=0.0
        )

    before = loss()
    head_of("bins").start(core, head_of("bins").constant(KOALA, TABLES, config.rebalance_strength))
    weights = np.bincount(numbers, minlength=len(BINS)) * rebalance_weights(
        PRIOR, config.rebalance_strength, UNIFORM_SHARE
    )
    share = weights / weights.sum()
    best = -(weights * np.log(np.where(share > 0, share, 1))).sum() / len(numbers)
    assert best - 1e-3 <= loss() < best + 0.05
    assert loss() < before


def test_a_fresh_regression_begins_at_the_mean_color() -> None:
    """Without features its answer is the mean color, in network units, also behind tanh."""
    features = layers.Input((None, None, 8))
    core = keras.Model(features, layers.Conv2D(2, 1, activation="tanh", name="ab")(features))
    head_of("ab").start(core, head_of("ab").constant(PLAIN, TABLES, 0.6))
    answer = ops.convert_to_numpy(core(np.zeros((1, 2, 2, 8), np.float32)))
    assert np.allclose(answer * PLAIN.ab_scale, PRIOR @ BINS, atol=1e-3)
