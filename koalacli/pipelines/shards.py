"""`koala colorize photos-{00000..00999}.tar color/`: shards in, shards of the same names out.

The unit of resume is the shard: it is unpacked to a local folder, colored, and put in place whole.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.engines import Engine, start_engine
from koalacli.engines.worker import Predictor
from koalacli.errors import InputError, OutputError, UsageError, writing_errors
from koalacli.io.files import new_file
from koalacli.io.paths import Job, output_name, parse_shard, refuse_settings, shard_of
from koalacli.io.picture.codecs import codec_of
from koalacli.io.storage import check_writable, find_object, is_remote, local_copy, new_object
from koalacli.io.store_journal import open_journal
from koalacli.io.store_plan import StoredJob
from koalacli.io.tar import Member, find_shards, pack, unpack
from koalacli.journal import Journal
from koalacli.photograph.existing import decide_existing
from koalacli.records import Notice, Outcome, Record, Started


def colorize_shards(
    source: str, output: str, config: ColorizeConfig, colorizer: Predictor | None
) -> Iterator[Started | Notice | Record]:
    """Colorize the pictures in tar shards; everything else in them is kept as it is.

    Yields:
        Started once, a Record per picture, and one per shard that needs no work or cannot be had.

    Raises:
        KoalaError: the request itself cannot be met.
    """
    _refuse(output, config)
    shards = find_shards(source)
    if config.shard:
        part, parts = parse_shard(config.shard)
        shards = [name for name in shards if shard_of(Path(Path(name).name), parts) == part]
    # Pictures go through a scratch folder, which keeps no journal: only shards are noted.
    engine = start_engine(replace(config, on_exist="overwrite"), None, colorizer)
    known = engine.journal.settings, engine.journal.weights
    journal = open_journal(output if is_remote(output) else Path(output), *known)
    yield Started(0, "none" if config.dry_run else "", config.weights, 0)
    try:
        for name in shards:
            job = _job(name, f"{output.rstrip('/')}/{Path(name).name}")
            for news in _do_shard(job, config, engine, journal):
                yield news
                if config.fail_fast and isinstance(news, Record) and news.outcome == Outcome.FAILED:
                    return
    finally:
        journal.close()


def _refuse(output: str, config: ColorizeConfig) -> None:
    refuse_settings(config)
    if config.ray:
        raise UsageError("--ray: tar shards are divided by --shard i/n so far; run that on each machine")
    if config.hints or config.decisions or config.manifest or config.preserve_times:
        raise UsageError(
            "--hints, --decisions, --manifest and --preserve-times do not reach into tar shards; unpack them"
        )
    if is_remote(output):
        check_writable(output)


def _job(shard: str, target: str) -> Job:
    if not is_remote(shard):
        return Job(shard, target)
    found = find_object(shard)
    return StoredJob(shard, target, (found.size, found.mtime))


def _do_shard(job: Job, config: ColorizeConfig, engine: Engine, journal: Journal) -> Iterator[Notice | Record]:
    try:
        decided = decide_existing(job, config, journal)
        if decided or config.dry_run:
            yield decided or Record(job.source, job.target, Outcome.PLANNED)
            return
        with writing_errors(tempfile.gettempdir()), tempfile.TemporaryDirectory(prefix="koala-") as scratch:
            yield from _colorize_shard(job, Path(scratch), config, engine, journal)
    except InputError as error:
        reason = f"{job.source}: {error}"
        journal.note(job.target, job.stamp(), Outcome.FAILED, 0.0, reason)
        yield Record(job.source, job.target, Outcome.FAILED, reason)
    except OutputError as error:
        yield Record(job.source, job.target, Outcome.FAILED, str(error))


def _colorize_shard(
    job: Job, scratch: Path, config: ColorizeConfig, engine: Engine, journal: Journal
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
    for news in engine.run(inner) if inner else []:
        if isinstance(news, Record):
            left_out |= {news.source} if news.outcome == Outcome.FAILED else set()
            yield _told(news, job, before, after)
        elif isinstance(news, Notice):
            yield news

    def file_of(member: Member) -> tuple[str, Path]:
        made = after / names[member]
        return (names[member], made) if made.is_file() else (member.name, before / member.name)

    kept = [member for member in members if str(before / member.name) not in left_out]
    with new_object(job.target) if is_remote(job.target) else new_file(Path(job.target)) as file:
        pack(kept, file_of, file)
    outcome = Outcome.FAILED if left_out else Outcome.DONE
    reason = f"{job.source}: {len(left_out)} of {len(pictures)} pictures failed and were left out" if left_out else ""
    if trouble := journal.note(job.target, stamp, outcome, 0.0, reason):
        yield Notice(trouble)


def _told(record: Record, job: Job, before: Path, after: Path) -> Record:
    """A record as of the shard, not of the scratch folder."""
    source = record.source.replace(str(before), job.source)
    target = record.target.replace(str(after), job.target)
    reason = record.reason.replace(str(before), job.source).replace(str(after), job.target)
    return replace(record, source=source, target=target, reason=reason)
