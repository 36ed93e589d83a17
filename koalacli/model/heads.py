"""HEADS: the last layer of a network and how its outputs are read as color."""

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
        read_out: (outputs, tables, config, temperature) -> ab float32 (B, h, w, 2), CIELAB units.
        help: one line for documentation.
    """

    build: Callable[[Any, NetworkConfig], Any]
    read_out: Callable[[Any, dict[str, Any], NetworkConfig, float], Any]
    help: str


def build_ab(x: Any, config: NetworkConfig) -> Any:
    """Two planes in -1..1 (ab_scaled)."""
    return convolve(x, 2, "ab", activation="tanh")


def read_ab(outputs: Any, tables: dict[str, Any], config: NetworkConfig, temperature: float) -> Any:
    """ab_scaled times its scale; there is no temperature."""
    return ops.cast(outputs, "float32") * config.ab_scale


def build_bins(x: Any, config: NetworkConfig) -> Any:
    """One logit per gamut bin."""
    return PointwiseConv2D(config.bins, 1, dtype="float32", name="logits")(x)


def read_bins(outputs: Any, tables: dict[str, Any], config: NetworkConfig, temperature: float) -> Any:
    """Annealed mean (Zhang et al. 2016, eq. 5); see `color.bins.annealed_mean` for the NumPy twin."""
    bin_probs = ops.softmax(ops.cast(outputs, "float32") / temperature, axis=-1)
    return ops.matmul(bin_probs, ops.convert_to_tensor(tables["gamut_bins"], "float32"))


HEADS: dict[str, Head] = {
    "ab": Head(build_ab, read_ab, "direct regression of ab, as in 2017"),
    "bins": Head(build_bins, read_bins, "soft-encoded gamut bins, read out by annealed mean"),
}
