"""`koala eval`."""

import json as json_module
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from koalacli.cli.display import Display, JsonFlag, QuietFlag, VerboseFlag
from koalacli.cli.options import command
from koalacli.config import EvalConfig

if TYPE_CHECKING:
    from koalacli.metrics.results import Evaluation
    from koalacli.records import Record, Started


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
        from koalacli.metrics.results import Evaluation
        from koalacli.pipelines.evaluate import evaluate as run

        found: list[Evaluation] = []

        def records() -> "Iterator[Started | Record]":
            for record in run(config):
                if isinstance(record, Evaluation):
                    found.append(record)
                else:
                    yield record

        display = Display(as_json=json, quiet=quiet, verbose=verbose, report="", verb="judged")
        code = display.show(records())
        for evaluation in found:
            if json:
                sys.stdout.write(json_module.dumps(evaluation.as_event(), ensure_ascii=False) + "\n")
            else:
                Console().print(figure_table(evaluation))
        raise typer.Exit(code)


SIGNS = {"higher": "↑", "lower": "↓", "reference": "", "zero": "→ 0", "one": "→ 1"}


def figure_table(evaluation: "Evaluation") -> Table:
    """Metrics down, predictions and floors across; predictions with their 95% interval."""
    from koalacli.metrics.pooling import FIGURES

    title = f"{len(evaluation.pictures)} pictures, protocol {evaluation.protocol}, {len(evaluation.excluded)} left out"
    caption = "\\[95% bootstrap interval over pictures]"
    table = Table(title=title, title_justify="left", caption=caption, box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for subject in evaluation.figures:
        table.add_column(subject.replace(": ", ":\n").replace(" color", ""), justify="right")
    for name, metric in FIGURES.items():
        cells = []
        for subject, figures in evaluation.figures.items():
            figure, coarse = figures[name], max(metric.digits - 1, 0)
            interval = f" [{figure.low:.{coarse}f}, {figure.high:.{coarse}f}]"
            cells.append(f"{figure.value:.{metric.digits}f}{interval * (subject in evaluation.predictions)}")
        unit = f" {metric.unit}" if metric.unit in ("dB", "%") else ""
        table.add_row(f"{metric.label}{unit} {SIGNS[metric.better]}", *map(Text, cells))
    return table
