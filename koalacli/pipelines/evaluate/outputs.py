"""Files that an evaluation writes when it is asked to: a table, a report, a study."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from koalacli.color.gamut import merge_rgb8
from koalacli.config import EvalConfig
from koalacli.errors import DataError, UsageError
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.texts import as_csv, as_json, versioned, write_text
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.clips import colorize_clip
from koalacli.pipelines.evaluate.items import REFERENCE, Item
from koalacli.pipelines.evaluate.judge import open_item
from koalacli.pipelines.evaluate.subjects import Subjects, paint_all, predict_all
from koalacli.report.evaluation import choose_pictures, evaluation_page
from koalacli.report.pictures import Panel
from koalacli.report.study import study_page


def write_outputs(
    items: Sequence[Item], evaluation: Evaluation, subjects: Sequence[Subjects], config: EvalConfig
) -> None:
    """Write what was asked for: CSV, report, study."""
    known = set(evaluation.pictures)
    judged = {item.name: item for item in items if item.name in known}
    if config.csv:
        write_text(Path(config.csv), as_csv(csv_rows(evaluation)))
    if config.report.lower().endswith(".csv"):
        write_text(Path(config.report), as_csv(csv_rows(evaluation)))
    elif config.report.lower().endswith(".json"):
        write_text(Path(config.report), as_json(versioned(evaluation.as_event()), indent=1))
    elif config.report:
        panels = [make_panel(judged[name], subjects, config) for name in choose_pictures(evaluation)]
        write_text(Path(config.report), evaluation_page(evaluation, panels))
    if config.study:
        names = [name for name, item in judged.items() if not item.is_clip]
        if not names:
            raise DataError(f"{config.study}: none of the pictures could be judged; a study needs some")
        spread = np.linspace(0, len(names) - 1, min(config.study_pictures, len(names))).round().astype(int)
        panels = [make_panel(judged[names[place]], subjects, config) for place in spread]
        write_text(Path(config.study), study_page(panels, evaluation.predictions[0]))


def check_outputs(items: Sequence[Item], config: EvalConfig) -> None:
    """Refuse, before any work, outputs that cannot be written or would replace something.

    Raises:
        UsageError: see `check_side_outputs`; or a study without pictures.
    """
    samples = [sample.place for item in items for sample in (item.reference, *item.predictions)]
    named = (config.data, config.ref, config.floor_data, config.inception, config.lpips, *config.pred, *config.weights)
    check_side_outputs(side_outputs(config), [*samples, *filter(None, named)])
    if config.study and all(item.is_clip for item in items):
        raise UsageError("--study needs pictures; there are clips only")


def csv_rows(evaluation: Evaluation) -> Iterator[list[str]]:
    """One line per picture and subject, every metric a column; empty where it has no value."""
    yield ["picture", "subject", *evaluation.columns]
    for number, picture in enumerate(evaluation.pictures):
        for subject, rows in evaluation.rows.items():
            values = (rows[number].get(name, np.nan) for name in evaluation.columns)
            yield [picture, subject, *(f"{value:.6g}" if np.isfinite(value) else "" for value in values)]


def make_panel(item: Item, subjects: Sequence[Subjects], config: EvalConfig) -> Panel:
    """One picture in all its versions; colored once more, so that none had to be kept."""
    if item.is_clip:  # its first frame stands for it
        opened, pictures = next(colorize_clip(item, subjects, config))
    else:
        opened = open_item(item, config.protocol, subjects)
        pictures = paint_all(subjects, opened, predict_all(subjects, [opened])[0])
    gray = merge_rgb8(opened.lightness, np.zeros((*opened.lightness.shape[:2], 2), np.float32))
    return Panel(item.name, {"gray": gray, **pictures, REFERENCE: opened.rgb8})
