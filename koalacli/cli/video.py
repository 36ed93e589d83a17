"""`koala video`."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from koalacli.cli.display import JsonFlag, QuietFlag, RecordDisplay, VerboseFlag
from koalacli.cli.options import command
from koalacli.cli.screen import counted, joined, short_name, time_left
from koalacli.cli.terminal import print_event
from koalacli.config import VideoConfig
from koalacli.records import Notice, Outcome, Phase, Progress, Record, Started


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @command(app, VideoConfig)
    def video(
        config: VideoConfig,
        context: typer.Context,
        inputs: Annotated[
            list[str],
            typer.Argument(
                metavar="FILM",
                help="Films, folders of films, a GIF or WebP, or frames/%06d.png; the last of several says where "
                "outputs go, unless it is a file among more than two.",
            ),
        ],
        json: JsonFlag = False,
        quiet: QuietFlag = False,
        verbose: VerboseFlag = False,
    ) -> None:
        """Colorize films, steadily: same frames, same timing, every other stream copied.

        The luma of every frame goes to the encoder untouched; only color is made. An interrupted
        run goes on where it stopped when the same command is given again.
        """
        from koalacli.io.arguments import split_arguments
        from koalacli.io.film.open import parse_time
        from koalacli.pipelines.video.pipeline import colorize_video

        sources, output = split_arguments(inputs, config.output)
        config = replace(config, output=output)
        begin = float(parse_time(config.start)) if config.start else 0.0
        flags = {"as_json": json, "quiet": quiet, "verbose": verbose, "report": config.report}
        display = FilmDisplay(**flags, gallery=config.gallery, begin=begin)
        raise typer.Exit(display.show_films(colorize_video(sources, config, context.obj)))


class FilmDisplay(RecordDisplay):
    """Counts films, and shows the frames of the film in work with the time that is left."""

    def __init__(self, **flags: Any):
        super().__init__(**flags, unit="films")
        self.frames: dict[str, Progress] = {}  # the last report on each film

    def show_films(self, records: Iterable[Started | Notice | Phase | Progress | Record]) -> int:
        """As `show`, with Progress among the records."""
        return self.show(records)  # type: ignore[arg-type]

    def _take(self, record: Started | Notice | Phase | Progress | Record) -> None:
        if not isinstance(record, Progress):
            super()._take(record)
            return
        self.frames[record.source] = record
        if self.as_json:
            print_event(record.as_event())
        elif self.screen:
            film = f"film {sum(self.outcomes.values()) + 1} of {self.total}" * (self.total > 1)
            name = short_name(Path(record.source).name)
            self.screen.count(name, record.done, record.total, joined(frames_line(record), film))
        elif self.line_is_due():
            self.line(f"{record.source}: {frames_line(record)}")

    def _show_count(self) -> None:
        """Films are few: the bar is that of the frames of one."""
        if self.screen and self.total > sum(self.outcomes.values()):
            self.screen.wait("opening …")

    def _say(self, record: Record) -> None:
        """Films are few and long: each gets a line, with the place of its output or the reason why there is none."""
        if record.outcome in (Outcome.FAILED, Outcome.PLANNED) or self.as_json or self.quiet:
            super()._say(record)
        elif record.outcome == Outcome.DONE:
            remarks = f" ({record.reason})" if record.reason else ""
            self.line(f"{record.source} -> {record.target}{remarks}")
        else:
            self.line(f"{record.outcome}: {record.source} ({': '.join(filter(None, (record.reason, record.target)))})")

    def _summary_line(self, seconds: float) -> str:
        if self.outcomes[Outcome.PLANNED]:
            return super()._summary_line(seconds)
        fresh = sum(progress.fresh for progress in self.frames.values())
        frames = f"{fresh} frames, {fresh / max(seconds, 1e-9):.1f}/s on {self.device}" * bool(fresh)
        made = self.kinds[Outcome.DONE, ""]
        told = f"{counted(made, self.unit)} {self.verb}" * bool(made or self.outcomes[Outcome.FAILED])
        return joined(told, *self._others(), f"{seconds:.1f} s", frames)


def frames_line(progress: Progress) -> str:
    """Frames done, speed and the time that is left for the film."""
    rate = f"{progress.fresh / max(progress.seconds, 1e-9):.1f} frames/s"
    if progress.total <= progress.done:
        return joined(f"{progress.done} frames", rate)
    left = time_left(progress.total - progress.done, progress.fresh, progress.seconds)
    return joined(f"{progress.done / progress.total:.0%}", rate, left)
