"""`koala colorize`: black-and-white pictures in, color pictures out."""

from collections.abc import Iterator

from koalacli.config import ColorizeConfig
from koalacli.engines import local
from koalacli.errors import UsageError
from koalacli.io.files import remove_leftovers
from koalacli.io.paths import Plan, make_plan
from koalacli.photograph.journey import decide_existing
from koalacli.records import Outcome, Record, Started


def colorize(source: str, output: str, config: ColorizeConfig) -> Iterator[Started | Record]:
    """Colorize a file, a folder, a glob or standard input.

    Args:
        source: path, glob or `-`.
        output: folder, file or `-`.
        config: see ColorizeConfig.

    Yields:
        Started once, then one Record per input, strays included.

    Raises:
        KoalaError: the request itself cannot be met; nothing has been written then.
        StorageFullError: in the middle; what is written is whole.
    """
    if not 1 <= config.quality <= 100:
        raise UsageError(f"--quality {config.quality}: give a number from 1 to 100")
    if config.max_pixels < 1:
        raise UsageError(f"--max-pixels {config.max_pixels}: give a positive number")
    plan = make_plan(source, output, config)
    strays = [stray.record() for stray in plan.strays]
    if config.dry_run:
        yield from _rehearse(plan, strays, config)
        return
    for folder in plan.folders:
        remove_leftovers(folder)
    for number, record in enumerate(local.run_jobs(plan.jobs, config, plan.output_folder, len(strays))):
        yield record
        if number == 0:
            yield from strays
        if config.fail_fast and isinstance(record, Record) and record.outcome == Outcome.FAILED:
            return


def _rehearse(plan: Plan, strays: list[Record], config: ColorizeConfig) -> Iterator[Started | Record]:
    yield Started(len(plan.jobs) + len(strays), "none", config.weights, 0)
    journal = local.open_journal(plan.output_folder, config)
    for job in plan.jobs:
        yield decide_existing(job, config, journal) or Record(job.source, job.target, Outcome.PLANNED)
    yield from strays
