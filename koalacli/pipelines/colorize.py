"""`koala colorize`: black-and-white pictures in, color pictures out."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig
from koalacli.control.bind import ProposalsJob, ReferencedJob, bind_hints
from koalacli.control.decisions import Decided, apply_decisions, color_settings, settings_of_run
from koalacli.control.palette import find_palette
from koalacli.control.references import reference_digest, reference_files
from koalacli.engines import Engine, start_engine
from koalacli.engines.worker import Predictor
from koalacli.errors import OutputError, UsageError
from koalacli.io.arguments import default_output
from koalacli.io.files import file_digest, remove_leftovers
from koalacli.io.manifest import write_manifest
from koalacli.io.paths import Job, Plan, make_plan
from koalacli.io.rules import config_for
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.storage import is_remote
from koalacli.io.store_plan import check_stored, is_lone, is_stored, output_folder, plan_stored
from koalacli.io.tar import is_shards
from koalacli.io.walk import Stray
from koalacli.journal import Journal
from koalacli.photograph.existing import decide_existing
from koalacli.photograph.journey import COPIED
from koalacli.pipelines.refusals import check_proposals, check_reference, check_reports, for_layers
from koalacli.pipelines.shards import colorize_shards
from koalacli.records import Notice, Outcome, Phase, Record, Started
from koalacli.settings import read_out_of, shaping_settings
from koalacli.version import __version__


def colorize(
    source: str | Sequence[str], output: str, config: ColorizeConfig, colorizer: Predictor | None = None
) -> Iterator[Started | Notice | Phase | Record]:
    """Colorize files, folders, globs, standard input, or what lies in an object store.

    Args:
        source: path, glob, URL or `-`, or several paths.
        output: folder, file, URL or `-`; if empty, beside the input.
        config: see ColorizeConfig.
        colorizer: a network that is loaded already; by default the one that config asks for.

    Yields:
        Started once, then one Record per input, strays included; a Notice where there is one to give.

    Raises:
        KoalaError: the request itself cannot be met; nothing has been written then.
        StorageFullError: in the middle; what is written is whole.

    Where --hints has entries that are wrong, each of them is a failed Record, and nothing else is done. Where
    --decisions has some, each is a failed Record, their pictures are not written, and the others are.
    """
    if config.layer:
        config = for_layers(config)
    sources = [source] if isinstance(source, str) else list(source)
    if not output:
        if any(map(is_shards, sources)):
            raise UsageError(f"{sources[0]}: say where its output goes with -o")
        output, mark = default_output(sources)
        config = replace(config, suffix=config.suffix or mark * (not config.name))
    copied = 0
    for record in _records(sources, output, config, colorizer):
        yield record
        copied += isinstance(record, Record) and record.kind == COPIED
    if copied and config.colored == "auto":
        yield Notice(f"{copied} in color already: copied; --colored recolor makes their color anew")


def _records(
    sources: list[str], output: str, config: ColorizeConfig, colorizer: Predictor | None
) -> Iterator[Started | Notice | Phase | Record]:
    """The way for where inputs and outputs lie."""
    if config.rules and any(is_remote(place) or is_shards(place) for place in (*sources, output)):
        raise UsageError(f"{config.rules[0].pattern!r}: settings by folder are for folders on this machine")
    if config.proposals > 1:
        check_proposals((*sources, output), config)
    if config.reference or config.palette:
        check_reference((*sources, output), config)
    if len(sources) == 1 and is_shards(sources[0]):
        return colorize_shards(sources[0], output, config, colorizer)
    if len(sources) == 1 and is_stored(sources[0], output):
        return _colorize_stored(sources[0], output, config, colorizer)
    if any(is_remote(place) or is_shards(place) for place in (*sources, output)):
        raise UsageError("object stores and tar shards take one INPUT and one OUTPUT")
    return _colorize_local(sources, output, config, colorizer)


def _colorize_local(
    sources: list[str], output: str, config: ColorizeConfig, colorizer: Predictor | None
) -> Iterator[Started | Notice | Phase | Record]:
    source = sources[0]
    plan = make_plan(sources, output, config)
    config = replace(config, alone=len(sources) == 1 and os.path.isfile(source))  # noqa: PTH113 - nor is a name that is too long
    check_reports(plan, sources, output, config)
    jobs, faults = bind_hints(config.hints, source, plan.jobs, config.reviewer) if config.hints else (plan.jobs, [])
    if faults:
        yield Started(len(faults), "none", config.weights, 0)
        yield from (Record(name, "", Outcome.FAILED, f"{config.hints}: {name}: {reason}") for name, reason in faults)
        return
    by_people = Decided(jobs, [], [])
    if config.decisions:
        run = (colorizer.weights.digest, colorizer.read_out) if isinstance(colorizer, Colorizer) else None
        settings = color_settings(*run) if run else settings_of_run(config.weights, read_out_of(config))
        by_people = apply_decisions(config.decisions, source, jobs, config.reviewer, settings)
    jobs = by_people.jobs
    if config.reference or config.palette:
        jobs = _referenced(jobs, config)
    if config.proposals > 1:
        jobs = _several(jobs, config.proposals)
    work: list[tuple[Engine, list[Job]]] = []
    decided = [*(stray.record() for stray in plan.strays), *by_people.records]
    for part, own in _divide(jobs, plan, config):
        engine = start_engine(part, plan.output_folder, colorizer)
        records, waiting = decide(own, part, engine.journal)
        decided += records
        work.append((engine, waiting))
    count = sum(len(waiting) for _, waiting in work)
    device, settings = "none" if config.dry_run else "", shaping_settings(config)
    started = Started(len(decided) + count, device, config.weights, 0, __version__, settings)
    if config.dry_run:
        yield started
        yield from by_people.notices
        yield from decided
        yield from (Record(job.source, job.target, Outcome.PLANNED) for _, waiting in work for job in waiting)
        return
    for folder in plan.folders:
        remove_leftovers(folder)
    # Without work the network, which takes seconds to load, is not asked for.
    if count:
        yield Phase(f"{count} {'picture' if count == 1 else 'pictures'}; starting the network")
    for record in _run_all(work) if count else [started]:
        news: list[Started | Notice | Record] = [record]
        if isinstance(record, Started):
            start = replace(record, total=started.total, version=__version__, settings=started.settings)
            news = [start, *by_people.notices, *decided]
        for one in news:
            yield one
            if config.fail_fast and isinstance(one, Record) and one.outcome == Outcome.FAILED:
                return
    if config.manifest and plan.output_folder:
        yield Phase("digests of all outputs")
        write_manifest(plan.output_folder, _digests(plan.output_folder, work[0][0].journal.reread()))


def _divide(jobs: list[Job], plan: Plan, config: ColorizeConfig) -> list[tuple[ColorizeConfig, list[Job]]]:
    """Jobs by the settings that hold for them; one part at least."""
    parts: dict[ColorizeConfig, list[Job]] = {}
    for job in jobs:
        part = config_for(config, job.source, plan.relatives.get(job.source, Path(job.source)))
        parts.setdefault(for_layers(part) if part.layer else part, []).append(job)
    return list(parts.items()) or [(config, [])]


def _run_all(work: list[tuple[Engine, list[Job]]]) -> Iterator[Started | Notice | Record]:
    """What all engines yield, one after the other, as if it were one."""
    begun = False
    for engine, waiting in work:
        for record in engine.run(waiting) if waiting else ():
            if not (isinstance(record, Started) and begun):
                yield record
            begun = True


def _digests(folder: Path, journal: Journal) -> Iterator[tuple[str, str, str, str]]:
    """Lines of the manifest: outputs of this run and of earlier ones."""
    for entry in journal.entries():
        path, source = folder / entry.path, Path(os.path.normpath(folder / entry.source))
        if entry.outcome == Outcome.DONE and path.is_file() and (entry.digest or source.is_file()):
            yield entry.path, file_digest(path), entry.source, entry.digest or file_digest(source)


def _referenced(jobs: list[Job], config: ColorizeConfig) -> list[Job]:
    """Jobs that follow a reference or a palette; none may replace one."""
    if config.palette:
        digest, places = f"palette-{find_palette(config.palette, config.max_pixels)[1]}", [Path(config.palette)]
    else:
        place = Path(config.reference)
        digest, places = reference_digest(place), [place] if place.is_file() else reference_files(place)
    kept = {os.path.realpath(place) for place in places}
    for job in jobs:
        if os.path.realpath(job.target) in kept:
            raise UsageError(f"{job.target}: an output would replace a photograph to follow; choose another folder")
    return [ReferencedJob(job.source, job.target, f"{digest}-{config.reference_strength:g}") for job in jobs]


def _several(jobs: list[Job], count: int) -> list[Job]:
    """Jobs that make several colorings each; none may replace an input."""
    sources = {os.path.realpath(job.source) for job in jobs}
    several: list[Job] = []
    for job in jobs:
        made = ProposalsJob.of(job, count)
        for target in (*made.targets, made.sheet):
            if os.path.realpath(target) in sources:
                raise UsageError(f"{job.source}: a proposal would replace the input {target}; choose another folder")
        several.append(made)
    return several


def _colorize_stored(
    source: str, output: str, config: ColorizeConfig, colorizer: Predictor | None
) -> Iterator[Started | Notice | Phase | Record]:
    """The same where inputs or outputs lie in an object store: work begins with the first keys that are listed."""
    if config.manifest:
        raise UsageError("--manifest: is for folders; object stores keep digests of their own")
    check_side_outputs(side_outputs(config), [config.weights])
    check_stored(source, output, config)
    planned = plan_stored(source, output, config)
    config = replace(config, alone=is_lone(source, output))
    engine = start_engine(config, output_folder(source, output), colorizer)
    decided: deque[Record] = deque()
    waiting = _undecided(planned, config, engine.journal, decided)
    first = next(waiting, None)
    work = chain([first] if first else [], waiting)
    device, settings = "none" if config.dry_run else "", shaping_settings(config)
    started = Started(0, device, config.weights, 0, __version__, settings)
    plans = (Record(job.source, job.target, Outcome.PLANNED) for job in work)
    records: Iterator[Started | Notice | Record] = chain([started], plans)
    try:
        for record in records if config.dry_run or not first else engine.run(work):
            if isinstance(record, Started):
                record = replace(record, version=__version__, settings=settings)
            news: list[Started | Notice | Record] = [record, *decided]
            decided.clear()
            for one in news:
                yield one
                if config.fail_fast and isinstance(one, Record) and one.outcome == Outcome.FAILED:
                    return
        yield from decided
    finally:
        trouble = engine.journal.close()
    if trouble:
        yield Notice(trouble)


def _undecided(
    planned: Iterator[Job | Stray], config: ColorizeConfig, journal: Journal, decided: deque[Record]
) -> Iterator[Job]:
    """The jobs that need work, as they are planned; records of all others are put aside."""
    for found in planned:
        if isinstance(found, Stray):
            decided.append(found.record())
            continue
        records, jobs = decide([found], config, journal)
        decided.extend(records)
        yield from jobs


def decide(jobs: list[Job], config: ColorizeConfig, journal: Journal) -> tuple[list[Record], list[Job]]:
    """Records of the jobs that need no work, and the other jobs.

    Readers ask `decide_existing` again: another process may have done a job meanwhile.
    """
    decided: list[Record] = []
    waiting: list[Job] = []
    for job in jobs:
        try:
            record = decide_existing(job, config, journal)
        except OutputError as error:
            record = Record(job.source, job.target, Outcome.FAILED, str(error))
        decided += [record] if record else []
        waiting += [] if record else [job]
    return decided, waiting
