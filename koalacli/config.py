"""Every setting of koala: its default, its meaning and its unit stand here and nowhere else.

A command's flags are the fields of its dataclass; `--help` and docs/cli.md print the help
texts below. All classes are frozen: a run cannot change what it was asked to do.
"""

import re
from dataclasses import Field, dataclass, field, fields
from math import inf
from typing import Any

from koalacli.errors import UsageError
from koalacli.protocols import PROTOCOLS
from koalacli.tables import ENGINES

STRIDE = 32  # every network accepts sides that are multiples of this many pixels
MAX_PIXELS = 500_000_000  # larger than any flatbed scan, small enough to decode on a common machine


def setting(default: Any, help: str, **extra: Any) -> Any:
    """A dataclass field with the help text that the command line shows.

    Keys of its metadata, all but help optional:

    - least, most: smallest and largest number; above, below: it must be beyond this; step: it must be a multiple.
    - form: a regular expression, and its meaning in words.
    - choices: the allowed words: a tuple, a table of rows that may carry a help of their own, or a function for them.
    - names: the flag's spellings where they are not --field-name; formerly: one that still works and is not shown.
    - repeat: the flag may be given many times. flag: False for none.
    - bare: what the flag means without a value, and a regular expression of the values that may follow it.
    - shapes: False where it does not change what an output holds.
    """
    return field(default=default, metadata={"help": help, **extra})


@dataclass(frozen=True)
class Settings:
    """Settings of a command: every number is finite and in its range, or they cannot be made.

    Raises:
        UsageError: one is not; the message names the flag.
    """

    def __post_init__(self) -> None:
        if fault := find_out_of_range(self):
            raise UsageError(f"{flag_of(fault)} {getattr(self, fault.name)}: give {range_in_words(fault)}")


def flag_of(known: Field[Any]) -> str:
    """The flag of a setting, in its longest spelling."""
    names = known.metadata.get("names", ())
    return str(max(names, key=len)) if names else f"--{known.name.replace('_', '-')}"


def shaping_settings(settings: Any) -> dict[str, Any]:
    """The settings that shape outputs and are not what they are by default."""
    known = [one for one in fields(settings) if one.metadata.get("shapes", True)]
    return {one.name: getattr(settings, one.name) for one in known if getattr(settings, one.name) != one.default}


def find_out_of_range(settings: Any) -> Field[Any] | None:
    """The first field whose value is out of its range, of another form, or no finite number; None is never."""
    for known in fields(settings):
        value, limits = getattr(settings, known.name), known.metadata
        if isinstance(value, int | float):
            above = value >= limits.get("least", -inf) and value > limits.get("above", -inf)
            below = value <= limits.get("most", inf) and value < limits.get("below", inf)
            if not (above and below) or abs(value) == inf or value % limits.get("step", value or 1):
                return known
        elif isinstance(value, str) and "form" in limits and not re.fullmatch(limits["form"][0], value):
            return known
    return None


def range_in_words(known: Field[Any]) -> str:
    """What a setting takes: a number, 0 or more and 4 at most; auto or a positive number."""
    limits = known.metadata
    if "form" in limits:
        return str(limits["form"][1])
    kind = f"a multiple of {limits['step']}" if "step" in limits else "a number"
    ways = {"least": "{:g} or more", "above": "above {:g}", "most": "{:g} at most", "below": "below {:g}"}
    return f"{kind}, {' and '.join(words.format(limits[key]) for key, words in ways.items() if key in limits)}"


# Of the read-out, whoever sets it: a weights file or a flag.
SIZE = {"least": STRIDE, "most": 8192, "step": STRIDE}
VIVIDNESS = {"least": 0.05, "most": 2.0}
SATURATION = {"least": 0.0, "most": 4.0}
STRETCH = {"least": 0.0, "most": 90.0}  # color.levels can give no more
WORKERS = {"least": 1, "most": 1024}


@dataclass(frozen=True)
class ReadOut:
    """What the network sees and how its outputs become color: knobs to turn without retraining."""

    size: int = setting(192, "Short side, in pixels, of the picture that the network sees.", **SIZE)
    vividness: float = setting(
        0.5,
        "Annealing temperature of the color read-out: 0.2 is vivid, 1.0 is calm; only for heads with bins.",
        **VIVIDNESS,
    )
    saturation: float = setting(
        1.0, "Factor on chroma after the read-out; 0 gives gray, 1 leaves it as predicted.", **SATURATION
    )
    stretch: float = setting(
        80.0, "Least range of L* that the network sees: faded pictures are stretched to it.", **STRETCH
    )
    method: str = setting("", "Entry of READ_OUTS by which outputs become color; empty: the usual one of the head.")


@dataclass(frozen=True)
class NetworkSettings(Settings):
    """For commands that color with one network."""

    weights: str = setting("koala", "Name of shipped weights, or path of a weights file.", shapes=False)


@dataclass(frozen=True)
class BatchSettings(Settings):
    """For commands that color pictures in batches."""

    batch_size: str = setting(
        "auto",
        "Pictures per network call: auto or a number.",
        shapes=False,
        form=("auto|[1-9][0-9]{0,5}", "auto or a positive number"),
    )
    workers: int | None = setting(
        None, "Threads that read, and as many that write; by default one per core.", shapes=False, **WORKERS
    )


@dataclass(frozen=True)
class ReadOutSettings(Settings):
    """For commands that color: where the network runs, what it sees, how it is read; None is the weights' own."""

    device: str = setting("auto", "auto, cpu, gpu or gpu:N; a device asked for by name must exist.", shapes=False)
    size: int | None = setting(
        None, "Short side, in pixels, of the picture that the network sees; by default the weights' own.", **SIZE
    )
    vividness: float | None = setting(
        None,
        "Annealing temperature: 0.2 is vivid, 1.0 is calm; by default the weights' own. Only for heads with bins.",
        **VIVIDNESS,
    )
    saturation: float | None = setting(
        None, "Factor on chroma: 0 gives gray, 1 is as predicted; by default the weights' own.", **SATURATION
    )
    stretch: float | None = setting(
        None,
        "Least contrast, L* units, at which the network sees a picture, so that faded ones get their colors; "
        "the output keeps its own. 0 turns it off; by default the weights' own.",
        **STRETCH,
    )


@dataclass(frozen=True)
class FolderSettings(Settings):
    """For commands that read folders."""

    recursive: bool = setting(True, "Descend into folders; their tree is mirrored.", shapes=False)
    follow_links: bool = setting(
        False, "Follow links to folders, and links to files that lead out of the input folder.", shapes=False
    )


@dataclass(frozen=True)
class InputSettings(FolderSettings):
    """For commands that decode pictures in folders."""

    max_pixels: int = setting(
        MAX_PIXELS, "Refuse pictures with more pixels than this, all frames counted.", shapes=False, least=1
    )


@dataclass(frozen=True)
class ReportSettings(Settings):
    """For commands that end with a summary; the command line writes it, the pipeline checks its place first."""

    report: str = setting("", "Write all records and the summary to this JSON file.", shapes=False)


@dataclass(frozen=True)
class OutputSettings(ReportSettings):
    """For commands that make pictures or films."""

    on_exist: str = setting(
        "skip",
        "What to do where the output exists; skip still redoes it if the input, the settings or the weights changed.",
        choices=("skip", "overwrite", "error"),
        shapes=False,
    )


@dataclass(frozen=True)
class ClusterSettings(Settings):
    """For commands whose work a Ray cluster can do."""

    ray: str = setting(
        "",
        "Work on a Ray cluster: at host:port, or local for one on this machine; with no address that of RAY_ADDRESS, "
        "one that runs on this machine, or else a local one.",
        shapes=False,
        bare=("auto", r"auto|local|[\w.-]+:\d+|\[[\da-fA-F:]+\]:\d+|ray://.*"),
    )
    ray_workers: int = setting(
        0, "Workers in the cluster, each with a network of its own; 0 for as many as fit.", shapes=False, least=0
    )
    ray_cpus: int = setting(1, "Cores per worker.", shapes=False, least=1)
    ray_gpus: int = setting(0, "GPUs per worker.", shapes=False, least=0)


@dataclass(frozen=True)
class ColorizeConfig(ClusterSettings, OutputSettings, InputSettings, ReadOutSettings, BatchSettings, NetworkSettings):
    """Settings of `koala colorize`. Fields with `shapes=False` do not change what an output holds."""

    hints: str = setting(
        "",
        "What is known of colors: a JSON file of hints, or a folder of painted copies; see docs/control.md.",
        shapes=False,
    )
    decisions: tuple[str, ...] = setting(
        (),
        "Decisions from `koala review`; of several files the later decision about a picture counts. May be repeated.",
        repeat=True,
        shapes=False,
    )
    reference: str = setting(
        "", "A photograph in color whose colors all pictures take over where they are possible.", shapes=False
    )
    reference_strength: float = setting(
        0.5,
        "0 leaves the network's colors, 1 follows --reference as far as may be.",
        least=0.0,
        most=1.0,
        shapes=False,
    )
    proposals: int = setting(
        1,
        "Colorings per picture, clearly different ones: NAME.1.jpg, NAME.2.jpg, ..., with a sheet of them and their "
        "facts as JSON; fewer where the network finds no more possible.",
        least=1,
        most=8,
        shapes=False,
    )
    reviewer: str = setting("", "Who gave the hints; stands in the XMP of pictures that have some.", shapes=False)
    colored: str = setting(
        "auto",
        "Pictures that are in color already: auto copies them (encodes them anew where another format is asked for), "
        "recolor makes their color anew, skip leaves them out, copy copies them or fails. Toned prints and scans with "
        "a cast count as gray.",
        choices=("auto", "recolor", "skip", "copy"),
    )
    format: str = setting("", "Output format; by default each input's own.")
    layer: bool = setting(
        False,
        "Write the color alone, as a transparent PNG: a layer for blend mode Color, in GIMP, Krita, Photoshop.",
        names=("--layer",),
    )
    quality: int = setting(
        95,
        "Quality of lossy outputs; of the new chroma alone where a gray JPEG keeps its luma.",
        least=1,
        most=100,
    )
    chroma_subsampling: str = setting(
        "auto",
        "Chroma at full (444) or half size (420); auto halves it only where a gray JPEG keeps its luma.",
        choices=("auto", "444", "420"),
    )
    lossless_luma: bool = setting(True, "Keep the luma of a gray JPEG bit for bit when a JPEG is made of it.")
    revertible: bool = setting(
        True,
        "Carry in a JPEG that keeps the luma of a gray one what `koala revert` needs to give that very file back, some "
        "hundred bytes as a rule; not with --strip-metadata, as metadata is part of it.",
    )
    strip_metadata: bool = setting(False, "Leave out EXIF, XMP, IPTC and texts; the color profile stays.")
    provenance: bool = setting(True, "Say in XMP that the color is a guess, made by which weights.")
    preserve_times: bool = setting(False, "Give outputs the modification times of their inputs.", shapes=False)
    verify: bool = setting(False, "Decode every output and compare its luma with the input's.", shapes=False)
    manifest: bool = setting(
        False,
        "Write manifest-sha256.txt into the output folder: digests of all outputs, as `sha256sum -c` checks them, and "
        "of their sources.",
        shapes=False,
    )
    suffix: str = setting("", "Text added to output names, before the extension.", shapes=False)
    name: str = setting(
        "",
        "Template of output names, such as '{stem}_{source}.{ext}': the input's name, its extension, the output's.",
        shapes=False,
    )
    include: tuple[str, ...] = setting(
        (),
        "Take only inputs whose name matches this pattern, or with a / in it whose path below INPUT. May be repeated.",
        repeat=True,
        shapes=False,
    )
    exclude: tuple[str, ...] = setting(
        (),
        "Leave out what matches this pattern, folders included. May be repeated.",
        repeat=True,
        shapes=False,
    )
    output: str = setting(
        "",
        "A folder, a picture, s3://…, or - for stdout; by default NAME-color beside a folder, NAME.color beside files.",
        names=("-o", "--output"),
        shapes=False,
    )
    shard: str = setting(
        "", "Do only part i of n, as i/n with i from 1; a name always falls into the same part.", shapes=False
    )
    watch: bool = setting(
        False,
        "Go on until Ctrl-C and take what comes into the input folder, when it has stood still for two seconds.",
        shapes=False,
        names=("--watch",),
    )
    retry_failed: bool = setting(False, "Try inputs again that an earlier run could not read.", shapes=False)
    fail_fast: bool = setting(False, "Stop at the first input that fails.", shapes=False)
    dry_run: bool = setting(False, "Say what would be done, and do nothing.", shapes=False)
    alone: bool = setting(False, "One input was given by its own name; koala finds out.", shapes=False, flag=False)
    engine: str = setting(
        "local", "Where the work runs, without --ray.", choices=tuple(ENGINES), shapes=False, flag=False
    )


@dataclass(frozen=True)
class EvalConfig(ReadOutSettings, BatchSettings):
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


@dataclass(frozen=True)
class VideoConfig(OutputSettings, ReadOutSettings, NetworkSettings):
    """Settings of `koala video`."""

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
    crf: int = setting(
        18, "Quality of the encoder: lower is better and larger; 0 is lossless with 8-bit x264.", least=0, most=63
    )
    preset: str = setting(
        "",
        "Speed of the encoder, such as veryfast or slow; by default the encoder's middle one.",
        names=("--encoder-preset",),
        formerly="--preset",
    )
    encoder_option: tuple[str, ...] = setting(
        (), "KEY=VALUE for the encoder; may be repeated.", names=("-E", "--encoder-option"), repeat=True
    )
    pix_fmt: str = setting("", "Pixel format of the output, such as yuv444p; by default the source's.")
    track: int = setting(0, "Which video stream to colorize, from 1; 0 takes the one that players show.", least=0)
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
    preview: float = setting(0.0, "Color only so many seconds, next to the source, into NAME.preview.", least=0)
    preview_layout: str = setting(
        "side", "Preview: whole pictures side by side, or one picture split in the middle.", choices=("side", "split")
    )
    hints: str = setting(
        "",
        "What is known of colors: a JSON file of hints that name a time or frame; see docs/control.md.",
        shapes=False,
    )
    references: str = setting(
        "",
        "Folder of frames in color, such as stills from --export-scenes: their color is carried through their scenes.",
        shapes=False,
    )
    export_scenes: str = setting(
        "",
        "Color nothing: write a still of every scene into this folder, with a contact sheet and scenes.csv.",
        shapes=False,
    )
    fps: str = setting(
        "", "Frames per second of an image sequence (frames/%06d.png), such as 24 or 24000/1001; by default 25."
    )


@dataclass(frozen=True)
class ReviewConfig(ReportSettings, InputSettings, ReadOutSettings, BatchSettings, NetworkSettings):
    """Settings of `koala review`."""

    output: str = setting("review", "Folder of the page; made if need be.", names=("-o", "--output"))
    serve: bool = setting(
        False,
        "Show the page from this machine alone, until Ctrl-C: full-size previews, and decisions go straight to the "
        "folder.",
        names=("--serve",),
    )
    port: int = setting(0, "Port for --serve; 0 takes a free one.", least=0, most=65535)


def read_out_of(config: ColorizeConfig | EvalConfig | VideoConfig | ReviewConfig) -> dict[str, Any]:
    """The read-out settings that a command was given; the others are the weights' own."""
    asked = {known.name: getattr(config, known.name, None) for known in fields(ReadOut)}
    return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class ExportConfig(Settings):
    """Settings of `koala export`."""

    logits: bool = setting(False, "Give the logits of the gamut bins instead of ab.", names=("--logits",))
    half: bool = setting(
        False, "16-bit values and arithmetic: half the size; input and output stay 32-bit.", names=("--half",)
    )


@dataclass(frozen=True)
class VerifyConfig(ReportSettings, InputSettings):
    """Settings of `koala verify`."""

    source: str = setting(
        "", "Where the inputs are: a folder, or a file for one output; by default where the journal says."
    )
    workers: int | None = setting(None, "Files that are compared at once; by default one per core.", **WORKERS)


@dataclass(frozen=True)
class RevertConfig(ReportSettings, FolderSettings):
    """Settings of `koala revert`."""

    on_exist: str = setting("skip", "What to do where the output exists.", choices=("skip", "overwrite", "error"))
