"""What the user sees of a stream of records: a bar, plain lines, or JSON events; then a summary."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from koalacli.cli.terminal import print_event
from koalacli.errors import OutputError
from koalacli.io.texts import as_json, one_line, write_text
from koalacli.records import Notice, Outcome, Phase, Record, Started

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON event per line on standard output; no bar.")]
QuietFlag = Annotated[bool, typer.Option("-q", "--quiet", help="Show failures only.")]
VerboseFlag = Annotated[bool, typer.Option("-v", "--verbose", help="Show every input, skipped ones too.")]

PLAIN_INTERVAL = 10.0  # seconds between progress lines where there is no terminal


class Display:
    """What all displays share: lines on standard error, or events on standard output.

    Args:
        as_json: events, and nothing else.
        quiet: only what went wrong.
    """

    interval = PLAIN_INTERVAL

    def __init__(self, *, as_json: bool, quiet: bool):
        self.as_json, self.quiet = as_json, quiet
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.last_line = time.perf_counter()

    @property
    def has_bar(self) -> bool:
        """Whether there is a terminal to draw a bar on, and somebody who wants it."""
        return self.console.is_terminal and not (self.quiet or self.as_json)

    def line(self, text: str, style: str = "") -> None:
        """One line, whatever names are in it."""
        self.console.print(one_line(text), style=style or None, markup=False)

    def line_is_due(self) -> bool:
        """Whether it is time for a line of progress where there is no bar; if so, the next one is due later."""
        if self.has_bar or self.quiet or self.as_json or time.perf_counter() - self.last_line < self.interval:
            return False
        self.last_line = time.perf_counter()
        return True


class RecordDisplay(Display):
    """Shows records as they come and sums them up.

    Args:
        as_json, quiet, verbose: the flags above.
        report: file for all records and the summary; empty for none.
        verb: past participle for the summary: colorized.
        unit: what is counted: images.
    """

    def __init__(
        self, *, as_json: bool, quiet: bool, verbose: bool, report: str, verb: str = "colorized", unit: str = "images"
    ):
        super().__init__(as_json=as_json, quiet=quiet)
        self.verbose, self.report, self.verb, self.unit = verbose, report, verb, unit
        self.events: list[dict[str, Any]] = []
        self.outcomes: Counter[Outcome] = Counter()
        self.started = time.perf_counter()
        self.total = 0
        self.device = ""

    def show(self, records: Iterable[Started | Notice | Phase | Record]) -> int:
        """Consume a pipeline; returns the exit code: 0, or 1 if any input failed."""
        try:
            with self._progress() as (progress, task):
                for record in records:
                    self._take(record, progress, task)
        except OutputError:  # standard output takes no more: the report, at least, tells what was done
            self.as_json = False
            raise
        finally:  # an interrupted or failing run still tells what it did
            self._finish()
        return 1 if self.outcomes[Outcome.FAILED] else 0

    def _take(self, record: Started | Notice | Phase | Record, progress: Progress | None, task: TaskID | None) -> None:
        if self.as_json:
            print_event(record.as_event())
        if self.report:
            self.events.append(record.as_event())
        if isinstance(record, Started):
            self.total, self.device = record.total, record.device
            self.started = self.last_line = time.perf_counter()  # loading the network is not the pictures' time
            if progress and task is not None:
                progress.update(task, description=self.verb, total=record.total or None, device=record.device)
            return
        if isinstance(record, Phase):
            if progress and task is not None:
                progress.update(task, description=f"{record.text} …", total=None)  # a bar that goes to and fro
            elif not (self.quiet or self.as_json):
                self.line(f"{record.text} …")
            return
        if isinstance(record, Notice):
            if not (self.quiet or self.as_json):
                self.line(record.text)
            return
        self.outcomes[record.outcome] += 1
        self._say(record)
        done = sum(self.outcomes.values())
        if progress and task is not None:
            progress.update(task, completed=done, rate=f"{self._rate():.1f}", failed=self.outcomes[Outcome.FAILED])
        elif self.line_is_due():
            self.line(
                f"{done}/{self.total or '?'} {self.unit}, {self._rate():.1f}/s, {self.outcomes[Outcome.FAILED]} failed"
            )

    def _say(self, record: Record) -> None:
        if self.as_json:
            return
        if record.outcome == Outcome.FAILED:
            self.line(f"failed: {record.reason}", style="red")
        elif record.outcome == Outcome.PLANNED:
            self.line(f"{record.source} -> {record.target}")
        elif self.verbose or (record.outcome == Outcome.DONE and record.reason and not self.quiet):
            remark = f" ({record.reason})" if record.reason else ""
            self.line(f"{record.outcome}: {record.source}{remark}")

    def _rate(self) -> float:
        return self.outcomes[Outcome.DONE] / max(time.perf_counter() - self.started, 1e-9)

    @contextmanager
    def _progress(self) -> Iterator[tuple[Progress | None, TaskID | None]]:
        if not self.has_bar:
            yield None, None
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} " + self.unit + "/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]} failed · {task.fields[device]}"),
        )
        with Progress(*columns, console=self.console) as progress:
            yield progress, progress.add_task("loading", total=None, rate="-", failed=0, device="")

    def _finish(self) -> None:
        seconds = time.perf_counter() - self.started
        summary = {
            "event": "summary",
            **{str(outcome): self.outcomes[outcome] for outcome in Outcome if outcome != Outcome.PLANNED},
            "planned": self.outcomes[Outcome.PLANNED],
            "seconds": round(seconds, 3),
            "images_per_second": round(self._rate(), 3),
            "device": self.device,
        }
        if self.report:
            write_text(Path(self.report), as_json([*self.events, summary], indent=1))
        if self.as_json:
            print_event(summary)
        elif not self.quiet and self.outcomes:
            self.line(self._summary_line(seconds), style="red" if self.outcomes[Outcome.FAILED] else "green")

    def _summary_line(self, seconds: float) -> str:
        if self.outcomes[Outcome.PLANNED]:
            return f"would do {self.outcomes[Outcome.PLANNED]}, skip {self.outcomes[Outcome.SKIPPED]}; nothing was done"
        return (
            f"{self.outcomes[Outcome.DONE]} {self.unit} {self.verb}, {self.outcomes[Outcome.SKIPPED]} skipped, "
            f"{self.outcomes[Outcome.FAILED]} failed; {seconds:.1f} s, {self._rate():.1f} {self.unit}/s"
            f"{' on ' * bool(self.device)}{self.device}"
        )
