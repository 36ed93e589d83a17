"""The settings of every command but `koala train`: defaults and meanings stand here and nowhere else.

A command's flags are the fields of its dataclass; `--help` and docs/cli.md print the help texts below. What several
commands share is in `settings`.
"""

from dataclasses import dataclass

from koalacli.palettes import PALETTES
from koalacli.protocols import PROTOCOLS
from koalacli.settings import (
    REPORT,
    WORKERS,
    BatchSettings,
    ChoiceSettings,
    ClusterSettings,
    FolderSettings,
    InputSettings,
    NetworkSettings,
    OutputSettings,
    ReadOutSettings,
    ReportSettings,
    Rule,
    Settings,
    setting,
)
from koalacli.tables import ENGINES


@dataclass(frozen=True)
class ColorizeConfig(
    ClusterSettings, OutputSettings, ChoiceSettings, InputSettings, ReadOutSettings, BatchSettings, NetworkSettings
):
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
        "",
        "A photograph in color whose colors all pictures take over where they are possible; of a folder of them, each "
        "picture follows the one that is most like it.",
        shapes=False,
    )
    palette: str = setting(
        "",
        "Take over how frequent colors are, where they are possible: of a photograph in color, or of "
        f"{', '.join(PALETTES)}.",
        shapes=False,
    )
    reference_strength: float = setting(
        0.5,
        "0 leaves the network's colors, 1 follows --reference or --palette as far as may be.",
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
    rules: tuple[Rule, ...] = setting((), "Other settings for pictures of some folders.", shapes=False, flag=False)
    alone: bool = setting(False, "One input was given by its own name; koala finds out.", shapes=False, flag=False)
    engine: str = setting("local", "Where the work runs; --ray alone means ray.", choices=ENGINES, shapes=False)


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
    report: str = setting(
        "",
        "Write a report to this file: .html as a self-contained page, .json the figures, .csv those of every picture.",
        form=REPORT,
        writes=True,
    )
    csv: str = setting("", "Write the figures of every picture to this CSV file.", writes=True)
    study: str = setting("", "Write a self-contained real-or-fake study page to this file.", writes=True)
    study_pictures: int = setting(40, "Pictures in the study; half of them are shown as recolored.", least=2)
    study_results: tuple[str, ...] = setting(
        (), "Result files of the study to pool; nothing else is evaluated then.", repeat=True
    )
    inception: str = setting("", "Keras InceptionV3 weights without top (.h5): adds FID by that network.")
    lpips: str = setting("", "LPIPS v0.1 AlexNet state as .safetensors: adds LPIPS.")


@dataclass(frozen=True)
class VideoConfig(ClusterSettings, OutputSettings, ChoiceSettings, ReadOutSettings, NetworkSettings):
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
        "auto",
        "Color that is there already: auto leaves films alone that are in color throughout, and in others keeps "
        "that of shots which have some; recolor makes all color anew, copy keeps that of all such shots, skip leaves "
        "films alone that begin with one. A tone or a cast counts as gray.",
        choices=("auto", "recolor", "skip", "copy"),
    )
    codec: str = setting(
        "",
        "Video encoder, such as libx264, libx265, ffv1, or `source` for the source's own; by default that for masters "
        "(FFV1, HuffYUV, ProRes, DNxHD and the like), else the container's usual one.",
    )
    crf: int = setting(
        18, "Quality of the encoder: lower is better and larger; 0 is lossless with 8-bit x264.", least=0, most=63
    )
    encoder_preset: str = setting(
        "",
        "Speed of the encoder, such as veryfast or slow; by default the encoder's middle one.",
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
    decisions: tuple[str, ...] = setting(
        (),
        "Decisions from `koala review FILM`; of several files the later one about a scene counts. May be repeated.",
        repeat=True,
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
    dry_run: bool = setting(
        False,
        "Color a few seconds of each film and keep nothing: tell its frames, scenes, codec, time and size.",
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
