"""Every setting of koala: its default, its meaning and its unit stand here and nowhere else.

A command's flags are the fields of its dataclass; `--help` and docs/cli.md print the help
texts below. All classes are frozen: a run cannot change what it was asked to do.
"""

from dataclasses import dataclass, field
from typing import Any

STRIDE = 32  # every network accepts sides that are multiples of this many pixels


def setting(default: Any, help: str, **extra: Any) -> Any:
    """A dataclass field with the help text that the command line shows."""
    return field(default=default, metadata={"help": help, **extra})


@dataclass(frozen=True)
class NetworkConfig:
    """All that is needed to build a network; travels inside every weights file."""

    preset: str
    encoder: str
    extractor: str
    fusion: str
    decoder: str
    head: str
    cut: str = "logits"
    embedding_size: int = 1000
    lightness_center: float = 50.0  # lightness_scaled = (L - center) / scale
    lightness_scale: float = 50.0
    ab_scale: float = 128.0  # ab_scaled = ab / ab_scale; unused by the bins head
    output_stride: int = 4  # network input pixels per output pixel
    bins: int = 0  # number of gamut bins; 0 for the ab head


@dataclass(frozen=True)
class ReadOut:
    """How network outputs become color; the user may turn these knobs without retraining."""

    size: int = setting(192, "Short side, in pixels, of the picture that the network sees.")
    vividness: float = setting(
        0.5, "Annealing temperature of the color read-out: 0.2 is vivid, 1.0 is calm; only for heads with bins."
    )
    saturation: float = setting(1.0, "Factor on chroma after the read-out; 0 gives gray, 1 leaves it as predicted.")


@dataclass(frozen=True)
class ColorizeConfig:
    """Settings of `koala colorize`."""

    weights: str = setting("koala", "Name of shipped weights, or path of a weights file.")
    device: str = setting("auto", "auto, cpu, gpu or gpu:N; a device asked for by name must exist.")
    batch_size: str = setting("auto", "Pictures per network call: auto or a number.")
    workers: int | None = setting(None, "Threads that read, and as many that write; by default one per core.")
    size: int | None = setting(
        None, "Short side, in pixels, of the picture that the network sees; by default the weights' own."
    )
    vividness: float | None = setting(
        None, "Annealing temperature: 0.2 is vivid, 1.0 is calm; by default the weights' own. Only for heads with bins."
    )
    saturation: float | None = setting(
        None, "Factor on chroma: 0 gives gray, 1 is as predicted; by default the weights' own."
    )
    colored: str = setting(
        "recolor",
        "What to do with color inputs: recolor from their lightness, skip, or copy.",
        choices=("recolor", "skip", "copy"),
    )
    format: str = setting("", "Output format; by default each input's own.")
    quality: int = setting(95, "Quality of JPEG and WebP outputs, 1..100.")
    suffix: str = setting("", "Text added to output names, before the extension.")
    recursive: bool = setting(True, "Descend into folders; their tree is mirrored.")
    on_exist: str = setting("skip", "What to do where the output exists.", choices=("skip", "overwrite", "error"))
    fail_fast: bool = setting(False, "Stop at the first input that fails.")
    dry_run: bool = setting(False, "Say what would be done, and do nothing.")
