"""HEADS: the last layer of a network; how its outputs are read as color stands in `read_outs.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from koalacli.config import NetworkConfig
from koalacli.model.layers import PointwiseConv2D, convolve


@dataclass(frozen=True)
class Head:
    """One kind of output.

    Attributes:
        build: (features, config) -> outputs (B, h, w, C).
        help: one line for documentation.
        bin_probs: outputs -> probability of every gamut bin, float32 (B, h, w, Q); None where there are no bins.
    """

    build: Callable[[Any, NetworkConfig], Any]
    help: str
    bin_probs: Callable[[Any], Any] | None = None


def build_ab(x: Any, config: NetworkConfig) -> Any:
    """Two planes in -1..1 (ab_scaled)."""
    return convolve(x, 2, "ab", activation="tanh")


def build_bins(x: Any, config: NetworkConfig) -> Any:
    """One logit per gamut bin."""
    return PointwiseConv2D(config.bins, 1, dtype="float32", name="logits")(x)


def bin_probs_of(outputs: Any) -> Any:
    """Softmax of the logits, at temperature 1: what the network believes, whatever the read-out makes of it."""
    return ops.softmax(ops.cast(outputs, "float32"), axis=-1)


HEADS: dict[str, Head] = {
    "ab": Head(build_ab, "direct regression of ab, as in 2017"),
    "bins": Head(build_bins, "soft-encoded gamut bins", bin_probs_of),
}
