"""What the user sees of a training run: a bar and a line per check, or JSON events."""

import json
import math
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from koalacli.pipelines.train.events import TrainEvent

QuietFlag = Annotated[bool, typer.Option("-q", "--quiet", help="Show warnings only.")]

PLAIN_INTERVAL = 30.0  # seconds between progress lines where there is no terminal


class TrainDisplay:
    """Shows the events of a run.

    Args:
        as_json: one event per line on standard output, nothing else.
        quiet: warnings only.
    """

    def __init__(self, *, as_json: bool, quiet: bool):
        self.as_json, self.quiet = as_json, quiet
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.last_line = 0.0

    def show(self, events: "Iterable[TrainEvent]") -> int:
        """Consume a run; returns the exit code: 0, or 1 if --overfit failed."""
        from koalacli.pipelines.train.events import TrainEnded, as_event

        success = True
        columns = (
            TextColumn("step {task.fields[step]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]} · {task.fields[rate]} pictures/s"),
            TimeRemainingColumn(),
        )
        silent = self.quiet or self.as_json or not self.console.is_terminal
        with Progress(*columns, console=self.console, disable=silent) as bar:
            task = bar.add_task("training", total=1.0, step=0, loss="-", rate="-")
            for event in events:
                if self.as_json:
                    sys.stdout.write(json.dumps(_finite(as_event(event)), ensure_ascii=False) + "\n")
                    sys.stdout.flush()
                else:
                    self._take(event, bar, task)
                if isinstance(event, TrainEnded):
                    success = event.success
        return 0 if success else 1

    def _take(self, event: "TrainEvent", bar: Progress, task: Any) -> None:
        from koalacli.pipelines.train.events import Checked, Progressed, TrainStarted, Warned

        if isinstance(event, Progressed):
            bar.update(
                task, completed=event.share, step=event.step, loss=_number(event.loss, 3), rate=f"{event.rate:.1f}"
            )
            if bar.disable and not self.quiet and time.monotonic() - self.last_line > PLAIN_INTERVAL:
                self.last_line = time.monotonic()
                self._line(
                    f"step {event.step}, {event.share:.0%}, loss {_number(event.loss, 4)}, "
                    f"{event.rate:.1f} pictures/s, {_minutes(event.eta)} to go"
                )
        elif isinstance(event, Warned):
            self._line(f"warning: {event.message}", style="yellow")
        elif isinstance(event, Checked):
            if not self.quiet:
                self._line(_check_line(event.row) + " (best so far)" * event.best)
        elif isinstance(event, TrainStarted):
            if not self.quiet:
                self._line(
                    f"{event.preset}, {event.parameters:,} values trained on {event.pictures} pictures, validated on "
                    f"{event.validation_pictures} ({event.skipped}); {event.backend} on {event.device}; {event.run}"
                )
                self._line(f"one constant color: {_figures(event.baseline)}")
        elif not self.quiet:
            outcome = "" if event.success else "; the pictures were NOT learned by heart"
            self._line(
                f"{event.reason}: {event.steps} steps in {_minutes(event.seconds)}; pictures: {event.skipped}{outcome}",
                style="green" if event.success else "red",
            )
            self._line(f"best weights: {event.weights}")

    def _line(self, text: str, style: str = "") -> None:
        self.console.print(text, style=style or None, markup=False)


def _check_line(row: dict[str, float]) -> str:
    return f"step {row['step']:.0f}, epoch {row['epoch']:.2f}: loss {_number(row['loss'], 4)}, {_figures(row)}"


def _figures(row: dict[str, float]) -> str:
    return (
        f"validation loss {row['val_loss']:.4g}, ab error {row['ab_error']:.2f}, rebalanced AuC "
        f"{row['auc_rebalanced']:.2f}, colorfulness {row['colorfulness']:.1f} ({row['colorfulness_gap']:+.1f}), "
        f"spread {row['spread']:.0%}"
    )


def _number(value: float, digits: int) -> str:
    """The number, or a dash where there is none: before the first step there is no loss."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _minutes(seconds: float) -> str:
    return f"{max(seconds, 0) / 60:.1f} min" if math.isfinite(seconds) else "? min"


def _finite(value: Any) -> Any:
    """JSON knows no NaN: null stands for it."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
