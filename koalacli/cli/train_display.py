"""What the user sees of a training run: a bar and a line per check, or JSON events."""

import math
import shlex
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from koalacli.cli.display import Display
from koalacli.cli.log import log
from koalacli.cli.options import flags_as_typed
from koalacli.cli.screen import Screen, joined, speed
from koalacli.cli.terminal import print_event
from koalacli.io.texts import as_json
from koalacli.train_config import TrainConfig

if TYPE_CHECKING:
    from koalacli.pipelines.train.events import TrainEnded, TrainEvent

QuietFlag = Annotated[bool, typer.Option("-q", "--quiet", help="Show warnings only.")]


class TrainDisplay(Display):
    """Shows the events of a run, and at its end the command to type next.

    Args:
        config: what was asked for.
        as_json, quiet: see Display.
    """

    interval = 30.0  # seconds; a training lasts for hours
    run = ""  # its folder, once it has begun

    def __init__(self, config: TrainConfig, *, as_json: bool, quiet: bool):
        super().__init__(as_json=as_json, quiet=quiet)
        self.config = config

    def show(self, events: "Iterable[TrainEvent]") -> int:
        """Consume a run; returns the exit code: 0, or 1 if --overfit failed."""
        from koalacli.pipelines.train.events import Progressed, TrainEnded, as_event

        success = True
        screen = Screen(self.console) if self.has_bar else None
        if screen:
            screen.wait("pictures and network …")
        try:
            for event in events:
                if not isinstance(event, Progressed):
                    log(as_json(as_event(event)))
                if self.as_json:
                    print_event(as_event(event))
                else:
                    self._take(event, screen)
                if isinstance(event, TrainEnded):
                    success = event.success
        except KeyboardInterrupt:
            if self.run and not self.as_json:
                self.line(f"what was learned is kept; to go on: {resume_command(self.run)}")
            raise
        finally:
            if screen:
                screen.close()
        return 0 if success else 1

    def _take(self, event: "TrainEvent", screen: Screen | None) -> None:
        from koalacli.pipelines.train.events import Checked, Progressed, TrainEnded, TrainStarted, Warned

        if screen and isinstance(event, TrainEnded):
            screen.close()
        if isinstance(event, Progressed):
            if screen:
                told = joined(f"loss {_number(event.loss, 3)}", speed(event.rate, "pictures"), _left(event.eta))
                screen.count(f"step {event.step}", event.share, 1.0, told)
            if self.line_is_due():
                told = f"step {event.step}, {event.share:.0%}, loss {_number(event.loss, 4)}"
                self.line(joined(told, speed(event.rate, "pictures"), f"{_minutes(event.eta)} to go"))
        elif isinstance(event, Warned):
            self.line(f"warning: {event.message}", style="yellow")
        elif isinstance(event, Checked):
            if not self.quiet:
                self.line(_check_line(event.row) + " (best so far)" * event.best)
        elif isinstance(event, TrainStarted):
            self.run = event.run
            if screen:
                screen.wait("first check …")
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
            self.line(f"next: {next_command(self.config, event)}")


def next_command(config: TrainConfig, ended: "TrainEnded") -> str:
    """What to type behind a run: its weights at work; of --overfit all pictures, or more steps if they were too few."""
    if not config.overfit:
        return f"koala colorize PICTURE --weights {shlex.quote(ended.weights)}"
    again = replace(config, name="", resume=False, overfit=TrainConfig.overfit, steps=TrainConfig.steps)
    if not ended.success:
        again = replace(again, overfit=config.overfit, steps=2 * max(ended.steps, 1))
    return f"koala train {flags_as_typed(again)}"


def resume_command(run: str) -> str:
    """What goes on with a run, by its folder."""
    folder, _, name = run.rpartition("/")
    runs = "" if folder == TrainConfig.runs else f"--runs {shlex.quote(folder or '.')} "
    return f"koala train {runs}--name {shlex.quote(name)} --resume"


def _left(seconds: float) -> str:
    """As the bars of other commands tell it; empty where it is not known."""
    return f"{timedelta(seconds=round(seconds))} left" if math.isfinite(seconds) and seconds > 0 else ""


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
