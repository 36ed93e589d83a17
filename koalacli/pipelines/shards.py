"""`koala colorize photos-{00000..00999}.tar color/`: shards in, shards of the same names out.

The unit of resume is the shard: it is unpacked to a local folder, colored, and put in place whole. On a cluster each
worker has one at a time.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, takewhile
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.engines import start_engine
from koalacli.engines.cluster import RayEngine
from koalacli.engines.pool import Ended
from koalacli.engines.worker import Predictor, Worker
from koalacli.errors import InputError, OutputError, StorageFullError, UsageError, writing_errors
from koalacli.io.files import new_file
from koalacli.io.paths import Job, output_name, parse_shard, refuse_settings, shard_of
from koalacli.io.picture.codecs import codec_of
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.storage import check_writable, find_object, is_remote, local_copy, new_object
from koalacli.io.store_journal import open_journal
from koalacli.io.store_plan import StoredJob
from koalacli.io.tar import Member, find_shards, pack, unpack
from koalacli.journal import CarriedJournal, Journal
from koalacli.journal_lines import Beginning, Entry
from koalacli.photograph.existing import decide_existing
from koalacli.process import worker_count
from koalacli.records import Notice, Outcome, Record, Started
from koalacli.weights_files import WeightsFile

Coloring = Callable[[list[Job]], Iterator[Started | Notice | Record]]


def colorize_shards(
    source: str, output: str, config: ColorizeConfig, colorizer: Predictor | None
) -> Iterator[Started | Notice | Record]:
    """Colorize the pictures in tar shards; everything else in them is kept as it is.

    Yields:
        Started once, a Record per picture, and one per shard that needs no work or cannot be had.

    Raises:
        KoalaError: the request itself cannot be met.
        StorageFullError: in the middle; shards that are in place are whole.
    """
    _refuse(output, config)
    shards = find_shards(source)
    check_side_outputs(side_outputs(config), [config.weights, output, *shards])
    if config.shard:
        part, parts = parse_shard(config.shard)
        shards = [name for name in shards if shard_of(Path(Path(name).name), parts) == part]
    # Pictures go through a scratch folder, which keeps no journal: only shards are noted.
    engine = start_engine(replace(config, on_exist="overwrite"), None, colorizer)
    known = engine.journal.settings, engine.journal.weights
    journal = open_journal(output if is_remote(output) else Path(output), *known, every=0.0)
    decided: deque[Record] = deque()
    jobs = _undecided(shards, output, config, journal, decided)
    first = next(jobs, None)
    work = chain([first] if first else [], jobs)
    started = Started(0, "none" if config.dry_run else "", config.weights, 0)
    news: Iterator[Started | Notice | Record]
    if config.dry_run or not first:
        news = chain([started], (Record(job.source, job.target, Outcome.PLANNED) for job in work))
    elif isinstance(engine, RayEngine):
        folders = () if is_remote(output) else (output,)
        make = partial(ShardHand, config, output, known)
        news = engine.spread(make, work, journal, folders, largest=1)
    else:
        news = chain([started], _make_here(work, config, engine.run, journal))
    try:
        for one in news:
            for told in (one, *decided):
                yield told
                if config.fail_fast and isinstance(told, Record) and told.outcome == Outcome.FAILED:
                    return
            decided.clear()
        yield from decided
    finally:
        trouble = journal.close()
    if trouble:
        yield Notice(trouble)


def _refuse(output: str, config: ColorizeConfig) -> None:
    refuse_settings(config)
    if config.hints or config.decisions or config.manifest or config.preserve_times:
        raise UsageError(
            "--hints, --decisions, --manifest and --preserve-times do not reach into tar shards; unpack them"
        )
    if is_remote(output):
        check_writable(output)


def _undecided(
    shards: list[str], output: str, config: ColorizeConfig, journal: Journal, decided: deque[Record]
) -> Iterator[Job]:
    """The shards that need work, each named in the journal before; records of all others are put aside."""
    for name in shards:
        target = f"{output.rstrip('/')}/{Path(name).name}"
        try:
            job = _job(name, target)
            record = decide_existing(job, config, journal)
        except (InputError, OutputError) as error:
            decided.append(Record(name, target, Outcome.FAILED, str(error)))
            continue
        if record:
            decided.append(record)
            continue
        if not config.dry_run:  # one that is there does not tell whether pictures were left out of it
            journal.begin([Beginning(job.target, job.stamp(), "", job.source, tells=False)])
        yield job


def _job(shard: str, target: str) -> Job:
    if not is_remote(shard):
        return Job(shard, target)
    found = find_object(shard)
    return StoredJob(shard, target, (found.size, found.mtime))


def _make_here(
    jobs: Iterator[Job], config: ColorizeConfig, colorize: Coloring, journal: Journal
) -> Iterator[Notice | Record]:
    for job in jobs:
        yield from make_shard(job, config, colorize, journal)


class ShardHand:
    """See `outfit.Hand`: colorizes shards.

    Args:
        config: see ColorizeConfig.
        output: the output folder.
        known: digests of settings and weights, for the journal.
        network: weights, or a network that is loaded already.
    """

    def __init__(self, config: ColorizeConfig, output: str, known: tuple[str, str], network: Predictor | WeightsFile):
        self._journal = CarriedJournal(Path(output), *known)
        workers = worker_count(config.workers or config.ray_cpus)
        self._config = replace(config, on_exist="overwrite", workers=workers)
        self._worker = Worker(self._config, None, network)

    @property
    def colorizer(self) -> Predictor:
        """See Hand."""
        return self._worker.colorizer

    def run(self, jobs: list[Job], stopped: Callable[[], bool]) -> Iterator[tuple[Ended, Entry | None]]:
        """See Hand."""

        def colorize(pictures: list[Job]) -> Iterator[Notice | Record]:
            return self._worker.run(takewhile(lambda _: not stopped(), pictures))

        for job in jobs:
            told = tuple(make_shard(job, self._config, colorize, self._journal))
            if stopped():
                return
            yield Ended(job.source, job.target, told), self._journal.take(job.target)


def make_shard(job: Job, config: ColorizeConfig, colorize: Coloring, journal: Journal) -> Iterator[Notice | Record]:
    """One shard.

    Args:
        job: the shards.
        config: of the pictures in it.
        colorize: a work list of pictures in local folders -> what becomes of them; where it ends early, so does this.
        journal: keeps what has become of the shard.

    Raises:
        StorageFullError: here, or where it goes.
    """
    try:
        with writing_errors(tempfile.gettempdir()), tempfile.TemporaryDirectory(prefix="koala-") as scratch:
            yield from _colorize_shard(job, Path(scratch), config, colorize, journal)
    except InputError as error:
        reason = f"{job.source}: {error}"
        journal.note(job.target, job.stamp(), Outcome.FAILED, 0.0, reason)
        yield Record(job.source, job.target, Outcome.FAILED, reason)
    except StorageFullError:
        raise
    except OutputError as error:
        yield Record(job.source, job.target, Outcome.FAILED, str(error))


def _colorize_shard(
    job: Job, scratch: Path, config: ColorizeConfig, colorize: Coloring, journal: Journal
) -> Iterator[Notice | Record]:
    stamp, before, after = job.stamp(), scratch / "in", scratch / "out"
    if is_remote(job.source):
        with local_copy(job.source) as copy:
            members = unpack(Path(copy.name), before)
    else:
        members = unpack(Path(job.source), before)
    names = {member: output_name(Path(member.name), config).as_posix() for member in members}
    pictures = [member for member in members if codec_of(Path(member.name))]
    if len({names[member] for member in pictures}) < len(pictures):
        raise InputError("two pictures in it would get one name; use --suffix")
    inner = [Job(str(before / member.name), str(after / names[member])) for member in pictures]
    left_out: set[str] = set()
    done = 0
    for news in colorize(inner) if inner else ():
        if isinstance(news, Record):
            done += 1
            left_out |= {news.source} if news.outcome == Outcome.FAILED else set()
            yield _told(news, job, before, after)
        elif isinstance(news, Notice):
            yield news
    if done < len(inner):
        return

    def file_of(member: Member) -> tuple[str, Path]:
        made = after / names[member]
        return (names[member], made) if made.is_file() else (member.name, before / member.name)

    kept = [member for member in members if str(before / member.name) not in left_out]
    with new_object(job.target) if is_remote(job.target) else new_file(Path(job.target)) as file:
        pack(kept, file_of, file)
    outcome = Outcome.FAILED if left_out else Outcome.DONE
    reason = f"{job.source}: {len(left_out)} of {len(pictures)} pictures failed and were left out" if left_out else ""
    if trouble := journal.note(job.target, stamp, outcome, 0.0, reason, source=job.source):
        yield Notice(trouble)


def _told(record: Record, job: Job, before: Path, after: Path) -> Record:
    """A record as of the shard, not of the scratch folder."""
    source = record.source.replace(str(before), job.source)
    target = record.target.replace(str(after), job.target)
    reason = record.reason.replace(str(before), job.source).replace(str(after), job.target)
    return replace(record, source=source, target=target, reason=reason)
