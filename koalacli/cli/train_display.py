"""What the user sees of a training run: a bar and a line per check, or JSON events."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from koalacli.cli.display import Display
from koalacli.cli.log import log
from koalacli.cli.terminal import print_event
from koalacli.io.texts import as_json

if TYPE_CHECKING:
    from koalacli.pipelines.train.events import TrainEvent

QuietFlag = Annotated[bool, typer.Option("-q", "--quiet", help="Show warnings only.")]


class TrainDisplay(Display):
    """Shows the events of a run."""

    interval = 30.0  # seconds; a training lasts for hours

    def show(self, events: "Iterable[TrainEvent]") -> int:
        """Consume a run; returns the exit code: 0, or 1 if --overfit failed."""
        from koalacli.pipelines.train.events import Progressed, TrainEnded, as_event

        success = True
        columns = (
            TextColumn("step {task.fields[step]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]} · {task.fields[rate]} pictures/s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, disable=not self.has_bar) as bar:
            task = bar.add_task("training", total=1.0, step=0, loss="-", rate="-")
            for event in events:
                if not isinstance(event, Progressed):
                    log(as_json(as_event(event)))
                if self.as_json:
                    print_event(as_event(event))
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
            if self.line_is_due():
                self.line(
                    f"step {event.step}, {event.share:.0%}, loss {_number(event.loss, 4)}, "
                    f"{event.rate:.1f} pictures/s, {_minutes(event.eta)} to go"
                )
        elif isinstance(event, Warned):
            self.line(f"warning: {event.message}", style="yellow")
        elif isinstance(event, Checked):
            if not self.quiet:
                self.line(_check_line(event.row) + " (best so far)" * event.best)
        elif isinstance(event, TrainStarted):
            if not self.quiet:
                self.line(
                    f"{event.preset}, {event.parameters:,} values trained on {event.pictures} pictures, validated on "
                    f"{event.validation_pictures} ({event.skipped}); {event.backend} on {event.device}; {event.run}"
                )
                self.line(f"one constant color: {_figures(event.baseline)}")
        elif not self.quiet:
            outcome = "" if event.success else "; the pictures were NOT learned by heart"
            self.line(
                f"{event.reason}: {event.steps} steps in {_minutes(event.seconds)}; pictures: {event.skipped}{outcome}",
                style="green" if event.success else "red",
            )
            self.line(f"best weights: {event.weights}")


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
