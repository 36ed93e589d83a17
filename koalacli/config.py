"""Every setting of koala: its default, its meaning and its unit stand here and nowhere else.

A command's flags are the fields of its dataclass; `--help` and docs/cli.md print the help
texts below. All classes are frozen: a run cannot change what it was asked to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf, isfinite
from typing import Any

from koalacli.errors import UsageError
from koalacli.protocols import PROTOCOLS
from koalacli.tables import ENGINES

STRIDE = 32  # every network accepts sides that are multiples of this many pixels
MAX_PIXELS = 500_000_000  # larger than any flatbed scan, small enough to decode on a common machine


def setting(default: Any, help: str, **extra: Any) -> Any:
    """A dataclass field with the help text that the command line shows."""
    return field(default=default, metadata={"help": help, **extra})


@dataclass(frozen=True)
class ReadOut:
    """What the network sees and how its outputs become color: knobs to turn without retraining."""

    size: int = setting(192, "Short side, in pixels, of the picture that the network sees.")
    vividness: float = setting(
        0.5, "Annealing temperature of the color read-out: 0.2 is vivid, 1.0 is calm; only for heads with bins."
    )
    saturation: float = setting(1.0, "Factor on chroma after the read-out; 0 gives gray, 1 leaves it as predicted.")
    stretch: float = setting(80.0, "Least range of L* that the network sees: faded pictures are stretched to it.")
    method: str = setting("", "Entry of READ_OUTS by which outputs become color; empty: the usual one of the head.")


@dataclass(frozen=True)
class ColorizeConfig:
    """Settings of `koala colorize`. Fields with `shapes=False` do not change what an output holds."""

    weights: str = setting("koala", "Name of shipped weights, or path of a weights file.", shapes=False)
    device: str = setting("auto", "auto, cpu, gpu or gpu:N; a device asked for by name must exist.", shapes=False)
    batch_size: str = setting("auto", "Pictures per network call: auto or a number.", shapes=False)
    workers: int | None = setting(
        None, "Threads that read, and as many that write; by default one per core.", shapes=False, least=1
    )
    size: int | None = setting(
        None, "Short side, in pixels, of the picture that the network sees; by default the weights' own."
    )
    vividness: float | None = setting(
        None, "Annealing temperature: 0.2 is vivid, 1.0 is calm; by default the weights' own. Only for heads with bins."
    )
    saturation: float | None = setting(
        None, "Factor on chroma: 0 gives gray, 1 is as predicted; by default the weights' own."
    )
    stretch: float | None = setting(
        None,
        "Least contrast, L* units, at which the network sees a picture, so that faded ones get their colors; "
        "the output keeps its own. 0 turns it off; by default the weights' own.",
    )
    colored: str = setting(
        "recolor",
        "What to do with color inputs: recolor from their lightness, skip, or copy.",
        choices=("recolor", "skip", "copy"),
    )
    format: str = setting("", "Output format; by default each input's own.")
    quality: int = setting(
        95, "Quality of lossy outputs, 1..100; of the new chroma alone where a gray JPEG keeps its luma."
    )
    chroma_subsampling: str = setting(
        "auto",
        "Chroma at full (444) or half size (420); auto halves it only where a gray JPEG keeps its luma.",
        choices=("auto", "444", "420"),
    )
    lossless_luma: bool = setting(True, "Keep the luma of a gray JPEG bit for bit when a JPEG is made of it.")
    strip_metadata: bool = setting(False, "Leave out EXIF, XMP, IPTC and texts; the color profile stays.")
    provenance: bool = setting(True, "Say in XMP that the color is a guess, made by which weights.")
    preserve_times: bool = setting(False, "Give outputs the modification times of their inputs.")
    verify: bool = setting(False, "Decode every output and compare its luma with the input's.", shapes=False)
    max_pixels: int = setting(
        MAX_PIXELS, "Refuse pictures with more pixels than this, all frames counted.", shapes=False
    )
    suffix: str = setting("", "Text added to output names, before the extension.", shapes=False)
    recursive: bool = setting(True, "Descend into folders; their tree is mirrored.", shapes=False)
    follow_links: bool = setting(
        False, "Follow links to folders, and links to files that lead out of the input folder.", shapes=False
    )
    shard: str = setting(
        "", "Do only part i of n, as i/n with i from 1; a name always falls into the same part.", shapes=False
    )
    on_exist: str = setting(
        "skip",
        "What to do where the output exists; skip still redoes it if the input, the settings or the weights changed.",
        choices=("skip", "overwrite", "error"),
        shapes=False,
    )
    retry_failed: bool = setting(False, "Try inputs again that an earlier run could not read.", shapes=False)
    fail_fast: bool = setting(False, "Stop at the first input that fails.", shapes=False)
    dry_run: bool = setting(False, "Say what would be done, and do nothing.", shapes=False)
    engine: str = setting(  # a flag as soon as there is a choice
        "local", "Where the work runs.", choices=tuple(ENGINES), shapes=False, flag=len(ENGINES) > 1
    )


def same_setting(config: type[Any], name: str) -> Any:
    """The field of another command, with its default and help: said once, used by both."""
    known = config.__dataclass_fields__[name]
    return field(default=known.default, metadata=known.metadata)


@dataclass(frozen=True)
class EvalConfig:
    """Settings of `koala eval`."""

    data: str = setting(
        "", "Color photographs or clips: a file, a folder, a glob or tar shards. Gray copies of them are colored."
    )
    weights: tuple[str, ...] = setting(
        ("koala",), "Weights that color --data; give the flag several times to compare.", repeat=True
    )
    pred: tuple[str, ...] = setting(
        (), "Folder with finished colorings, paired with --ref by name; may be given several times.", repeat=True
    )
    ref: str = setting("", "Folder with the true colors for --pred.")
    protocol: str = setting(
        "original",
        "How pictures are prepared.",
        choices=PROTOCOLS,
    )
    limit: int | None = setting(None, "Judge only this many pictures, the first by name.", least=1)
    clip_frames: int = setting(48, "Frames judged at the start of each clip.", least=1)
    hints: str = setting(
        "",
        "Tell the true color at so many random points, as 1,5,10,20,50, and measure what that is worth; with --data.",
    )
    floor_data: str = setting(
        "", "Photographs to fit the lightness-to-color floor on; by default the fit stored beside the weights."
    )
    report: str = setting("", "Write a self-contained HTML report to this file.")
    csv: str = setting("", "Write the figures of every picture to this CSV file.")
    study: str = setting("", "Write a self-contained real-or-fake study page to this file.")
    study_pictures: int = setting(40, "Pictures in the study; half of them are shown as recolored.", least=2)
    study_results: tuple[str, ...] = setting(
        (), "Result files of the study to pool; nothing else is evaluated then.", repeat=True
    )
    inception: str = setting("", "Keras InceptionV3 weights without top (.h5): adds FID by that network.")
    lpips: str = setting("", "LPIPS v0.1 AlexNet state as .safetensors: adds LPIPS.")
    device: str = same_setting(ColorizeConfig, "device")
    batch_size: str = same_setting(ColorizeConfig, "batch_size")
    workers: int | None = same_setting(ColorizeConfig, "workers")
    size: int | None = same_setting(ColorizeConfig, "size")
    vividness: float | None = same_setting(ColorizeConfig, "vividness")
    saturation: float | None = same_setting(ColorizeConfig, "saturation")
    stretch: float | None = same_setting(ColorizeConfig, "stretch")


@dataclass(frozen=True)
class VideoConfig:
    """Settings of `koala video`."""

    weights: str = same_setting(ColorizeConfig, "weights")
    device: str = same_setting(ColorizeConfig, "device")
    output: str = setting(
        "",
        "A film, numbered pictures (frames/%06d.png), or a folder for several films; by default NAME.color.",
        names=("-o", "--output"),
        shapes=False,
    )
    temporal: str = setting(
        "fast",
        "Steadiness: off colors every frame by itself, fast looks at every sixth, best at every third and follows "
        "motion more exactly, which takes longer.",
        choices=("off", "fast", "best"),
    )
    size: int | None = same_setting(ColorizeConfig, "size")
    vividness: float | None = same_setting(ColorizeConfig, "vividness")
    saturation: float | None = same_setting(ColorizeConfig, "saturation")
    stretch: float | None = same_setting(ColorizeConfig, "stretch")
    colored: str = setting(
        "recolor",
        "Shots that are in color already: recolor them, copy their color, or skip films that begin with one.",
        choices=("recolor", "skip", "copy"),
    )
    codec: str = setting(
        "",
        "Video encoder, such as libx264, libx265, ffv1, or `source` for the source's own; by default that for masters "
        "(FFV1, HuffYUV, ProRes, DNxHD and the like), else the container's usual one.",
    )
    crf: int = setting(18, "Quality of the encoder: lower is better and larger; 0 is lossless with 8-bit x264.")
    preset: str = setting("", "Speed of the encoder, such as veryfast or slow; by default the encoder's middle one.")
    encoder_option: tuple[str, ...] = setting(
        (), "KEY=VALUE for the encoder; may be repeated.", names=("-E", "--encoder-option"), repeat=True
    )
    pix_fmt: str = setting("", "Pixel format of the output, such as yuv444p; by default the source's.")
    track: int = setting(0, "Which video stream to colorize, counted from 1; 0 takes the one that players show.")
    no_audio: bool = setting(False, "Leave out sound.", names=("--no-audio",))
    no_subtitles: bool = setting(False, "Leave out subtitles.", names=("--no-subtitles",))
    subtitles: str = setting(
        "auto",
        "Subtitles that the container cannot hold: auto converts or drops them and says so, copy refuses the film, "
        "drop leaves all subtitles out.",
        choices=("auto", "copy", "drop"),
    )
    deinterlace: bool = setting(False, "Make whole pictures of interlaced ones.", names=("--deinterlace",))
    start: str = setting("", "Begin here: seconds or h:mm:ss.")
    end: str = setting("", "Stop before here: seconds or h:mm:ss.")
    preview: float = setting(0.0, "Color only so many seconds, next to the source, into NAME.preview.")
    preview_layout: str = setting(
        "side", "Preview: whole pictures side by side, or one picture split in the middle.", choices=("side", "split")
    )
    fps: str = setting(
        "", "Frames per second of an image sequence (frames/%06d.png), such as 24 or 24000/1001; by default 25."
    )
    on_exist: str = same_setting(ColorizeConfig, "on_exist")


@dataclass(frozen=True)
class ReviewConfig:
    """Settings of `koala review`."""

    output: str = setting("review", "Folder of the page; made if need be.", names=("-o", "--output"))
    serve: bool = setting(
        False,
        "Show the page from this machine alone, until Ctrl-C: full-size previews, and decisions go straight to the "
        "folder.",
        names=("--serve",),
    )
    port: int = setting(0, "Port for --serve; 0 takes a free one.")
    weights: str = same_setting(ColorizeConfig, "weights")
    device: str = same_setting(ColorizeConfig, "device")
    batch_size: str = same_setting(ColorizeConfig, "batch_size")
    workers: int | None = same_setting(ColorizeConfig, "workers")
    size: int | None = same_setting(ColorizeConfig, "size")
    vividness: float | None = same_setting(ColorizeConfig, "vividness")
    saturation: float | None = same_setting(ColorizeConfig, "saturation")
    stretch: float | None = same_setting(ColorizeConfig, "stretch")
    max_pixels: int = same_setting(ColorizeConfig, "max_pixels")
    recursive: bool = same_setting(ColorizeConfig, "recursive")
    follow_links: bool = same_setting(ColorizeConfig, "follow_links")


def read_out_of(config: ColorizeConfig | EvalConfig | VideoConfig | ReviewConfig) -> dict[str, Any]:
    """The read-out settings that a command was given; the others are the weights' own."""
    asked = {known.name: getattr(config, known.name, None) for known in fields(ReadOut)}
    return {name: value for name, value in asked.items() if value is not None}


def check_ranges(config: Any) -> None:
    """Refuse numbers that are none, or out of the range of their setting: least, above, most, below.

    Raises:
        UsageError: names the flag.
    """
    for known in fields(config):
        value = getattr(config, known.name)
        if isinstance(value, int | float) and not (isfinite(value) and _is_within(value, known.metadata)):
            raise UsageError(f"--{known.name.replace('_', '-')} {value}: give {_range_words(known.metadata)}")


def _is_within(value: float, limits: Mapping[str, Any]) -> bool:
    low = value >= limits.get("least", -inf) and value > limits.get("above", -inf)
    return low and value <= limits.get("most", inf) and value < limits.get("below", inf)


def _range_words(limits: Mapping[str, Any]) -> str:
    low = f"{limits['least']} or more" if "least" in limits else f"above {limits['above']}" if "above" in limits else ""
    high = f"{limits['most']} at most" if "most" in limits else f"below {limits['below']}" if "below" in limits else ""
    return " and ".join(filter(None, (low, high))) or "a finite number"
