"""Outputs that are there already: whether an input needs work."""

import os
from dataclasses import replace
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.control.bind import ProposalsJob, digest_of
from koalacli.errors import writing_errors
from koalacli.io.arguments import STREAM
from koalacli.io.paths import Job, sidecars_of
from koalacli.io.storage import is_remote
from koalacli.journal import Journal
from koalacli.journal_lines import BEGUN, Entry
from koalacli.photograph.proposals import has_all, refuse_strangers
from koalacli.records import Outcome, Record


def decide_existing(job: Job, config: ColorizeConfig, journal: Journal) -> Record | None:
    """The record for an input that needs no work; None if it has to be done.

    Raises:
        OutputError: its output exists and --on-exist error was asked for, or cannot exist.
    """
    if job.target == STREAM or config.on_exist == "overwrite":
        return None
    entry, stamp = journal.find(job.target), job.stamp()
    fresh = entry is not None and journal.is_current(entry, stamp, digest_of(job))
    if entry and fresh and entry.outcome == Outcome.FAILED and not config.retry_failed:
        return Record(job.source, job.target, Outcome.FAILED, f"{entry.reason} (as before; see --retry-failed)")
    kept = journal.keeps(job.target, stamp, config.on_exist, digest_of(job))
    if isinstance(job, ProposalsJob) and not (kept and has_all(job)):
        refuse_strangers(job)
        return None
    if not kept or (entry and not _is_whole(entry, job)):
        return None
    if entry and entry.outcome == BEGUN and not config.dry_run:
        journal.append(replace(entry, outcome=str(Outcome.DONE)))
    if config.preserve_times and entry and not config.dry_run:
        with writing_errors(job.target):
            os.utime(job.target, ns=times_of(job.source))
    return Record(job.source, job.target, Outcome.SKIPPED, "output exists", kind="there already")


def _is_whole(entry: Entry, job: Job) -> bool:
    """Whether an output that is there is all there is of it: of a killed run, sidecars may be missing."""
    if entry.outcome != BEGUN or is_remote(job.source) or is_remote(job.target):
        return True
    return not sidecars_of(Path(job.source))


def times_of(path: str) -> tuple[int, int]:
    """Access and modification time, nanoseconds."""
    status = Path(path).stat()
    return status.st_atime_ns, status.st_mtime_ns
