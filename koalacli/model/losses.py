"""What a training step makes small; LOSSES in `tables` lists the losses, each by the function that builds it.

Targets are ab in CIELAB units, (B, h, w, 2), whatever the head; a loss knows how the head's
outputs relate to them. Everything runs on the device, on any Keras backend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from koalacli.arrays import Array, Tensor
from koalacli.color.bins import BIN_STEP, UNIFORM_SHARE, rebalance_weights
from koalacli.model import hue_chroma
from koalacli.presets import NetworkConfig

GRID_EDGE = 14  # the bin table covers -GRID_EDGE..GRID_EDGE steps on each axis: more than sRGB can show


@dataclass(frozen=True)
class LossSettings:
    """Knobs of the losses; see `TrainConfig` for their meaning and units."""

    rebalance_strength: float
    regression_weight: float
    edge_weight: float
    chroma_weight: float
    chroma_gain: float


# (ab, outputs) -> (B,): one number per picture, so that Keras can weigh the parts of a shared batch.
Loss = Callable[[Tensor, Tensor], Tensor]
PICTURE = (1, 2, 3)  # axes of (B, h, w, C) that belong to one picture


def build_mse(config: NetworkConfig, tables: dict[str, Any], settings: LossSettings) -> Loss:
    """Mean squared distance in network units (ab / ab_scale)."""

    def mse(ab: Tensor, outputs: Tensor) -> Tensor:
        return ops.mean(ops.square(ops.cast(outputs, "float32") - ab / config.ab_scale), axis=PICTURE)

    return mse


def build_mae(config: NetworkConfig, tables: dict[str, Any], settings: LossSettings) -> Loss:
    """Mean absolute distance in network units."""

    def mae(ab: Tensor, outputs: Tensor) -> Tensor:
        return ops.mean(ops.abs(ops.cast(outputs, "float32") - ab / config.ab_scale), axis=PICTURE)

    return mae


def build_mse_each(config: NetworkConfig, tables: dict[str, Any], settings: LossSettings) -> Loss:
    """Sum of the mean squared distances of several ab, side by side in the outputs, to the same target."""

    def mse_each(ab: Tensor, outputs: Tensor) -> Tensor:
        count = outputs.shape[-1] // 2
        target = ops.tile(ab / config.ab_scale, (1, 1, 1, count))
        return count * ops.mean(ops.square(ops.cast(outputs, "float32") - target), axis=PICTURE)

    return mse_each


def build_huber(config: NetworkConfig, tables: dict[str, Any], settings: LossSettings) -> Loss:
    """Smooth L1 with its knee at 10 CIELAB units, in network units."""
    knee = 10.0 / config.ab_scale

    def huber(ab: Tensor, outputs: Tensor) -> Tensor:
        return (
            ops.mean(_smooth_l1((ops.cast(outputs, "float32") - ab / config.ab_scale) / knee), axis=PICTURE) * knee**2
        )

    return huber


HUE_WEIGHT = 5.0
WINDOW = 3  # places of a target's histogram: 12 pixels at stride 4


def build_histograms(config: NetworkConfig, tables: dict[str, Any], settings: LossSettings) -> Loss:
    """KL divergence of hue and chroma from those of a small window (Larsson et al. 2016).

    Hues count by their chroma; chromas count less where the picture is nearly black or white.
    """

    def histograms(ab: Tensor, outputs: Tensor) -> Tensor:
        outputs = ops.cast(outputs, "float32")
        plane = ops.stop_gradient(outputs[..., hue_chroma.GRAY])
        rgb = hue_chroma.rgb_of_lab(ops.concatenate([hue_chroma.lightness_of(plane, config), ab], axis=-1))
        hue, chroma = hue_chroma.hue_and_chroma(rgb)
        mean = ops.mean(rgb, axis=-1)
        middle = 3.0 * ops.minimum(ops.minimum(mean, 1.0 / 3.0), 1.0 - mean)
        by_hue = _divergence(hue_chroma.bin_of(hue), outputs[..., hue_chroma.HUE])
        by_chroma = _divergence(hue_chroma.bin_of(chroma), outputs[..., hue_chroma.CHROMA])
        return ops.mean(HUE_WEIGHT * chroma[..., 0] * by_hue + middle * by_chroma, axis=(1, 2))

    return histograms


def _divergence(one_hot: Tensor, logits: Tensor) -> Tensor:
    """KL divergence (B, h, w) of softmax(logits) from the histogram around each place."""
    target = ops.average_pool(one_hot, WINDOW, strides=1, padding="same")
    known = ops.log(ops.maximum(target, 1e-8))
    return ops.sum(target * (known - ops.log_softmax(logits, axis=-1)), axis=-1)


def build_rebalanced(config: NetworkConfig, tables: dict[str, Any], settings: LossSettings) -> Loss:
    """Cross-entropy against softly encoded bins, rare colors counting more (Zhang et al. 2016, eq. 2 to 4).

    Optional further terms on the expected ab: its distance to the target, the distance of its
    spatial gradients (against bleeding), and of each picture's mean chroma (against fading).
    """
    bins = np.asarray(tables["gamut_bins"], np.float32)
    bin_weights = rebalance_weights(
        np.asarray(tables["bin_prior"], np.float32), settings.rebalance_strength, UNIFORM_SHARE
    )
    numbers = bin_table(bins)

    def rebalanced(ab: Tensor, outputs: Tensor) -> Tensor:
        ab = ab * settings.chroma_gain
        logits = ops.reshape(ops.cast(outputs, "float32"), (-1, len(bins)))
        index, share = encode_on_device(ops.reshape(ab, (-1, 2)), numbers)
        pixel_weight = ops.sum(share * ops.take(ops.convert_to_tensor(bin_weights), index), axis=1)
        target = spread_shares(index, share, ops.shape(logits))
        cross_entropy = pixel_weight * (ops.logsumexp(logits, axis=1) - ops.sum(target * logits, axis=1))
        loss = ops.mean(ops.reshape(cross_entropy, ops.shape(ab)[:3]), axis=(1, 2))
        if not (settings.regression_weight or settings.edge_weight or settings.chroma_weight):
            return loss
        expected = ops.matmul(ops.softmax(logits, axis=1), ops.convert_to_tensor(bins))
        return loss + _regression(ops.reshape(expected, ops.shape(ab)), ab, settings)

    return rebalanced


def bin_table(bins: Array) -> NDArray[np.int32]:
    """int32 table of bin numbers over the 10-unit grid, the nearest bin where there is none."""
    axis = np.arange(-GRID_EDGE, GRID_EDGE + 1, dtype=np.float32) * BIN_STEP
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    distance = np.sum((points[:, :, None] - bins) ** 2, axis=-1)
    return distance.argmin(-1).astype(np.int32)


def encode_on_device(ab: Tensor, numbers: NDArray[np.int32]) -> tuple[Tensor, Tensor]:
    """`color.bins.soft_encode` with backend operations.

    Args:
        ab: float32 (N, 2), CIELAB units.
        numbers: see `bin_table`.

    Returns:
        int32 (N, 4) bin numbers and float32 (N, 4) weights that sum to 1. Inside the gamut
        they are those of `soft_encode`; outside, a missing corner's weight goes to its nearest bin.
    """
    side = numbers.shape[0]
    scaled = ops.clip(ab / BIN_STEP + GRID_EDGE, 0.0, side - 1.001)
    low = ops.floor(scaled)
    high_share = scaled - low
    low_share = 1.0 - high_share
    cell = ops.cast(low, "int32")
    first = cell[:, 0] * side + cell[:, 1]
    index = ops.take(
        ops.convert_to_tensor(numbers.ravel()), ops.stack([first, first + 1, first + side, first + side + 1], axis=1)
    )
    share = ops.stack(
        [
            low_share[:, 0] * low_share[:, 1],
            low_share[:, 0] * high_share[:, 1],
            high_share[:, 0] * low_share[:, 1],
            high_share[:, 0] * high_share[:, 1],
        ],
        axis=1,
    )
    return index, share


def spread_shares(index: Tensor, share: Tensor, shape: Any) -> Tensor:
    """Soft targets (N, Q) of which `encode_on_device` gives the four that are not zero.

    Picking the same four out of the logits would be shorter, but its gradient is a scattered sum
    over N x Q places, which is slow in TensorFlow on a processor.
    """
    rows = ops.broadcast_to(ops.arange(shape[0], dtype="int32")[:, None], ops.shape(index))
    places = ops.stack([ops.reshape(rows, (-1,)), ops.reshape(index, (-1,))], axis=1)
    return ops.scatter(places, ops.reshape(share, (-1,)), shape)


def _regression(expected: Tensor, ab: Tensor, settings: LossSettings) -> Tensor:
    loss = settings.regression_weight * ops.mean(ops.sum(_smooth_l1(expected - ab), axis=-1), axis=(1, 2))
    if settings.edge_weight:
        difference = expected - ab
        down = ops.mean(ops.abs(difference[:, 1:] - difference[:, :-1]), axis=PICTURE)
        right = ops.mean(ops.abs(difference[:, :, 1:] - difference[:, :, :-1]), axis=PICTURE)
        loss = loss + settings.edge_weight * (down + right)
    if settings.chroma_weight:
        gap = ops.mean(_chroma(expected), axis=(1, 2)) - ops.mean(_chroma(ab), axis=(1, 2))
        loss = loss + settings.chroma_weight * ops.abs(gap)
    return loss


def _chroma(ab: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(ab), axis=-1) + 1e-3)  # not zero: its slope there has no bound


def _smooth_l1(difference: Tensor) -> Tensor:
    size = ops.abs(difference)
    return ops.where(size < 1.0, 0.5 * ops.square(size), size - 0.5)
