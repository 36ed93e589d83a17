"""`koala eval`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from koalacli.cli.display import JsonFlag, QuietFlag, RecordDisplay, VerboseFlag
from koalacli.cli.options import command, flags_as_typed
from koalacli.cli.terminal import print_event, print_table, say
from koalacli.config import EvalConfig
from koalacli.io.texts import one_line

if TYPE_CHECKING:
    from koalacli.metrics.hints import HintCurve
    from koalacli.metrics.results import Evaluation
    from koalacli.records import Phase, Record, Started


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @command(app, EvalConfig, name="eval")
    def evaluate(
        config: EvalConfig,
        json: JsonFlag = False,
        quiet: QuietFlag = False,
        verbose: VerboseFlag = False,
    ) -> None:
        """Score weights or finished colorings against true colors, beside honest floors.

        With --data, gray copies are made and colored; with --pred and --ref, two folders are compared.
        """
        if config.study_results:
            raise typer.Exit(show_opinions(config.study_results, as_events=json))
        from koalacli.metrics.results import Evaluation
        from koalacli.pipelines.evaluate.pipeline import evaluate as run

        found: list[Evaluation] = []

        def records() -> "Iterator[Started | Phase | Record]":
            for record in run(config):
                if isinstance(record, Evaluation):
                    found.append(record)
                else:
                    yield record

        display = RecordDisplay(as_json=json, quiet=quiet, verbose=verbose, report="", verb="judged")
        try:
            code = display.show(records())
        finally:  # also where a file could not be written in the end
            for evaluation in found:
                if json:
                    print_event(evaluation.as_event())
                else:
                    print_table(figure_table(evaluation))
                if evaluation.hints and not json:
                    print_table(hint_table(evaluation.hints))
        if not (json or quiet):
            for path in filter(None, (config.csv, config.report, config.study)):
                say(f"written: {path}")
            say(f"next: {next_step(config)}")
        raise typer.Exit(code)


def next_step(config: EvalConfig) -> str:
    """What to do behind an evaluation: ask people, look at the pictures, or have a page of them made."""
    if config.study:
        return f"let people answer {config.study}; then: koala eval --study-results FILE, once per answer file"
    if config.report.lower().endswith(".html"):
        return f"open {config.report}"
    asked = flags_as_typed(replace(config, report="report.html"))
    return f"koala eval {asked} shows every picture beside the truth"


def figure_table(evaluation: "Evaluation") -> Table:
    """Metrics down, predictions and floors across; predictions with their 95% interval."""
    title = f"{len(evaluation.pictures)} pictures, protocol {evaluation.protocol}, {len(evaluation.excluded)} left out"
    caption = "\\[95% bootstrap interval over pictures]"
    table = Table(title=title, title_justify="left", caption=caption, box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for subject in evaluation.figures:
        heading = one_line(subject).replace(": ", ":\n").replace(" color", "")
        table.add_column(Text(heading), justify="right")
    for name, metric in evaluation.shown.items():
        cells = []
        for subject, figures in evaluation.figures.items():
            figure, coarse = figures[name], max(metric.digits - 1, 0)
            interval = f" [{figure.low:.{coarse}f}, {figure.high:.{coarse}f}]"
            known = subject in evaluation.predictions and figure.low == figure.low  # NaN: no interval
            cells.append(f"{figure.value:.{metric.digits}f}{interval * known}")
        table.add_row(
            Text(" ".join(filter(None, (metric.label, metric.suffix, metric.direction.sign)))), *map(Text, cells)
        )
    return table


def hint_table(curve: "HintCurve") -> Table:
    """Numbers of points down, PSNR and ab error of predictions and floors across."""
    from koalacli.metrics.hints import FIGURES

    title = "True colors told at random points: " + "; ".join(FIGURES.values())
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("points", justify="right")
    for subject in curve.values:
        table.add_column(Text(one_line(subject).replace(": ", ":\n")), justify="right")
    for place, count in enumerate(curve.counts):
        cells = [[figures[name][place] for name in FIGURES] for figures in curve.values.values()]
        known = ["  ".join(f"{value:.2f}" for value in row) if row[0] == row[0] else "" for row in cells]
        table.add_row(str(count), *map(Text, known))
    return table


def show_opinions(paths: tuple[str, ...], *, as_events: bool) -> int:
    """Pool result files of the study and show the rates; returns the exit code."""
    from koalacli.metrics.opinions import PUBLISHED, pool_opinions

    opinions = pool_opinions([Path(path) for path in paths])
    for path in opinions.repeated:
        say(f"left out: {path}: answers of a session that is there already")
    if as_events:
        print_event(opinions.as_event())
        return 0
    title = f"{opinions.sessions} sessions, {opinions.seconds:.1f} s per answer (median)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("shown")
    for heading in ("judged real", "95% interval", "answers"):
        table.add_column(heading, justify="right")
    rows = {"recolored pictures": opinions.recolored, "originals": opinions.original, **opinions.per_picture}
    for name, rate in rows.items():
        interval = f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"
        table.add_row(Text(one_line(name)), f"{100 * rate.value:.2f}%", interval, str(rate.answers))
    for name, (value, asked) in PUBLISHED.items():
        table.add_row(Text(f"{name}: {asked}"), f"{100 * value:.2f}%", "", "")
    print_table(table)
    return 0
