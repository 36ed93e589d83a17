"""What the header of a weights file says of its network, read strictly: whatever is not understood is refused."""

from collections.abc import Callable, Collection
from typing import Any

from koalacli.kinds import find_wrong_kind
from koalacli.model.heads import head_of
from koalacli.model.network import DECODERS, ENCODERS, FUSIONS
from koalacli.model.read_outs import find_fault
from koalacli.presets import PRESETS, WIDTH, NetworkConfig
from koalacli.settings import STRIDE, ReadOut
from koalacli.tables import EXTRACTORS, HEADS, cut_names

MAX_BINS, MAX_EMBEDDING = 4096, 65536  # a header must not make koala allocate absurdities
LARGEST_SCALE = 1000.0  # of lightness and ab, whose own ranges are 100 and 256
TABLES: dict[str, Collection[str] | Callable[[], Collection[str]]] = {
    "preset": PRESETS,
    "encoder": ENCODERS,
    "extractor": EXTRACTORS,
    "cut": cut_names,
    "fusion": FUSIONS,
    "decoder": DECODERS,
    "head": HEADS,
}
RANGES = {
    "embedding_size": (1, MAX_EMBEDDING),
    "bins": (0, MAX_BINS),
    "lightness_center": (-LARGEST_SCALE, LARGEST_SCALE),
    "lightness_scale": (1 / LARGEST_SCALE, LARGEST_SCALE),
    "ab_scale": (1 / LARGEST_SCALE, LARGEST_SCALE),
    "output_stride": (1, STRIDE),
    "width": (WIDTH["least"], WIDTH["most"]),
}


def parse_header(header: dict[str, Any]) -> tuple[NetworkConfig, ReadOut]:
    """The network and the read-out that a header describes.

    Raises:
        ValueError: one is not there, or makes no sense; the message says which and why.
    """
    for part in ("network", "read_out", "record"):
        if not isinstance(header.get(part), dict):
            raise ValueError(f"it has no {part}")
    try:
        config, read_out = NetworkConfig(**header["network"]), ReadOut(**header["read_out"])
    except TypeError as error:  # a field too many or too few
        raise ValueError(str(error)) from error
    if fault := _find_fault(config) or find_fault(read_out, config.head):
        raise ValueError(fault)
    return config, read_out


def _find_fault(config: NetworkConfig) -> str:
    if wrong := find_wrong_kind(config):
        return wrong
    for name, table in TABLES.items():
        words = table() if callable(table) else table
        if getattr(config, name) not in words:
            return f"{name} {getattr(config, name)!r} is unknown; there is {', '.join(words)}"
    for name, (low, high) in RANGES.items():
        if not low <= getattr(config, name) <= high:
            return f"{name} {getattr(config, name)} is not between {low:g} and {high:g}"
    if STRIDE % config.output_stride:
        return f"output_stride {config.output_stride} does not divide {STRIDE}"
    if bool(config.bins) != bool(head_of(config.head).bin_probs):
        return f"bins {config.bins} do not go with head {config.head}"
    return ""
