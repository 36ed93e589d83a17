"""How settings are written, and those that several commands share: default, meaning, range and unit of each stand once.

A command's flags are the fields of its dataclass, which inherits from the groups below. All classes are frozen: a run
cannot change what it was asked to do.
"""

import re
from dataclasses import Field, dataclass, field, fields
from math import inf
from typing import Any

from koalacli.errors import UsageError

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
    - writes: it names a file that is written beside the proper outputs.
    - shapes: False where it does not change what an output holds.
    """
    return field(default=default, metadata={"help": help, **extra})


@dataclass(frozen=True)
class Settings:
    """Settings of a command: every number is finite and in its range, or they cannot be made.

    Raises:
        UsageError: one is not; the message names the flag.
    """

    log_file: str = setting(
        "", "Append what happens to this file, with times, whatever is shown.", shapes=False, writes=True
    )

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
    """The first field whose value is out of its range, of another form, or no finite number."""
    return next((known for known in fields(settings) if is_out_of_range(known, getattr(settings, known.name))), None)


def is_out_of_range(known: Field[Any], value: Any) -> bool:
    """Whether a value is out of the range of its setting, of another form, or no finite number; None is never."""
    limits = known.metadata
    if isinstance(value, int | float):
        above = value >= limits.get("least", -inf) and value > limits.get("above", -inf)
        below = value <= limits.get("most", inf) and value < limits.get("below", inf)
        return not (above and below) or abs(value) == inf or bool(value % limits.get("step", value or 1))
    return isinstance(value, str) and "form" in limits and not re.fullmatch(limits["form"][0], value)


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
REPORT = (r"(?i)|.*\.(json|csv|html)", "a file name that ends in .json, .csv or .html")
PAGE = (r"(?i)|.*\.html", "a file name that ends in .html")
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
class DeviceSettings(Settings):
    """For commands that run a network."""

    device: str = setting("auto", "auto, cpu, gpu or gpu:N; a device asked for by name must exist.", shapes=False)


@dataclass(frozen=True)
class ReadOutSettings(DeviceSettings):
    """For commands that color: where the network runs, what it sees, how it is read; None is the weights' own."""

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
class DecodeSettings(Settings):
    """For commands that decode pictures."""

    max_pixels: int = setting(
        MAX_PIXELS, "Refuse pictures with more pixels than this, all frames counted.", shapes=False, least=1
    )


@dataclass(frozen=True)
class InputSettings(DecodeSettings, FolderSettings):
    """For commands that decode pictures in folders."""


@dataclass(frozen=True)
class ChoiceSettings(Settings):
    """For commands that take some of a folder's files, and name what they make of each."""

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


@dataclass(frozen=True)
class ReportSettings(Settings):
    """For commands that end with a summary; the command line writes it, the pipeline checks its place first."""

    report: str = setting(
        "",
        "Write all records to this file: .json with the summary, .csv as a table, .html as a page with the pictures.",
        shapes=False,
        form=REPORT,
        writes=True,
    )


@dataclass(frozen=True)
class OutputSettings(ReportSettings):
    """For commands that make pictures or films."""

    gallery: str = setting(
        "",
        "Write a page that shows every result before and after, for people: it opens from disk and prints.",
        shapes=False,
        form=PAGE,
        writes=True,
    )
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


def read_out_of(settings: ReadOutSettings) -> dict[str, Any]:
    """The read-out settings that a command was given; the others are the weights' own."""
    asked = {known.name: getattr(settings, known.name, None) for known in fields(ReadOut)}
    return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class Rule:
    """Settings for the pictures that a pattern names, by field; see `origins`."""

    pattern: str
    settings: tuple[tuple[str, Any], ...]
