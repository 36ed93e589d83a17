"""Which inputs there are and where their outputs go; everything that can be refused is refused here."""

import glob
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.errors import NothingMatchedError, UsageError
from koalacli.io.arguments import STREAM, is_wanted
from koalacli.io.collisions import find_collision
from koalacli.io.picture.codecs import CODECS, EXTRAS, codec_of
from koalacli.io.rules import config_for
from koalacli.io.suffixes import is_medium
from koalacli.io.walk import Stray, walk
from koalacli.journal import Journal, stamp_of
from koalacli.journal_lines import Stamp

NAME_FIELDS = ("stem", "ext", "source")  # of --name: without its suffix; the output's suffix; the input's


@dataclass(frozen=True)
class Job:
    """One input and its output; both absolute or as given, `-` for the standard streams."""

    source: str
    target: str

    def stamp(self) -> Stamp:
        """State of the input now."""
        return stamp_of(self.source)


@dataclass(frozen=True)
class Plan:
    """The work list.

    Attributes:
        jobs: in a stable order.
        strays: what was found and is not done.
        output_folder: under which all outputs lie, and the journal in it; None for the standard streams.
        relatives: paths of the jobs' sources below their input.
    """

    jobs: list[Job]
    strays: list[Stray]
    output_folder: Path | None = None
    relatives: dict[str, Path] = field(default_factory=dict)

    @property
    def folders(self) -> list[Path]:
        """The folders that outputs go to."""
        return sorted({Path(job.target).parent for job in self.jobs if job.target != STREAM})


def make_plan(sources: str | Sequence[str], output: str, config: ColorizeConfig) -> Plan:
    """Find inputs and plan outputs.

    Args:
        sources: files, folders, globs, or `-` alone. Of several, folders keep their own names below the output.
        output: a folder, a file for a single input, or `-`.
        config: format, suffix, name, include, exclude, recursive, follow_links, shard.

    Raises:
        NothingMatchedError: no picture there.
        UsageError: two inputs for one output, an output that is its own input or outside of the
            output folder, an unknown format.
    """
    refuse_settings(config)
    for rule in config.rules:
        refuse_settings(replace(config, **{"name": "", "suffix": "", **dict(rule.settings)}))
    sources = [sources] if isinstance(sources, str) else list(sources)
    source = " ".join(sources[:3]) + " …" * (len(sources) > 3)  # in messages
    if STREAM in sources or output == STREAM:
        if len(sources) > 1:
            raise UsageError("standard input and output hold one picture; give one INPUT")
        return Plan([_stream_job(source, output)], [])
    found, strays = _find_all(sources, output, config)
    pictures = [(path, relative) for path, relative in found if codec_of(path)]
    own = {name for path, _ in pictures for name in (path, path.with_suffix(""))}  # sidecars go with their picture
    others = [path for path, _ in found if not codec_of(path)]
    strays += [stray_of(path, str(path)) for path in others if not _is_sidecar(path, own)]
    if len(found) == 1 and not pictures and Path(source).is_file():
        raise NothingMatchedError(f"{source}: {no_picture(Path(source))}")
    if not pictures and not any(stray.failed for stray in strays):
        looked = ", ".join(suffix for codec in CODECS.values() for suffix in codec.suffixes)
        raise NothingMatchedError(f"{source}: no pictures found (looked for {looked})")
    single = len(found) == 1 and Path(source).is_file()
    _check_output(output, single=single)
    names = {str(path): relative for path, relative in pictures}
    if single and (codec_of(Path(output)) and not Path(output).is_dir()):
        jobs = [Job(str(pictures[0][0]), output)]
        _refuse_collisions(jobs, config)
        return Plan(jobs, strays, Path(output).parent, names)
    targets = [output_name(name, config_for(config, str(path), name)) for path, name in pictures]
    jobs = [Job(str(path), str(Path(output) / target)) for (path, _), target in zip(pictures, targets, strict=True)]
    jobs = _without_own_outputs(jobs, Path(output))
    _refuse_collisions(jobs, config)
    if not config.follow_links:
        _refuse_ways_out(jobs, Path(output))
    if config.shard:
        part, parts = parse_shard(config.shard)
        jobs = [job for job in jobs if shard_of(names[job.source], parts) == part]
        strays = [stray for stray in strays if shard_of(Path(stray.path), parts) == part]
    return Plan(jobs, strays, Path(output), names)


def _find_all(sources: list[str], output: str, config: ColorizeConfig) -> tuple[list[tuple[Path, Path]], list[Stray]]:
    """As `find_files`, for several inputs; none twice, and of those that --include and --exclude let through."""
    found: dict[Path, Path] = {}
    strays: dict[str, Stray] = {}
    for source in sources:
        files, met = find_files(source, output, recursive=config.recursive, follow_links=config.follow_links)
        own = Path(Path(os.path.realpath(source)).name) if len(sources) > 1 and Path(source).is_dir() else Path()
        wanted = [(path, relative) for path, relative in files if is_wanted(relative, config.include, config.exclude)]
        for path, relative in wanted:
            found.setdefault(path, own / relative)
        strays |= {stray.path: stray for stray in met}
    return list(found.items()), list(strays.values())


def refuse_settings(config: ColorizeConfig) -> None:
    """Refuse names that no output can have, and parts of a run that are none.

    Raises:
        UsageError: an unknown format, a suffix that is no part of a name, a shard that makes no sense.
    """
    if config.shard:
        parse_shard(config.shard)
    if config.format and config.format not in CODECS:
        raise UsageError(f"unknown format {config.format!r}; choose one of {', '.join(CODECS)}")
    if any(sign in config.suffix for sign in "/\\\0"):
        raise UsageError(f"--suffix {config.suffix!r}: a part of a name cannot lead to another folder")
    if config.name and config.suffix:
        raise UsageError("--name and --suffix both say how outputs are called; give one of them")
    refuse_name(config.name)


def refuse_name(name: str) -> None:
    """Refuse a template that gives no names.

    Raises:
        UsageError: it does.
    """
    try:
        example = name_by(name, Path("x.x"), "x") if name else "x"
    except (KeyError, ValueError, IndexError, AttributeError):
        example = ""
    wrong = not name.endswith(".{ext}") or "{stem}" not in name or any(sign in example for sign in "/\\\0")
    if name and wrong:
        raise UsageError(f"--name {name!r}: a name of {{stem}} and {{source}}, with .{{ext}} at its end")


def name_by(template: str, source: Path, suffix: str) -> str:
    """What a template makes of an input's name and the suffix of its output."""
    fields = source.stem, suffix.lstrip("."), source.suffix.lstrip(".")
    return template.format(**dict(zip(NAME_FIELDS, fields, strict=True)))


def sidecars_of(picture: Path) -> list[Path]:
    """XMP files that belong to a picture: `name.jpg.xmp` and `name.xmp`, where they are."""
    beside = picture.with_name(f"{picture.name}.xmp"), picture.with_suffix(".xmp")
    return [path for path in beside if os.path.isfile(path)]  # noqa: PTH113 - a name that is too long is no file


def _is_sidecar(path: Path, names: set[Path]) -> bool:
    return path.suffix == ".xmp" and path.with_suffix("") in names


def find_files(
    source: str, output: str, *, recursive: bool, follow_links: bool = False
) -> tuple[list[tuple[Path, Path]], list[Stray]]:
    """Files under a source as (path, path relative to the source), sorted, and strays with reasons; see `walk`.

    The output folder, where it lies inside the source, is left out.
    """
    root = Path(source)
    if root.is_file():
        return [(root, Path(root.name))], []
    if root.is_dir():
        met = list(walk(root, recursive=recursive, follow_links=follow_links, leave_out=Path(output)))
        strays = [found for found in met if isinstance(found, Stray)]
        return [(found, found.relative_to(root)) for found in met if isinstance(found, Path)], strays
    if glob.has_magic(source):
        base = Path(source[: len(source) - len(source.lstrip("/"))] or ".")
        for part in Path(source).parts:
            if glob.has_magic(part):
                break
            base /= part
        matches = sorted(Path(match) for match in glob.glob(source, recursive=recursive) if Path(match).is_file())
        return [(path, path.relative_to(base)) for path in matches], []
    if os.path.lexists(source):
        raise UsageError(f"{source}: is neither a file nor a folder; use - to read from a pipe")
    raise NothingMatchedError(f"{source}: no such file or folder")


def shard_of(relative: Path, parts: int) -> int:
    """The part, 1..parts, that a path belongs to: the same on every machine and in every run."""
    digest = hashlib.sha256(relative.as_posix().encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % parts + 1


def parse_shard(text: str) -> tuple[int, int]:
    """Part and number of parts of --shard.

    Raises:
        UsageError: it is no such part.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise UsageError(f"--shard {text}: give i/n with i from 1 to n, as 2/8")
    return part, parts


def stray_of(path: Path, name: str) -> Stray:
    """A file that is no picture by its name."""
    extra = EXTRAS.get(path.suffix.lower())
    kind = f"needs koala-colorizer[{extra}]" if extra else "a film" if is_medium(path) else "no picture"
    return Stray(name, no_picture(path), kind=kind)


def no_picture(path: Path) -> str:
    """Why a file is none, by its name."""
    extra = EXTRAS.get(path.suffix.lower())
    if extra:
        return f"needs an extra: pip install 'koala-colorizer[{extra}]'"
    return "a film; `koala video` takes it" if is_medium(path) else "not a picture by its name"


def output_name(relative: Path, config: ColorizeConfig) -> Path:
    """The output's path below the output folder, of the input's below its own."""
    suffix = CODECS[config.format].suffixes[0] if config.format else relative.suffix
    if config.format and codec_of(relative) == config.format:
        suffix = relative.suffix
    if config.name:
        return relative.with_name(name_by(config.name, relative, suffix))
    return relative.with_name(f"{relative.stem}{config.suffix}{suffix}")


def _check_output(output: str, *, single: bool) -> None:
    """Refuse a file where a folder is needed, and a name for a file of a kind that koala does not write."""
    path = Path(output)
    try:
        blocking = next((part for part in (path, *path.parents) if part.exists() and not part.is_dir()), None)
    except OSError as error:
        raise UsageError(f"{output}: cannot be an output ({error.strerror or error})") from error
    if single and path.suffix and not codec_of(path) and not path.is_dir() and not output.endswith("/"):
        raise UsageError(f"{output}: unknown format {path.suffix}; for a folder of that name, add a / at its end")
    if blocking and not (single and blocking == path and codec_of(path)):
        raise UsageError(f"{output}: {blocking} is a file; the output must be a folder")


def _without_own_outputs(jobs: list[Job], output: Path) -> list[Job]:
    """Leave out what earlier runs have written beside its inputs; the journal knows.

    Raises:
        UsageError: an output would replace another input.
    """
    folders = {Path(job.source).parent for job in jobs}
    within = os.path.realpath(output)
    if not any(Path(os.path.realpath(folder)).is_relative_to(within) for folder in folders):
        return jobs
    sources = {os.path.realpath(job.source): job.source for job in jobs}
    journal = Journal(output)
    own: set[str] = set()
    for job in jobs:
        taken = sources.get(os.path.realpath(job.target))
        if taken is None or taken == job.source:
            continue
        if journal.find(job.target) is None:
            raise UsageError(f"{job.source}: its output would replace the input {taken}; choose another folder")
        own.add(taken)
    return [job for job in jobs if job.source not in own]


def _refuse_collisions(jobs: list[Job], config: ColorizeConfig) -> None:
    for job in jobs:
        if os.path.realpath(job.target) == os.path.realpath(job.source):
            raise UsageError(f"{job.source}: the output would replace its input; choose another folder or --suffix")
    if pair := find_collision([Path(job.target) for job in jobs]):
        one, other = (jobs[place] for place in pair)
        way = "rename one of them, or choose a folder on a disk that tells their names apart"
        if config.format:
            way = f"leave out --format, or make a folder of each kind ('**/*{Path(one.source).suffix}' picks one)"
        raise UsageError(f"{one.source} and {other.source} would both be written to {other.target}; {way}")


def _refuse_ways_out(jobs: list[Job], output: Path) -> None:
    """A link inside the output folder must not carry outputs elsewhere."""
    inside = os.path.realpath(output)
    for folder in {Path(job.target).parent for job in jobs}:
        if not Path(os.path.realpath(folder)).is_relative_to(inside):
            raise UsageError(f"{folder}: a link that leaves the output folder {output}; see --follow-links")


def _stream_job(source: str, output: str) -> Job:
    if source != STREAM and not Path(source).is_file():
        raise NothingMatchedError(f"{source}: only a single file can be written to standard output")
    return Job(source, output)
