"""The report of an evaluation: one HTML page that needs nothing but itself."""

from collections.abc import Sequence
from html import escape

import numpy as np

from koalacli.arrays import Rgb8
from koalacli.metrics.floors import FLOORS
from koalacli.metrics.hints import FIGURES, HintCurve
from koalacli.metrics.results import Evaluation
from koalacli.metrics.table import METRICS
from koalacli.report.charts import ab_plane, curves, hint_curves, legend, number, scatter, strip, subject_class
from koalacli.report.pictures import Panel, data_uri, shrink
from koalacli.report.templates import fill, read_asset

SIDE, QUALITY = 384, 78  # of the pictures inside the page: enough to judge color by
HEADLINES = ("delta_e", "psnr", "auc_rebalanced", "colorfulness", "chroma_ratio", "hue_distance")
CHOICE_METRICS = ("delta_e", "auc_rebalanced", "psnr")  # by which best, median and worst are chosen
CHOICE_EACH = 2


def choose_pictures(evaluation: Evaluation) -> dict[str, list[tuple[str, str]]]:
    """Best, median and worst pictures of the first prediction: name -> (metric, best | median | worst)."""
    chosen: dict[str, list[tuple[str, str]]] = {}
    rows = evaluation.rows[evaluation.predictions[0]]
    for metric in CHOICE_METRICS:
        sign = -1 if METRICS[metric].direction.descending else 1
        order = sorted(range(len(rows)), key=lambda place: (sign * rows[place][metric], evaluation.pictures[place]))
        middle = max(0, (len(order) - CHOICE_EACH) // 2)
        groups = {
            "best": order[:CHOICE_EACH],
            "median": order[middle : middle + CHOICE_EACH],
            "worst": order[::-1][:CHOICE_EACH],
        }
        taken: set[int] = set()
        for rank, places in groups.items():
            for place in places:
                if place not in taken:
                    chosen.setdefault(evaluation.pictures[place], []).append((metric, rank))
                    taken.add(place)
    return chosen


def evaluation_page(evaluation: Evaluation, panels: Sequence[Panel]) -> str:
    """The whole page.

    Args:
        evaluation: what was found.
        panels: the pictures named by `choose_pictures`.
    """
    slots = {
        "title": escape(f"Evaluation of {', '.join(evaluation.predictions)}"),
        "lead": _lead(evaluation),
        "legend": legend(evaluation),
        "headlines": "".join(_headline(name, evaluation) for name in HEADLINES),
        "figures": _figure_table(evaluation),
        "metrics": "".join(f'<option value="{name}">{escape(METRICS[name].label)}</option>' for name in CHOICE_METRICS),
        "panels": _panels(evaluation, panels),
        "curves": curves(evaluation),
        "scatter": scatter(evaluation),
        "planes": "".join(ab_plane(name, evaluation.shares[name]) for name in ("reference", *evaluation.predictions)),
        "hints": _hints(evaluation.hints) if evaluation.hints else "",
        "rows": _row_tables(evaluation),
        "excluded": _excluded(evaluation),
        "definitions": _definitions(evaluation),
        "style": read_asset("common.css") + read_asset("slider.css") + read_asset("evaluation.css"),
        "script": read_asset("evaluation.js"),
    }
    return fill("evaluation.html", slots)


def _lead(evaluation: Evaluation) -> str:
    left_out = len(evaluation.excluded)
    text = f"{len(evaluation.pictures)} pictures, protocol “{evaluation.protocol}”"
    if left_out:
        text += f', <a href="#left-out">{left_out} left out</a>'
    return f"<p>{text}. Every figure stands beside what no network is needed for.</p>"


def _headline(name: str, evaluation: Evaluation) -> str:
    metric = METRICS[name]
    entries = []
    for subject in evaluation.predictions:
        figure = evaluation.figures[subject][name]
        label = f"<span>{escape(subject)}</span>" if len(evaluation.predictions) > 1 else ""
        interval = f"{number(figure.low, metric.digits)} to {number(figure.high, metric.digits)}"
        entries.append(
            f'<p class="value {subject_class(subject, evaluation)}">{label}<b>{number(figure.value, metric.digits)}</b>'
            f"<small>{escape(metric.suffix)} <span>{interval}</span></small></p>"
        )
    head = f"<h3>{escape(metric.label)} <small>{escape(metric.direction.words)}</small></h3>"
    return f'<section class="card">{head}{"".join(entries)}{strip(name, evaluation)}</section>'


def _figure_table(evaluation: Evaluation) -> str:
    heads = "".join(f'<th scope="col">{escape(subject)}</th>' for subject in evaluation.figures)
    lines = []
    for name, metric in evaluation.shown.items():
        cells = []
        for figures in evaluation.figures.values():
            figure = figures[name]
            interval = f"<small>{number(figure.low, metric.digits)} to {number(figure.high, metric.digits)}</small>"
            cells.append(f"<td>{number(figure.value, metric.digits)}{interval}</td>")
        unit = f" <small>{escape(metric.unit)}</small>" if metric.unit else ""
        lines.append(f'<tr><th scope="row">{escape(metric.label)}{unit}</th>{"".join(cells)}</tr>')
    caption = "<caption>Means over the pictures, with 95% bootstrap intervals below</caption>"
    head = f'<thead><tr><th scope="col">Metric</th>{heads}</tr></thead>'
    return f"<table>{caption}{head}<tbody>{''.join(lines)}</tbody></table>"


def _hints(curve: HintCurve) -> str:
    """What hints are worth: a chart and its numbers."""
    heads = "".join(
        f'<th scope="col">{escape(subject)} <small>{escape(label)}</small></th>'
        for subject in curve.values
        for label in FIGURES.values()
    )
    lines = []
    for place, count in enumerate(curve.counts):
        values = [figures[name][place] for figures in curve.values.values() for name in FIGURES]
        lines.append(
            f'<tr><th scope="row">{count}</th>{"".join(f"<td>{number(value, 2)}</td>" for value in values)}</tr>'
        )
    caption = "<caption>Means over the pictures, by the number of points</caption>"
    head = f'<thead><tr><th scope="col">Points</th>{heads}</tr></thead>'
    table = f"<table>{caption}{head}<tbody>{''.join(lines)}</tbody></table>"
    title = '<section id="hints" aria-labelledby="hints-title"><h2 id="hints-title">With hints</h2>'
    said = "<p>True colors told at random points, beside floors that know lightness and place alone.</p>"
    figure = f"<figure>{hint_curves(curve)}</figure>"
    scroll = f'<div class="scroll" tabindex="0" role="region" aria-label="With hints">{table}</div>'
    return f"{title}{said}{figure}{scroll}</section>"


def _panels(evaluation: Evaluation, panels: Sequence[Panel]) -> str:
    ranks = choose_pictures(evaluation)
    rows = dict(zip(evaluation.pictures, evaluation.rows[evaluation.predictions[0]], strict=True))
    made = []
    for panel in panels:
        tags = ranks[panel.name]
        said = "".join(f"<li>{rank} by {escape(METRICS[metric].label)}</li>" for metric, rank in tags)
        data = " ".join(f'data-{metric.replace("_", "-")}="{rank}"' for metric, rank in tags)
        views = "".join(_view(panel.name, label, rgb8) for label, rgb8 in panel.versions.items())
        row = rows[panel.name]
        scores = ", ".join(
            f"{escape(METRICS[metric].label)} {number(row[metric], METRICS[metric].digits)}"
            for metric in CHOICE_METRICS
        )
        made.append(
            f'<article class="panel" data-name="{escape(panel.name)}" {data}><header><h3>{escape(panel.name)}</h3>'
            f'<ul class="tags">{said}</ul><p>{scores}</p>'
            f'<button type="button" class="compare">Compare<span class="hidden"> {escape(panel.name)}</span></button>'
            f'</header><div class="views">{views}</div></article>'
        )
    return "".join(made)


def _view(name: str, label: str, rgb8: Rgb8) -> str:
    small = shrink(rgb8, SIDE)
    height, width = small.shape[:2]
    image = (
        f'<img src="{data_uri(small, QUALITY)}" width="{width}" height="{height}" '
        f'alt="{escape(name)}: {escape(label)}" data-label="{escape(label)}">'
    )
    return f"<figure>{image}<figcaption>{escape(label)}</figcaption></figure>"


def _row_tables(evaluation: Evaluation) -> str:
    names = [name for name in evaluation.columns if METRICS[name].shown]
    tables = []
    for subject in evaluation.predictions:
        heads = "".join(
            f'<th scope="col"><button type="button">{escape(METRICS[name].label)}</button></th>' for name in names
        )
        lines = []
        for picture, row in zip(evaluation.pictures, evaluation.rows[subject], strict=True):
            cells = "".join(_cell(row.get(name, np.nan), METRICS[name].digits) for name in names)
            lines.append(f'<tr><th scope="row">{escape(picture)}</th>{cells}</tr>')
        caption = f"<caption>{escape(subject)}: every picture. Choose a heading to sort.</caption>"
        picture_head = '<th scope="col"><button type="button">Picture</button></th>'
        tables.append(
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(subject)}: every picture">'
            f'<table class="sortable">{caption}<thead><tr>{picture_head}{heads}</tr></thead>'
            f"<tbody>{''.join(lines)}</tbody></table></div>"
        )
    return "".join(tables)


def _cell(value: float, digits: int) -> str:
    exact = f"{value:.6g}" if np.isfinite(value) else ""
    return f'<td data-value="{exact}">{number(value, digits)}</td>'


def _excluded(evaluation: Evaluation) -> str:
    if not evaluation.excluded:
        return "<p>Nothing was left out.</p>"
    lines = "".join(f"<li>{escape(reason)}</li>" for reason in evaluation.excluded.values())
    rule = "A picture that cannot be judged for one subject is left out for all, so that every mean is over the same."
    return f"<p>{rule}</p><ul>{lines}</ul>"


def _definitions(evaluation: Evaluation) -> str:
    entries = [
        f"<dt>{escape(metric.label)}</dt><dd>{escape(f'{metric.help}; {metric.direction.words}')}</dd>"
        for metric in evaluation.shown.values()
    ]
    entries += [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in FLOORS.items()]
    entries += [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in evaluation.facts.items()]
    return f"<dl>{''.join(entries)}</dl>"
