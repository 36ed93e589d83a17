"""Films in object stores: fetched into a folder here one at a time, colored there, put in place whole.

What is finished of a film is sent while its coloring goes on, to a hidden folder beside the output: a rerun, on any
machine, goes on from there. Nothing but the film, its work and its output lies here, until the film is done.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import cv2

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.errors import (
    InputError,
    KoalaError,
    NothingMatchedError,
    OutputError,
    StorageFullError,
    UsageError,
)
from koalacli.io.film.encoders import CONTAINERS
from koalacli.io.film.open import opens_as_film
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.storage import (
    check_writable,
    fetch_object,
    find_object,
    is_remote,
    list_objects,
    send_file,
)
from koalacli.io.store_journal import open_journal
from koalacli.io.store_plan import name_below
from koalacli.io.suffixes import DOUBTFUL_SUFFIXES, is_film
from koalacli.io.walk import Stray
from koalacli.journal import Journal, digest_settings
from koalacli.journal_lines import Beginning, Stamp
from koalacli.pipelines.video.film import colorize_film, existing_film, work_name
from koalacli.pipelines.video.plan import OWN_MARKS, FilmJob, check_targets, film_name
from koalacli.pipelines.video.reels import becomes_pictures
from koalacli.pipelines.video.staging import StoredWork, scratch_folder
from koalacli.records import Notice, Outcome, Phase, Progress, Record, Started
from koalacli.settings import read_out_of
from koalacli.weights_files import open_weights


@dataclass(frozen=True)
class StoredFilm(FilmJob):
    """A film whose state came with a listing.

    Attributes:
        known: size and time.
    """

    known: Stamp = (0, 0)

    def stamp(self) -> Stamp:
        """As listed."""
        return self.known


def colorize_stored_films(
    source: str,
    config: VideoConfig,
    colorizer: Colorizer | None,
    here: Sequence[FilmJob] = (),
    strays: Sequence[Stray] = (),
) -> Iterator[Started | Notice | Phase | Progress | Record]:
    """Colorize films of which the inputs, the outputs or both lie in an object store.

    Args:
        source: a film, or where films lie.
        config: see VideoConfig.
        colorizer: as for `colorize_video`.
        here: the films, if they lie on this machine; their targets do not matter.
        strays: what lies beside them and is not done.

    Raises:
        KoalaError: the request itself cannot be met.
        StorageFullError: there is no room here for a film; what is finished is kept.
    """
    _refuse(source, config)
    strays = list(strays)
    jobs = _plan_here(source, config, here) if here or strays else _plan_stored(source, config, strays)
    if not jobs and not strays:
        raise NothingMatchedError(f"{source}: no films found")
    check_targets(jobs)
    check_side_outputs(side_outputs(config), [config.weights, *(job.source for job in here)])
    digest = colorizer.weights.digest if colorizer else open_weights(config.weights).digest
    journals = {folder: _journal(folder, config, digest) for folder in {_parent(job.target) for job in jobs}}
    decided, waiting = _decide(jobs, config, journals)
    device, batch_size = "none", 0
    if waiting:
        yield Phase("starting the network")
        colorizer = colorizer or Colorizer(config.weights, config.device, **read_out_of(config))
        device, batch_size = colorizer.device, colorizer.batch_size
        cv2.setNumThreads(1)  # each stage has a thread of its own; more would only fight
    yield Started(len(jobs) + len(strays), device, config.weights, batch_size)
    yield from (stray.record() for stray in strays)
    yield from decided
    for job in waiting:
        assert colorizer is not None
        try:
            yield from _colorize(job, config, colorizer, journals[_parent(job.target)])
        except StorageFullError:
            raise
        except KoalaError as error:
            yield Record(job.source, job.target, Outcome.FAILED, str(error))


def _refuse(source: str, config: VideoConfig) -> None:
    given = {"--export-scenes": config.export_scenes, "--references": config.references}
    given |= {"--hints": config.hints, "--decisions": " ".join(config.decisions)}
    if one := [name for name, value in given.items() if value]:
        raise UsageError(f"{one[0]}: is for films on this machine; copy the film here")
    if config.dry_run:
        raise UsageError("--dry-run: is for films on this machine; copy one of them here")
    if config.ray:
        raise UsageError("--ray: films in object stores are the work of one process; leave it out, or copy them")
    if becomes_pictures(source, config):
        raise UsageError(f"{source}: animations and numbered pictures are for folders on this machine")
    if any(sign in source for sign in "*?["):
        raise UsageError(f"{source}: patterns are for local files; give a prefix")
    if is_remote(place := config.output or source):
        check_writable(place)


def _plan_here(source: str, config: VideoConfig, here: Sequence[FilmJob]) -> list[StoredFilm]:
    root = Path(source) if Path(source).is_dir() else Path(source).parent
    lone = not Path(source).is_dir()
    return [
        StoredFilm(
            job.source, _target(Path(job.source).relative_to(root), source, config, lone=lone), known=job.stamp()
        )
        for job in here
    ]


def _plan_stored(source: str, config: VideoConfig, strays: list[Stray]) -> list[StoredFilm]:
    """Films below a place; names that lead out are put with the strays."""
    jobs = []
    inside = f"{config.output.rstrip('/')}/" if config.output.rstrip("/") != source.rstrip("/") else "\0"
    for found in list_objects(source):
        name, lone = name_below(found.place, source), found.place == source
        relative = Path(name)
        if {"", ".", ".."} & set(name.split("/")):
            strays.append(Stray(found.place, "its name leads out of the output folder; rename it", failed=True))
            continue
        hidden = any(part.startswith(".") for part in relative.parts) or found.place.startswith(inside)
        if not lone and (hidden or not is_film(relative) or Path(relative.stem).suffix in OWN_MARKS):
            continue
        target = _target(relative, source, config, lone=lone)
        jobs.append(StoredFilm(found.place, target, known=(found.size, found.mtime)))
    return jobs


def _target(relative: Path, source: str, config: VideoConfig, *, lone: bool) -> str:
    """Where a film's output goes; `lone` is one that was given by its own name."""
    output, folder = config.output, config.output.endswith("/") or Path(config.output).is_dir()
    if not output:
        output = _parent(source) if lone else source
    elif not folder and lone and PurePosixPath(output).suffix:
        return output
    elif not folder and PurePosixPath(output).suffix.lower() in CONTAINERS:
        raise UsageError(f"{output}: several films need a folder as OUTPUT")
    return f"{output.rstrip('/')}/{relative.with_name(film_name(relative, config)).as_posix()}"


def _parent(place: str) -> str:
    return place.rpartition("/")[0] if is_remote(place) else str(Path(place).parent)


def _journal(folder: str, config: VideoConfig, digest: str) -> Journal:
    place = folder if is_remote(folder) else Path(folder)
    return open_journal(place, digest_settings(config), digest, every=0.0)


def _decide(
    jobs: list[StoredFilm], config: VideoConfig, journals: dict[str, Journal]
) -> tuple[list[Record], list[StoredFilm]]:
    """Records of the films that need no work, and the other films."""
    decided: list[Record] = []
    waiting: list[StoredFilm] = []
    for job in jobs:
        try:
            record = existing_film(job, config, journals[_parent(job.target)])
        except OutputError as error:
            record = Record(job.source, job.target, Outcome.FAILED, str(error))
        if record:
            decided.append(record)
        else:
            waiting.append(job)
    return decided, waiting


def _colorize(
    job: StoredFilm, config: VideoConfig, colorizer: Colorizer, journal: Journal
) -> Iterator[Notice | Progress | Record]:
    with scratch_folder() as scratch:
        here = _stage(job, scratch)
        if Path(here.source).suffix.lower() in DOUBTFUL_SUFFIXES and not opens_as_film(Path(here.source)):
            yield Stray(job.source, "no film, in spite of its name").record()
            return
        work = StoredWork(here.target, _parent(job.target), work_name(journal)) if is_remote(job.target) else None
        if work:
            work.fetch()
        record = None
        with closing(colorize_film(here, config, colorizer)) as course:  # type: ignore[type-var]  # a generator
            for news in course:
                if isinstance(news, Record):
                    record = _told(news, {here.source: job.source, here.target: job.target})
                    continue
                yield replace(news, source=job.source)
                if work and (trouble := work.send()):
                    yield Notice(trouble)
        assert record is not None
        if work and Path(here.target).is_file():
            record = _publish(job, Path(here.target), record, journal)
            work.remove()
        yield record


def _stage(job: StoredFilm, scratch: Path) -> StoredFilm:
    """The same job on this machine: the film is fetched, and the output will be made here if it is to be sent."""
    source, target = job.source, job.target
    if is_remote(source):
        copy = scratch / "in" / PurePosixPath(source).name
        copy.parent.mkdir()
        try:
            fetch_object(source, copy)
            found = find_object(source)
        except InputError as error:
            raise InputError(f"{source}: {error}") from error
        if (found.size, found.mtime) != job.known:
            raise InputError(f"{source}: has changed meanwhile; run again")
        os.utime(copy, ns=(found.mtime, found.mtime))  # work that was begun on another machine is known by it
        source = str(copy)
    if is_remote(target):
        made = scratch / "out" / PurePosixPath(target).name
        made.parent.mkdir()
        target = str(made)
    return replace(job, source=source, target=target, origin=job.source)


def _told(record: Record, places: dict[str, str]) -> Record:
    """A record of where the film lies."""
    reason = record.reason
    for local, place in places.items():
        reason = reason.replace(local, place)
    return replace(record, source=places[record.source], target=places[record.target], reason=reason)


def _publish(job: StoredFilm, film: Path, record: Record, journal: Journal) -> Record:
    journal.begin([Beginning(job.target, job.stamp(), "", job.source, tells=False)])
    send_file(film, job.target)
    outcome, seconds = record.outcome, record.seconds
    trouble = journal.note(job.target, job.stamp(), outcome, seconds, record.reason, source=job.source)
    return replace(record, reason="; ".join(filter(None, (record.reason, trouble))))
