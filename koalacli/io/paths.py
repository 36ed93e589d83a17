"""Which inputs there are and where their outputs go; everything that can be refused is refused here."""

import glob
from dataclasses import dataclass
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.errors import NothingMatchedError, UsageError
from koalacli.io.codecs import CODECS, codec_of

STREAM = "-"  # standard input or output


@dataclass(frozen=True)
class Job:
    """One input and its output; both absolute or as given, `-` for the standard streams."""

    source: str
    target: str


@dataclass(frozen=True)
class Plan:
    """The work list.

    Attributes:
        jobs: in a stable order.
        strays: files that are no pictures by their name, reported as skipped.
    """

    jobs: list[Job]
    strays: list[str]


def make_plan(source: str, output: str, config: ColorizeConfig) -> Plan:
    """Find inputs and plan outputs.

    Args:
        source: a file, a folder, a glob, or `-`.
        output: a folder, a file for a single input, or `-`.
        config: format, suffix, recursive.

    Raises:
        NothingMatchedError: no picture there.
        UsageError: two inputs for one output, an output that is its own input, an unknown format.
    """
    if config.format and config.format not in CODECS:
        raise UsageError(f"unknown format {config.format!r}; choose one of {', '.join(CODECS)}")
    if source == STREAM or output == STREAM:
        return Plan([_stream_job(source, output)], [])
    found, strays = find_files(source, output, recursive=config.recursive)
    pictures = [(path, relative) for path, relative in found if codec_of(path)]
    strays += [str(path) for path, _ in found if not codec_of(path)]
    if not pictures:
        looked = ", ".join(suffix for codec in CODECS.values() for suffix in codec.suffixes)
        raise NothingMatchedError(f"{source}: no pictures found (looked for {looked})")
    single = len(found) == 1 and Path(source).is_file()
    if single and (codec_of(Path(output)) and not Path(output).is_dir()):
        jobs = [Job(str(pictures[0][0]), output)]
    else:
        jobs = [Job(str(path), str(Path(output) / _output_name(name, config))) for path, name in pictures]
    _refuse_collisions(jobs)
    return Plan(jobs, strays)


def find_files(source: str, output: str, *, recursive: bool) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Files under a source as (path, path relative to the source), sorted, and links not followed.

    Hidden files and the output folder, where it lies inside the source, are left out. Links
    to folders are not followed: they may lead out of the tree or in circles.
    """
    root = Path(source)
    if root.is_file():
        return [(root, Path(root.name))], []
    if root.is_dir():
        own_output = Path(output).resolve()
        return _walk(root, root, own_output, recursive), []
    if glob.has_magic(source):
        base = Path(source[: len(source) - len(source.lstrip("/"))] or ".")
        for part in Path(source).parts:
            if glob.has_magic(part):
                break
            base /= part
        matches = sorted(Path(match) for match in glob.glob(source, recursive=recursive) if Path(match).is_file())
        return [(path, path.relative_to(base)) for path in matches], []
    raise NothingMatchedError(f"{source}: no such file or folder")


def _walk(folder: Path, root: Path, own_output: Path, recursive: bool) -> list[tuple[Path, Path]]:
    found: list[tuple[Path, Path]] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            inside_output = entry.resolve() == own_output
            if recursive and not entry.is_symlink() and not inside_output:
                found += _walk(entry, root, own_output, recursive)
        elif entry.is_file():
            found.append((entry, entry.relative_to(root)))
    return found


def _output_name(relative: Path, config: ColorizeConfig) -> Path:
    suffix = CODECS[config.format].suffixes[0] if config.format else relative.suffix
    if config.format and codec_of(relative) == config.format:
        suffix = relative.suffix
    return relative.with_name(f"{relative.stem}{config.suffix}{suffix}")


def _refuse_collisions(jobs: list[Job]) -> None:
    taken: dict[str, str] = {}
    for job in jobs:
        # Case is folded: on many file systems `A.jpg` and `a.jpg` are one file.
        key = str(Path(job.target).resolve()).casefold()
        if key in taken:
            raise UsageError(f"{taken[key]} and {job.source} would both be written to {job.target}; use --suffix")
        taken[key] = job.source
        if Path(job.target).resolve() == Path(job.source).resolve():
            raise UsageError(f"{job.source}: the output would replace its input; choose another folder or --suffix")


def _stream_job(source: str, output: str) -> Job:
    if source != STREAM and not Path(source).is_file():
        raise NothingMatchedError(f"{source}: only a single file can be written to standard output")
    return Job(source, output)
