"""Heads: the last layer of a network, and all that depends on what its outputs mean.

HEADS in `tables` lists them; how outputs are read as color stands in `read_outs.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import layers, ops

from koalacli.arrays import Array, Tensor
from koalacli.color.bins import UNIFORM_SHARE, rebalance_weights
from koalacli.color.shapes import block_means
from koalacli.model import hue_chroma
from koalacli.model.layers import PointwiseConv2D, convolve
from koalacli.model.patch_gan import spectral
from koalacli.presets import NetworkConfig
from koalacli.settings import ReadOut
from koalacli.tables import HEADS, load_part

Tables = dict[str, Any]
Figures = dict[str, float]

RAREST_SHARE = 1e-6  # of a bin at the start: no logit of a fresh network is further down than this
START_SCALE = 0.1  # of the random kernel of the logits, see `start_bins`
WORTHLESS = -1000.0  # below any score


@dataclass(frozen=True)
class Head:
    """One kind of output.

    Attributes:
        build: (features, config) -> outputs (B, h, w, C).
        constant: (config, tables, rebalance_strength) -> outputs float32 (C,) that cost least where nothing is
            seen; `tables` has gamut_bins and bin_prior.
        start: (core, constant) lets a fresh network begin there, whatever it sees.
        score: (figures, figures of the best constant color) -> number that is highest for a run's best weights.
        settings: read-out that fresh weights carry.
        tables: arrays that belong to a network with this head and travel in its weights.
        bin_probs: outputs -> probability of every gamut bin, float32 (B, h, w, Q); None where there are no bins.
        seen: (lightness (B, H, W, 1), config) -> what outputs carry of the input itself, (B, h, w, P), behind the
            planes of `constant`; None where they carry nothing.
    """

    build: Callable[[Tensor, NetworkConfig], Tensor]
    constant: Callable[[NetworkConfig, Tables, float], Array]
    start: Callable[[Any, Array], None]
    score: Callable[[Figures, Figures], float]
    settings: ReadOut
    tables: tuple[str, ...] = ()
    bin_probs: Callable[[Tensor], Tensor] | None = None
    seen: Callable[[Array, NetworkConfig], Array] | None = None


def head_of(name: str) -> Head:
    """The head that a table's entry names."""
    head: Head = load_part(HEADS[name].kind)
    return head


def mean_color(tables: Tables) -> Array:
    """Mean ab of the training pictures, float32 (2,), CIELAB units; tables have gamut_bins and bin_prior."""
    return np.asarray(tables["bin_prior"] @ tables["gamut_bins"], np.float32)


# --- ab: direct regression ------------------------------------------------------------------


def build_ab(x: Tensor, config: NetworkConfig) -> Tensor:
    """Two planes in -1..1 (ab_scaled)."""
    return convolve(x, 2, "ab", activation="tanh")


def constant_ab(config: NetworkConfig, tables: Tables, strength: float) -> Array:
    """The mean color, in network units."""
    return mean_color(tables) / np.float32(config.ab_scale)


def start_ab(core: Any, constant: Array) -> None:
    """The bias answers, through tanh."""
    core.get_layer("ab").bias.assign(np.arctanh(np.clip(constant, -0.9, 0.9)))


def score_ab(figures: Figures, baseline: Figures) -> float:
    """Regression fades on purpose, so it is judged by what it minimizes."""
    return -figures["val_loss"]


AB = Head(build_ab, constant_ab, start_ab, score_ab, ReadOut(size=224))


def build_ab_sigmoid(x: Tensor, config: NetworkConfig) -> Tensor:
    """Two sigmoids, spread from 0..1 to -1..1 (Iizuka et al. 2016)."""
    return layers.Rescaling(2.0, -1.0, name="ab_spread")(convolve(x, 2, "ab", activation="sigmoid"))


def start_ab_sigmoid(core: Any, constant: Array) -> None:
    """The bias answers, through sigmoid: 2 sigmoid(x) - 1 is tanh(x / 2)."""
    core.get_layer("ab").bias.assign(2 * np.arctanh(np.clip(constant, -0.9, 0.9)))


def build_ab_spectral(x: Tensor, config: NetworkConfig) -> Tensor:
    """Two planes in -1..1 by a spectrally normalized 7x7 layer (Wallner's GAN)."""
    return spectral(x, 2, "ab", kernel=7, activation="tanh")


AB_SIGMOID = replace(AB, build=build_ab_sigmoid, start=start_ab_sigmoid)
AB_SPECTRAL = replace(AB, build=build_ab_spectral)


# --- ab-refined: two proposals and what a third network makes of them -------------------------

PROPOSAL_PLANES = 4  # ab of either proposal, before the features of the refinement
AB_LAYERS = ("plain_ab", "embedded_ab", "ab")  # in the order of the outputs' planes


def build_refined(x: Tensor, config: NetworkConfig) -> Tensor:
    """Six planes in -1..1: both proposals as they came, and the refined ab."""
    refined = convolve(x[..., PROPOSAL_PLANES:], 2, "ab", activation="tanh")
    return layers.Concatenate(name="ab_of_each")([x[..., :PROPOSAL_PLANES], refined])


def constant_refined(config: NetworkConfig, tables: Tables, strength: float) -> Array:
    """The mean color from each of the three, in network units."""
    return np.tile(constant_ab(config, tables, strength), len(AB_LAYERS))


def start_refined(core: Any, constant: Array) -> None:
    """The biases answer, through tanh."""
    for name, ab in zip(AB_LAYERS, np.split(constant, len(AB_LAYERS)), strict=True):
        core.get_layer(name).bias.assign(np.arctanh(np.clip(ab, -0.9, 0.9)))


REFINED = Head(build_refined, constant_refined, start_refined, score_ab, ReadOut(size=224))


# --- bins: classification -------------------------------------------------------------------


def build_bins(x: Tensor, config: NetworkConfig) -> Tensor:
    """One logit per gamut bin."""
    return PointwiseConv2D(config.bins, 1, dtype="float32", name="logits")(x)


def constant_bins(config: NetworkConfig, tables: Tables, strength: float) -> Array:
    """The weighted prior, the minimum of the rebalanced cross-entropy."""
    share = tables["bin_prior"] * rebalance_weights(tables["bin_prior"], strength, UNIFORM_SHARE)
    return np.asarray(np.log(share / share.sum() + RAREST_SHARE), np.float32)


def start_bins(core: Any, constant: Array) -> None:
    """The bias answers, and the kernel is made small.

    Random logits cost more than knowing nothing, and hundreds of steps go by until the prior is
    learned. A kernel near zero leaves it undisturbed and still passes gradients on.
    """
    logits = core.get_layer("logits")
    logits.bias.assign(constant)
    logits.kernel.assign(logits.kernel * START_SCALE)


def score_bins(figures: Figures, baseline: Figures) -> float:
    """By color, but by the loss where that is worse than one constant color's: random values are colorful, too."""
    return figures["score"] if figures["val_loss"] < baseline["val_loss"] else WORTHLESS - figures["val_loss"]


def bin_probs_of(outputs: Tensor) -> Tensor:
    """Softmax of the logits, at temperature 1: what the network believes, whatever the read-out makes of it."""
    return ops.softmax(ops.cast(outputs, "float32"), axis=-1)


BINS = Head(
    build_bins,
    constant_bins,
    start_bins,
    score_bins,
    ReadOut(),
    tables=("gamut_bins", "bin_prior"),
    bin_probs=bin_probs_of,
)


# --- hue-chroma: two histograms ----------------------------------------------------------------


def build_hue_chroma(x: Tensor, config: NetworkConfig) -> Tensor:
    """Logits of hues and chromas, and the plane of lightness as it came; see `hue_chroma`."""
    logits = [PointwiseConv2D(hue_chroma.BINS, 1, name=name)(x[..., :-1]) for name in HISTOGRAMS]
    return layers.Concatenate(name="hue_chroma_gray", dtype="float32")([*logits, x[..., -1:]])


HISTOGRAMS = ("hue", "chroma")  # in the order of the outputs' planes


def constant_hue_chroma(config: NetworkConfig, tables: Tables, strength: float) -> Array:
    """Shares of hue, each color counting by its chroma, and of chroma, among the training pictures' bins at L* 50."""
    prior, bins = tables["bin_prior"], tables["gamut_bins"]
    lab = np.concatenate([np.full((len(bins), 1), 50), bins], axis=1).astype(np.float32)
    hue, chroma = hue_chroma.hue_and_chroma(hue_chroma.rgb_of_lab(ops.convert_to_tensor(lab)))
    found = [ops.convert_to_numpy(hue_chroma.bin_of(share)) for share in (hue, chroma)]
    counts = [(prior * ops.convert_to_numpy(chroma)[:, 0]) @ found[0], prior @ found[1]]
    return np.concatenate([np.log(count / count.sum() + RAREST_SHARE) for count in counts]).astype(np.float32)


def start_hue_chroma(core: Any, constant: Array) -> None:
    """The biases answer, and the kernels are made small; see `start_bins`."""
    for name, shares in zip(HISTOGRAMS, np.split(constant, len(HISTOGRAMS)), strict=True):
        layer = core.get_layer(name)
        layer.bias.assign(shares)
        layer.kernel.assign(layer.kernel * START_SCALE)


def seen_by_hue_chroma(lightness: Array, config: NetworkConfig) -> Array:
    """The mean of lightness over each place of the outputs, in network units."""
    small_lightness = block_means(lightness, config.output_stride)
    return (small_lightness - np.float32(config.lightness_center)) / np.float32(config.lightness_scale)


HUE_CHROMA = Head(
    build_hue_chroma,
    constant_hue_chroma,
    start_hue_chroma,
    score_bins,
    ReadOut(size=256),
    seen=seen_by_hue_chroma,
)
