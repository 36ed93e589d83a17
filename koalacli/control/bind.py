"""Hints meet pictures: by path, and by digest where the file gives one. What does not fit is told before any work."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from koalacli.control.book import Entry, read_book
from koalacli.control.hints import Hints
from koalacli.control.painted import Painted
from koalacli.errors import InputError, UsageError
from koalacli.io.arguments import STREAM
from koalacli.io.paths import Job
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import displayed_size

PAINTED_SUFFIX = "_hints"  # a painted copy may be called x_hints.png
Faults = list[tuple[str, str]]  # what is wrong, and why
E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class HintedJob(Job):
    """A job of whose picture something is known, by whom if that is known."""

    hints: Hints | Painted
    reviewer: str = ""

    @property
    def digest(self) -> str:
        """Of all that shapes the output beside the settings of the run."""
        by = f"-{hashlib.sha256(self.reviewer.encode()).hexdigest()[:8]}" if self.reviewer else ""
        return self.hints.digest + by


@dataclass(frozen=True)
class GrayJob(Job):
    """A job whose picture stays gray: it is copied."""

    digest = "gray"


@dataclass(frozen=True)
class ReferencedJob(Job):
    """A job whose picture takes over the colors of a photograph; `digest` is of that file and of the strength."""

    digest: str


@dataclass(frozen=True)
class ProposalsJob(Job):
    """A job that makes several colorings; its target is where the first one goes.

    Attributes:
        output: where one coloring alone would go; the others' names derive from it.
        count: how many are wanted.
    """

    output: str
    count: int

    @classmethod
    def of(cls, job: Job, count: int) -> "ProposalsJob":
        """The job that makes several instead of one."""
        return cls(job.source, _numbered(job.target, 1), job.target, count)

    @property
    def targets(self) -> list[str]:
        """Where the colorings go: a.1.jpg, a.2.jpg, ..."""
        return [_numbered(self.output, number) for number in range(1, self.count + 1)]

    @property
    def sheet(self) -> str:
        """Where the sheet of them goes."""
        return f"{self.output}.proposals.jpg"

    @property
    def facts(self) -> str:
        """Where it is told what they are."""
        return f"{self.output}.proposals.json"

    @property
    def digest(self) -> str:
        """Of what is asked for."""
        return f"proposals-{self.count}"


def _numbered(output: str, number: int) -> str:
    path = Path(output)
    return str(path.with_name(f"{path.stem}.{number}{path.suffix}"))


def digest_of(job: Job) -> str:
    """The digest of what is decided about a job alone; empty where nothing is."""
    return job.digest if isinstance(job, HintedJob | GrayJob | ProposalsJob | ReferencedJob) else ""


def reviewer_of(job: Job) -> str:
    """Who gave a job's hints, where its hints say so."""
    return job.reviewer if isinstance(job, HintedJob) else ""


def hints_of(job: Job) -> Hints | None:
    """What is known of a job's picture; painted copies are read now.

    Raises:
        InputError: a painted copy cannot be read, or has no strokes.
    """
    if not isinstance(job, HintedJob):
        return None
    return job.hints.read() if isinstance(job.hints, Painted) else job.hints


def bind_hints(place: str, source: str, jobs: Sequence[Job], reviewer: str = "") -> tuple[list[Job], Faults]:
    """Give each job its hints.

    Args:
        place: a hints file, or a folder of painted copies.
        source: input as given on the command line.
        jobs: the work list.
        reviewer: who gave the hints, where known.

    Raises:
        UsageError: there is no such place, or it is no hints file.
    """
    if any(job.source == STREAM for job in jobs):
        raise UsageError("--hints needs inputs that have names; standard input has none")
    path = Path(place)
    if path.is_dir():
        return _bind_painted(path, source, jobs, reviewer)
    entries, faults = read_book(path)
    bound, unbound = bind_entries(entries, source, jobs)
    hinted = [
        _hinted(job, bound[number].hints, reviewer) if number in bound else job for number, job in enumerate(jobs)
    ]
    return hinted, faults + unbound


def bind_entries(entries: Sequence[E], source: str, jobs: Sequence[Job]) -> tuple[dict[int, E], Faults]:
    """Entries by the number of their job, and those that fit none."""
    bound: dict[int, E] = {}
    faults: Faults = []
    names = [name_in(source, job) for job in jobs]
    for entry in entries:
        try:
            number = _find(entry, names, jobs, source)
            if number is None:
                continue
            if number in bound:
                raise UsageError(f"the same picture as {bound[number].name!r}")
            _check_sizes(entry, jobs[number])
            bound[number] = entry
        except (UsageError, InputError) as error:
            faults.append((entry.name, str(error)))
    return bound, faults


def _hinted(job: Job, hints: Hints | Painted, reviewer: str) -> Job:
    return HintedJob(job.source, job.target, hints, reviewer) if hints else job


def _find(entry: Entry, names: Sequence[str], jobs: Sequence[Job], source: str) -> int | None:
    """Number of the job that an entry is about; None where the picture is there and not a part of this run."""
    found = [number for number, name in enumerate(names) if name == entry.name]
    found = found or [number for number, name in enumerate(names) if name.endswith(f"/{entry.name}")]
    if len(found) > 1:
        raise UsageError("several pictures end in this path; write more of it")
    if found and entry.sha256 and _sha256(jobs[found[0]].source) != entry.sha256:
        raise UsageError("the file has changed since the hints were made (sha256 differs)")
    if found:
        return found[0]
    if entry.sha256:  # it may have moved
        moved = [number for number, job in enumerate(jobs) if _sha256(job.source) == entry.sha256]
        if moved:
            return moved[0]
    if Path(source).is_dir() and (Path(source) / entry.name).is_file():  # such as one of another --shard
        return None
    raise UsageError("no such picture among the inputs")


def _check_sizes(entry: Entry, job: Job) -> None:
    for name, size in entry.sizes.items():
        picture = displayed_size(Path(job.source))
        if size != picture:
            said = f"the mask has {size[1]}x{size[0]} pixels, the picture {picture[1]}x{picture[0]}"
            raise UsageError(f"{name}: {said}")


def _bind_painted(folder: Path, source: str, jobs: Sequence[Job], reviewer: str) -> tuple[list[Job], Faults]:
    """Painted copies lie in a folder by the names of their pictures; extensions may differ."""
    names = [name_in(source, job) if Path(source).is_dir() else Path(job.source).name for job in jobs]
    by_stem = {str(Path(name).with_suffix("")): number for number, name in enumerate(names)}
    bound: dict[int, Painted] = {}
    faults: Faults = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in relative.parts):
            continue
        stem = str(relative.with_suffix("")).removesuffix(PAINTED_SUFFIX)
        try:
            if codec_of(path) is None:
                raise UsageError("not a picture by its name")
            number = by_stem.get(stem)
            if number is None:
                raise UsageError("no picture of that name among the inputs")
            if number in bound:
                raise UsageError(f"a second painted copy, beside {bound[number].path}")
            _check_painted(path, jobs[number])
            bound[number] = Painted.at(path)
        except (UsageError, InputError) as error:
            faults.append((str(path), str(error)))
    return [
        _hinted(job, bound[number], reviewer) if number in bound else job for number, job in enumerate(jobs)
    ], faults


def _check_painted(path: Path, job: Job) -> None:
    copy, picture = displayed_size(path), displayed_size(Path(job.source))
    if copy != picture:
        raise UsageError(f"{copy[1]}x{copy[0]} pixels, the picture has {picture[1]}x{picture[0]}")


def name_in(source: str, job: Job) -> str:
    """What a hints file calls a picture: its path below the input folder; of a single file or a glob, all of it."""
    path = Path(job.source)
    return path.relative_to(source).as_posix() if Path(source).is_dir() else path.as_posix()


def _sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
