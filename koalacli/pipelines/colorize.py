"""`koala colorize`: black-and-white pictures in, color pictures out."""

from collections.abc import Iterator

from koalacli.config import ColorizeConfig
from koalacli.engines import local
from koalacli.io.paths import make_plan
from koalacli.photograph import decide_existing
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
    plan = make_plan(source, output, config)
    strays = [Record(path, "", Outcome.SKIPPED, "not a picture by its name") for path in plan.strays]
    if config.dry_run:
        yield Started(len(plan.jobs) + len(strays), "none", config.weights, 0)
        for job in plan.jobs:
            yield decide_existing(job, config) or Record(job.source, job.target, Outcome.PLANNED)
        yield from strays
        return
    for number, record in enumerate(local.run_jobs(plan.jobs, config, len(strays))):
        yield record
        if number == 0:
            yield from strays
        if config.fail_fast and isinstance(record, Record) and record.outcome == Outcome.FAILED:
            return
