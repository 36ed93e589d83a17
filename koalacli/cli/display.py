"""What the user sees of a stream of records: a bar, plain lines, or JSON events; then a summary."""

import time
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile
from typing import Annotated, Any

import typer
from rich.console import Console

from koalacli.cli.log import log
from koalacli.cli.reports import write_report
from koalacli.cli.screen import Screen, broken, counted, joined, short_name, speed, time_left
from koalacli.cli.terminal import print_event
from koalacli.errors import OutputError
from koalacli.io.texts import one_line
from koalacli.records import Notice, Outcome, Phase, Record, Started

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON event per line on standard output; no bar.")]
QuietFlag = Annotated[bool, typer.Option("-q", "--quiet", help="Show failures only.")]
VerboseFlag = Annotated[bool, typer.Option("-v", "--verbose", help="Show every input, skipped ones too.")]

WORDS = {  # of kinds, where the summary counts one of them, and where it counts several
    "no picture": ("no picture", "no pictures"),
    "a film": ("film", "films"),
    "copied, a print on a table: crop it": (
        "copied, a print on a table: crop it",
        "copied, prints on a table: crop them",
    ),
}
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
        report: file for all records, see `cli.reports`; empty for none.
        gallery: page for all records; empty for none.
        begin: where in their sources films begin, seconds.
        verb: past participle for the summary: colorized.
        unit: what is counted: images.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        quiet: bool,
        verbose: bool,
        report: str,
        gallery: str = "",
        begin: float = 0.0,
        verb: str = "colorized",
        unit: str = "pictures",
    ):
        super().__init__(as_json=as_json, quiet=quiet)
        self.verbose, self.verb, self.unit = verbose, verb, unit
        self.reports = [path for path in (report, gallery) if path]
        self.begin = begin
        self.events: list[dict[str, Any]] = []  # for reports, as the next
        self.records: list[Record] = []
        self.begun = False  # a request that is refused has no report: its place may be why
        self.outcomes: Counter[Outcome] = Counter()
        self.kinds: Counter[tuple[Outcome, str]] = Counter()  # as the summary tells them
        self.folders: set[str] = set()  # of outputs
        self.began = self.started = time.perf_counter()
        self.first: float | None = None  # clock when the first picture was done
        self.total = 0
        self.device = ""
        self.screen = Screen(self.console) if self.has_bar else None

    def show(self, records: Iterable[Started | Notice | Phase | Record]) -> int:
        """Consume a pipeline; returns the exit code: 0, or 1 if any input failed."""
        try:
            for record in records:
                self._take(record)
        except OutputError:  # standard output takes no more: the report, at least, tells what was done
            self.as_json = False
            raise
        finally:  # an interrupted or failing run still tells what it did
            if self.screen:
                self.screen.close()
            self._finish()
        return 1 if self.outcomes[Outcome.FAILED] else 0

    def _take(self, record: Started | Notice | Phase | Record) -> None:
        self.begun = True
        begins = isinstance(record, Phase) and not self.device  # a stream of events begins with that of the start
        if self.as_json and not begins:
            print_event(record.as_event())
        if self.reports and not begins:
            self.events.append(record.as_event())
            self.records += [record] if isinstance(record, Record) else []
        log(log_line(record))
        if isinstance(record, Started):
            self.total, self.device = record.total, record.device
            self.started = self.last_line = time.perf_counter()  # loading the network is not the pictures' time
            self._show_count()
        elif isinstance(record, Phase):
            if self.screen:
                self.screen.wait(f"{record.text} …")
            elif not (self.quiet or self.as_json):
                self.line(f"{record.text} …")
        elif isinstance(record, Notice):
            if not (self.quiet or self.as_json):
                self.line(record.text)
        else:
            self._count(record)
            self._say(record)
            self._show_count()

    def _count(self, record: Record) -> None:
        self.outcomes[record.outcome] += 1
        self.kinds[record.outcome, record.kind] += 1
        if record.outcome == Outcome.DONE:
            self.first = self.first or time.perf_counter()
        if record.outcome == Outcome.DONE and record.target not in ("", "-"):
            self.folders.add(record.target.rpartition("/")[0] or ".")

    def _show_count(self) -> None:
        done = sum(self.outcomes.values())
        failed = f"{self.outcomes[Outcome.FAILED]} failed" * bool(self.outcomes[Outcome.FAILED])
        if self.screen:
            rate = speed(self._rate(), self.unit) * bool(self.outcomes[Outcome.DONE])
            since = time.perf_counter() - (self.first or time.perf_counter())
            left = time_left(self.total - done, self.outcomes[Outcome.DONE] - 1, since)
            self.screen.count(f"{done}/{self.total or '?'}", done, self.total, joined(rate, left, failed))
        elif done and self.line_is_due():
            self.line(f"{done}/{self.total or '?'} {joined(self.unit, speed(self._rate(), self.unit), failed)}")

    def _say(self, record: Record) -> None:
        if self.as_json:
            return
        if record.outcome == Outcome.FAILED:
            self.line(f"failed: {record.reason}", style="red")
        elif record.outcome == Outcome.PLANNED:
            told = f" ({record.reason})" if record.reason else ""
            self.line(f"{record.source} -> {record.target}{told}")
        elif self.verbose or (record.outcome == Outcome.DONE and record.reason and not (self.quiet or record.kind)):
            remark = f" ({record.reason})" if record.reason else ""
            self.line(f"{record.outcome}: {record.source}{remark}")

    def _rate(self) -> float:
        return self.outcomes[Outcome.DONE] / max(time.perf_counter() - self.started, 1e-9)

    def _finish(self) -> None:
        seconds = time.perf_counter() - self.began
        summary = {
            "event": "summary",
            **{str(outcome): self.outcomes[outcome] for outcome in Outcome if outcome != Outcome.PLANNED},
            "planned": self.outcomes[Outcome.PLANNED],
            "seconds": round(seconds, 3),
            "images_per_second": round(self._rate(), 3),
            "device": self.device,
        }
        told = self._summary_line(seconds) if self.outcomes else ""
        log(told)
        for path in self.reports if self.begun else ():
            if self.screen and path.lower().endswith(".html"):
                self.screen.wait(f"pictures for {short_name(path)} …")  # all are opened once more
            write_report(path, [*self.events, summary], self.records, self.begin)
        if self.screen:
            self.screen.close()
        if self.as_json:
            print_event(summary)
        elif not self.quiet and self.outcomes:
            style = "red" if self.outcomes[Outcome.FAILED] else "green"
            for line in broken(told, self.console.width) if self.console.is_terminal else [told]:
                self.line(line, style=style)
            for path in self.reports:
                self.line(f"written: {path}")

    def _summary_line(self, seconds: float) -> str:
        if self.outcomes[Outcome.PLANNED]:
            return joined(f"would do {self.outcomes[Outcome.PLANNED]}", *self._others(), "nothing was done")
        rate = speed(self._rate(), self.unit) if self.outcomes[Outcome.DONE] else ""
        fast = f"{rate} on {self.device}" * bool(rate and self.device)
        made = self.kinds[Outcome.DONE, ""]
        told = f"{counted(made, self.unit)} {self.verb}" * bool(made or self.outcomes[Outcome.FAILED])
        place = f" → {common_folder(self.folders)}" * bool(self.folders)
        return joined(told + place, *self._others(), f"{seconds:.1f} s", fast)

    def _others(self) -> list[str]:
        """What else came of inputs, most often first: 3 in color already, copied; 1 failed."""
        usual = ((Outcome.DONE, ""), (Outcome.PLANNED, ""))
        return [
            f"{n} {several(kind or outcome, n)}"
            for (outcome, kind), n in self.kinds.most_common()
            if (outcome, kind) not in usual
        ]


def several(kind: str, number: int) -> str:
    """A kind of things as the summary counts them: 1 no picture, 2 no pictures."""
    return WORDS.get(kind, (kind, kind))[number > 1]


def log_line(record: Started | Notice | Phase | Record) -> str:
    """What a log tells of it."""
    if isinstance(record, Started):
        settings = ", ".join(f"{name} = {value}" for name, value in record.settings.items())
        return joined(f"{record.total or '?'} inputs", f"weights {record.weights} on {record.device or '?'}", settings)
    if isinstance(record, Record):
        place = f" -> {record.target}" * bool(record.target)
        remark = f" ({record.reason})" * bool(record.reason)
        return f"{record.outcome}: {record.source}{place}{remark} {record.seconds:.2f} s"
    return record.text


def common_folder(folders: set[str]) -> str:
    """The innermost folder, or prefix of an object store, that holds all of these, with / at its end."""
    parts = [folder.split("/") for folder in folders]
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*parts, strict=False))]
    return f"{'/'.join(shared)}/"
