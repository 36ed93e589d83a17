"""READ_OUTS: how a network's outputs become color, without training anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from koalacli.arrays import Tensor
from koalacli.kinds import find_wrong_kind
from koalacli.model import hue_chroma
from koalacli.model.coherence import CELLS, agree
from koalacli.model.heads import head_of
from koalacli.model.network import Network, with_features
from koalacli.presets import NetworkConfig
from koalacli.settings import ReadOut, find_out_of_range, range_in_words
from koalacli.tables import kinds_of


@dataclass(frozen=True)
class Made:
    """What a network has made of a batch, to be read.

    Attributes:
        outputs: of the head, (B, h, w, C).
        features: what the head saw, float32 (B, h, w, F); None where the reading does not use them.
        lightness: what the network saw, float32 (B, H, W, 1), L* 0..100; H = h times the output stride.
    """

    outputs: Tensor
    features: Tensor
    lightness: Tensor


Read = Callable[[Made, dict[str, Any], NetworkConfig, ReadOut], Tensor]


@dataclass(frozen=True)
class Reading:
    """One way to read color.

    Attributes:
        head: the entry of HEADS whose outputs it reads, and of those that are like it.
        read: (made, tables, config, read_out) -> ab float32 (B, h, w, 2), CIELAB units, before saturation.
        help: one line for documentation.
        uses_features: whether it looks at `Made.features`.
    """

    head: str
    read: Read
    help: str
    uses_features: bool = False


def read_annealed_mean(made: Made, tables: dict[str, Any], config: NetworkConfig, read_out: ReadOut) -> Tensor:
    """Mean of the bins, annealed (Zhang et al. 2016, eq. 5); see `color.bins.annealed_mean` for the NumPy twin."""
    bin_probs = ops.softmax(ops.cast(made.outputs, "float32") / read_out.vividness, axis=-1)
    return ops.matmul(bin_probs, ops.convert_to_tensor(tables["gamut_bins"], "float32"))


def read_coherent(made: Made, tables: dict[str, Any], config: NetworkConfig, read_out: ReadOut) -> Tensor:
    """The annealed mean, averaged over what the network itself finds alike; see `coherence.py`."""
    ab = read_annealed_mean(made, tables, config, read_out)
    return agree(ab, made.features, made.lightness, config.output_stride, cell_side(read_out, config))


def cell_side(read_out: ReadOut, config: NetworkConfig) -> int:
    """Side of a cell of `coherence.agree`, in places of ab."""
    return max(1, round(read_out.size / (config.output_stride * CELLS)))


def read_scaled(made: Made, tables: dict[str, Any], config: NetworkConfig, read_out: ReadOut) -> Tensor:
    """ab_scaled times its scale; there is no temperature."""
    return ops.cast(made.outputs, "float32") * config.ab_scale


def read_fading(made: Made, tables: dict[str, Any], config: NetworkConfig, read_out: ReadOut) -> Tensor:
    """See `hue_chroma.read_fading`; there is no temperature."""
    return hue_chroma.read_fading(made.outputs, config)


def read_planes(first: int) -> Read:
    """A reading of two planes out of several ab side by side, from plane number `first` on."""

    def read(made: Made, tables: dict[str, Any], config: NetworkConfig, read_out: ReadOut) -> Tensor:
        return ops.cast(made.outputs[..., first : first + 2], "float32") * config.ab_scale

    return read


READ_OUTS: dict[str, Reading] = {  # the first entry of a head is its usual one
    "annealed-mean": Reading("bins", read_annealed_mean, "mean of the bins, the likely ones made likelier"),
    "coherence": Reading("bins", read_coherent, "the same, with things that look alike agreeing on their color", True),
    "scaled": Reading("ab", read_scaled, "the two planes as they are, at their scale"),
    "fading": Reading("hue-chroma", read_fading, "median chroma and mean hue, paler where hues disagree"),
    "refined": Reading("ab-refined", read_planes(4), "what the refinement makes of both proposals"),
    "plain-proposal": Reading("ab-refined", read_planes(0), "the proposal of the network without embedding"),
    "embedded-proposal": Reading("ab-refined", read_planes(2), "the proposal of the network with embedding"),
}


def reading_of(read_out: ReadOut, head: str) -> Reading:
    """The entry of READ_OUTS that a read-out names; without a name, the usual one of the head."""
    if read_out.method:
        return READ_OUTS[read_out.method]
    return next(reading for reading in READ_OUTS.values() if reading.head in kinds_of(head))


def find_fault(read_out: ReadOut, head: str) -> str:
    """What is wrong with the settings for a network with this head, in words; empty if nothing is."""
    if wrong := find_wrong_kind(read_out):
        return wrong
    if fault := find_out_of_range(read_out):
        return f"{fault.name} {getattr(read_out, fault.name)} is not {range_in_words(fault)}"
    if read_out.method:
        fitting = [name for name, reading in READ_OUTS.items() if reading.head in kinds_of(head)]
        if read_out.method not in fitting:
            return f"method {read_out.method!r} is none for this network; there is {', '.join(fitting)}"
    return ""


def make_forward(
    network: Network, read_out: ReadOut, *, bin_probs: bool = False, features: bool = False
) -> Callable[[Tensor], dict[str, Tensor]]:
    """A function to trace, from lightness (B, H, W, 1) to ab and, only if asked for, what else the network knows."""
    config = network.config
    reading, head = reading_of(read_out, config.head), head_of(config.head)
    looks = features or reading.uses_features
    model = with_features(network) if looks else network.model

    def forward(lightness: Tensor) -> dict[str, Tensor]:
        outputs = model(lightness, training=False)
        outputs, seen = (outputs[0], ops.cast(outputs[1], "float32")) if looks else (outputs, None)
        ab = reading.read(Made(outputs, seen, lightness), network.tables, config, read_out)
        found = {"ab": ab * read_out.saturation}
        if bin_probs and head.bin_probs:
            found["bin_probs"] = head.bin_probs(outputs)
        if features:
            found["features"] = seen
        return found

    return forward


def read_again(network: Network, read_out: ReadOut, lightness: Tensor, bin_probs: Tensor, features: Tensor) -> Tensor:
    """Color as a read-out makes it of what a network with bins has said before.

    Args:
        lightness: what the network saw, float32 (B, H, W, 1).
        bin_probs: at temperature 1, float32 (B, h, w, Q).
        features: what the head saw, float32 (B, h, w, F).

    Returns:
        ab float32 (B, h, w, 2), CIELAB units.
    """
    logits = ops.log(ops.maximum(ops.convert_to_tensor(bin_probs), 1e-30))
    made = Made(logits, ops.convert_to_tensor(features), ops.convert_to_tensor(lightness))
    ab = reading_of(read_out, network.config.head).read(made, network.tables, network.config, read_out)
    return ops.convert_to_numpy(ab * read_out.saturation)
