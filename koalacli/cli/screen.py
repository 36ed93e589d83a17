"""The moving line of a terminal: a spinner while something starts or ends, a bar while inputs are counted."""

from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.status import Status
from rich.table import Column

LEAST_SECONDS, LEAST_ITEMS = 3.0, 5  # since the first result; before, nobody knows how long it takes
LEAST_RATE = 0.05  # per second
LONGEST_NAME = 24  # characters of a film's name, so that the bar fits into 80 columns


class Screen:
    """One line at the bottom, gone when it is closed: what is said afterwards stands alone.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console):
        self._console = console
        self._status: Status | None = None
        self._bar: Progress | None = None

    def wait(self, text: str) -> None:
        """A spinner and a text."""
        self.close()
        self._status = Status(text, console=self._console, spinner="dots")
        self._status.start()

    def count(self, name: str, done: float, total: float, told: str) -> None:
        """A bar of `total`, 0 where unknown, between a name and what is told."""
        if self._bar is None:
            self.close()
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=6)),
                TextColumn("{task.fields[told]}", markup=False),
            )
            self._bar = Progress(*columns, console=self._console, transient=True, expand=True)
            self._bar.add_task("", total=None, told="")
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], description=name, completed=done, total=total or None, told=told)

    def close(self) -> None:
        """Leave nothing behind."""
        for line in (self._status, self._bar):
            if line:
                line.stop()
        self._status = self._bar = None


def time_left(remaining: int, items: int, seconds: float) -> str:
    """The time that `remaining` items take if `items` took `seconds`; empty before that means something."""
    if remaining <= 0 or items < LEAST_ITEMS or seconds < LEAST_SECONDS:
        return ""
    left = round(remaining * seconds / items)
    return f"{timedelta(seconds=left)} left" * bool(left)


def speed(rate: float, unit: str) -> str:
    """A rate per second; empty where it would be told as 0.0."""
    return f"{rate:.1f} {unit}/s" * (rate >= LEAST_RATE)


def counted(number: int, unit: str) -> str:
    """A number of things: 1 picture, 2 pictures."""
    return f"{number} {unit.removesuffix('s') if number == 1 else unit}"


def short_name(name: str) -> str:
    """A name with its middle left out where it is long."""
    half = (LONGEST_NAME - 1) // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def joined(*parts: str) -> str:
    """What there is, with dots between."""
    return " · ".join(filter(None, parts))


def broken(text: str, width: int) -> list[str]:
    """What is joined, in lines of at most `width` characters, none broken within a part."""
    lines = [""]
    for part in text.split(" · "):
        longer = joined(lines[-1], part)
        lines = [*lines[:-1], longer] if len(longer) <= width or not lines[-1] else [*lines, part]
    return lines
