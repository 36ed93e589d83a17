"""`koala colorize --watch`: a folder into which pictures come, and which are colored as they do."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from koalacli.config import ColorizeConfig
from koalacli.engines import Engine, start_engine
from koalacli.engines.worker import Predictor
from koalacli.errors import NothingMatchedError, UsageError
from koalacli.io.files import remove_leftovers
from koalacli.io.paths import Job, Plan, make_plan
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.journal import JOURNAL
from koalacli.journal_lines import Stamp
from koalacli.pipelines.colorize import decide
from koalacli.pipelines.refusals import for_layers
from koalacli.records import Notice, Outcome, Record, Started
from koalacli.settings import shaping_settings
from koalacli.version import __version__

STILL = 2.0  # seconds for which size and time of a file have to stand still
POLL = 0.5  # seconds between two looks at the folder


def watch(
    source: str, output: str, config: ColorizeConfig, stop: threading.Event, colorizer: Predictor | None = None
) -> Iterator[Started | Notice | Record]:
    """Colorize what lies in a folder and what comes into it, until asked to stop.

    A file is taken when its size and time have stood still for two seconds. One that cannot be decoded then may be
    half of a file: a Notice says so, it is tried again when it has changed, and only in the end it is a failed Record.

    Args:
        source, output: folders.
        config: see ColorizeConfig.
        stop: ends it; what is in progress is finished.
        colorizer: see `colorize`.

    Raises:
        UsageError: what is asked for does not go together with watching.
        KoalaError: as `colorize`.
    """
    _check(source, output, config)
    config = for_layers(config) if config.layer else config
    engine = start_engine(config, Path(output), colorizer)
    yield Started(0, "", config.weights, 0, __version__, shaping_settings(config))
    if Path(output).is_dir():
        remove_leftovers(Path(output))
    yield Notice(f"watching {source}; Ctrl-C ends")
    folder = _Folder()
    while not stop.is_set():
        try:
            plan = make_plan(source, output, config)
        except NothingMatchedError:
            plan = Plan([], [])
        except UsageError as error:  # two inputs for one output: until one of them goes
            plan = Plan([], [])
            yield from folder.tell(str(error))
        yield from folder.new_strays(plan)
        if ready := folder.take_ready(plan.jobs, time.monotonic()):
            yield from _colorize(ready, folder, engine, config, stop)
        stop.wait(POLL)
    yield from folder.failed.values()


def _check(source: str, output: str, config: ColorizeConfig) -> None:
    if not Path(source).is_dir():
        raise UsageError(f"{source}: --watch is for a folder that is there")
    given = {"--hints": config.hints, "--decisions": config.decisions, "--manifest": config.manifest}
    given |= {"settings by folder": config.rules}
    given |= {"--dry-run": config.dry_run, "--on-exist error": config.on_exist == "error"}
    if together := [name for name, value in given.items() if value]:
        raise UsageError(f"{together[0]} and --watch do not go together")
    check_side_outputs(side_outputs(config), [config.weights, source, output, Path(output) / JOURNAL])


def _colorize(
    jobs: list[Job], folder: "_Folder", engine: Engine, config: ColorizeConfig, stop: threading.Event
) -> Iterator[Notice | Record]:
    engine.journal.refresh()
    decided, waiting = decide(jobs, config, engine.journal)
    for record in decided:
        yield from folder.ended(record)
    if not waiting:
        return
    with closing(engine.run(waiting)) as records:  # type: ignore[type-var]  # a generator
        for made in records:
            if isinstance(made, Record):
                yield from folder.ended(made)
            elif isinstance(made, Notice):
                yield made
            if stop.is_set():
                return


@dataclass
class _Folder:
    """What is known of the files in a watched folder.

    Attributes:
        seen: state of each file, and since when it is in it.
        taken: state in which each file was taken.
        failed: records of files that could not be done as they are.
        told: what was said already.
    """

    seen: dict[str, tuple[Stamp, float]] = field(default_factory=dict)
    taken: dict[str, Stamp] = field(default_factory=dict)
    failed: dict[str, Record] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def take_ready(self, jobs: list[Job], now: float) -> list[Job]:
        """Jobs whose file stands still since long enough and was not taken as it is."""
        ready = []
        seen: dict[str, tuple[Stamp, float]] = {}
        for job in jobs:
            stamp = job.stamp()
            before, since = self.seen.get(job.source, ((-1, -1), now))
            seen[job.source] = (stamp, since if stamp == before else now)
            if now - seen[job.source][1] >= STILL and self.taken.get(job.source) != stamp:
                self.taken[job.source] = stamp
                ready.append(job)
        self.seen = seen
        self.failed = {name: record for name, record in self.failed.items() if name in seen}
        return ready

    def ended(self, record: Record) -> Iterator[Notice | Record]:
        """What to say of a file that was done, or could not be."""
        if record.outcome != Outcome.FAILED:
            self.failed.pop(record.source, None)
            yield record
            return
        self.failed[record.source] = replace(record, seconds=0.0)
        yield Notice(f"waiting for it to change: {record.reason}")

    def new_strays(self, plan: Plan) -> Iterator[Record]:
        """Records of files that are no pictures, once each."""
        for stray in plan.strays:
            if stray.path not in self.told:
                self.told.add(stray.path)
                yield stray.record()

    def tell(self, text: str) -> Iterator[Notice]:
        """A Notice, unless it was given already."""
        if text not in self.told:
            self.told.add(text)
            yield Notice(text)
