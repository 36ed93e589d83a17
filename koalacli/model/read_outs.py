"""READ_OUTS: how a network's outputs become color, without training anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from koalacli.color.levels import LARGEST_RANGE
from koalacli.config import STRIDE, ReadOut, find_wrong_kind
from koalacli.model.heads import head_of
from koalacli.model.network import Network, with_features
from koalacli.presets import NetworkConfig

LARGEST_SIZE = 8192  # pixels; a setting must not make koala allocate absurdities
RANGES = {"vividness": (0.01, 100.0), "saturation": (0.0, 100.0), "stretch": (0.0, LARGEST_RANGE)}


@dataclass(frozen=True)
class Reading:
    """One way to read color.

    Attributes:
        head: the entry of HEADS whose outputs it reads.
        read: (outputs, tables, config, read_out) -> ab float32 (B, h, w, 2), CIELAB units, before saturation.
        help: one line for documentation.
    """

    head: str
    read: Callable[[Any, dict[str, Any], NetworkConfig, ReadOut], Any]
    help: str


def read_annealed_mean(outputs: Any, tables: dict[str, Any], config: NetworkConfig, read_out: ReadOut) -> Any:
    """Mean of the bins, annealed (Zhang et al. 2016, eq. 5); see `color.bins.annealed_mean` for the NumPy twin."""
    bin_probs = ops.softmax(ops.cast(outputs, "float32") / read_out.vividness, axis=-1)
    return ops.matmul(bin_probs, ops.convert_to_tensor(tables["gamut_bins"], "float32"))


def read_scaled(outputs: Any, tables: dict[str, Any], config: NetworkConfig, read_out: ReadOut) -> Any:
    """ab_scaled times its scale; there is no temperature."""
    return ops.cast(outputs, "float32") * config.ab_scale


READ_OUTS: dict[str, Reading] = {  # the first entry of a head is its usual one
    "annealed-mean": Reading("bins", read_annealed_mean, "mean of the bins, the likely ones made likelier"),
    "scaled": Reading("ab", read_scaled, "the two planes as they are, at their scale"),
}


def reading_of(read_out: ReadOut, head: str) -> Reading:
    """The entry of READ_OUTS that a read-out names; without a name, the usual one of the head."""
    if read_out.method:
        return READ_OUTS[read_out.method]
    return next(reading for reading in READ_OUTS.values() if reading.head == head)


def find_fault(read_out: ReadOut, head: str) -> str:
    """What is wrong with the settings for a network with this head, in words; empty if nothing is."""
    if wrong := find_wrong_kind(read_out):
        return wrong
    if not 0 < read_out.size <= LARGEST_SIZE or read_out.size % STRIDE:
        return f"size {read_out.size} is not a positive multiple of {STRIDE}, {LARGEST_SIZE} at most"
    for name, (low, high) in RANGES.items():
        if not low <= getattr(read_out, name) <= high:
            return f"{name} {getattr(read_out, name)} is not between {low:g} and {high:g}"
    if read_out.method:
        fitting = [name for name, reading in READ_OUTS.items() if reading.head == head]
        if read_out.method not in fitting:
            return f"method {read_out.method!r} is none for this network; there is {', '.join(fitting)}"
    return ""


def make_forward(
    network: Network, read_out: ReadOut, *, bin_probs: bool = False, features: bool = False
) -> Callable[[Any], dict[str, Any]]:
    """A function to trace, from lightness (B, H, W, 1) to ab and, only if asked for, what else the network knows."""
    config = network.config
    reading, head = reading_of(read_out, config.head), head_of(config.head)
    model = with_features(network) if features else network.model

    def forward(lightness: Any) -> dict[str, Any]:
        made = model(lightness, training=False)
        outputs = made[0] if features else made
        found = {"ab": reading.read(outputs, network.tables, config, read_out) * read_out.saturation}
        if bin_probs and head.bin_probs:
            found["bin_probs"] = head.bin_probs(outputs)
        if features:
            found["features"] = ops.cast(made[1], "float32")
        return found

    return forward
