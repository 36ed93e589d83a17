"""Charts as inline SVG and HTML: text scales with the page, colors come from its style sheet."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from koalacli.color.bins import BIN_STEP
from koalacli.color.gamut import merge_rgb8
from koalacli.metrics.hints import HintCurve
from koalacli.metrics.pictures import BIN_REACH
from koalacli.metrics.results import Evaluation
from koalacli.metrics.table import METRICS

WIDTH, HEIGHT = 440, 300  # of a chart's own coordinates, about pixels at the width it is shown
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 40
CURVE_END = 60  # CIELAB units; beyond, all curves are at 100%
SWATCH_LIGHTNESS = 68  # at which the cells of an ab histogram show their color
PLANE_REACH = 11  # cells shown each way: -110..110


def strip(name: str, evaluation: Evaluation) -> str:
    """One metric as a line of marks: predictions with their interval, floors, and the true value."""
    metric = METRICS[name]
    figures = {subject: row[name] for subject, row in evaluation.figures.items()}
    goal = _goal(name, evaluation)
    values = [number for figure in figures.values() for number in (figure.value, figure.low, figure.high)]
    low, high = min([*values, *goal]), max([*values, *goal])
    span = (high - low) or 1.0

    def place(value: float) -> str:
        return f"{4 + 92 * (value - low) / span:.2f}%"

    marks = [f'<i class="mark goal" style="left:{place(value)}"></i>' for value in goal]
    for subject, figure in figures.items():
        kind = subject_class(subject, evaluation)
        if subject in evaluation.predictions:
            left, width = place(figure.low), f"{92 * (figure.high - figure.low) / span:.2f}%"
            marks.append(f'<i class="interval {kind}" style="left:{left};width:{width}"></i>')
        marks.append(f'<i class="mark {kind}" style="left:{place(figure.value)}" title="{escape(subject)}"></i>')
    spoken = "; ".join(f"{subject} {number(figure.value, metric.digits)}" for subject, figure in figures.items())
    ends = f"<small>{number(low, metric.digits)}</small><small>{number(high, metric.digits)}</small>"
    return (
        f'<div class="strip" role="img" aria-label="{escape(f"{metric.label}: {spoken}")}">'
        f'<div class="line">{"".join(marks)}</div><div class="ends">{ends}</div></div>'
    )


def curves(evaluation: Evaluation) -> str:
    """Share of pixels within a threshold of ab error, for thresholds up to 60."""
    lines = []
    for subject, share in evaluation.within.items():
        points = " ".join(
            f"{_x(threshold / CURVE_END):.1f},{_y(float(share[threshold])):.1f}" for threshold in range(CURVE_END + 1)
        )
        kind = subject_class(subject, evaluation)
        lines.append(f'<polyline class="curve {kind}" points="{points}"><title>{escape(subject)}</title></polyline>')
    axes = _axes(
        [(part / 6, str(part * 10)) for part in range(7)],
        [(part / 4, f"{25 * part}%") for part in range(5)],
        "error of ab, CIELAB units",
    )
    return _svg("Share of pixels whose color error is within a threshold", axes + "".join(lines))


def scatter(evaluation: Evaluation) -> str:
    """Colorfulness of each prediction over that of its reference; on the diagonal they are equal."""
    points = []
    columns = {
        subject: [(row["colorfulness_reference"], row["colorfulness"]) for row in evaluation.rows[subject]]
        for subject in evaluation.predictions
    }
    top = max((max(pair) for pairs in columns.values() for pair in pairs), default=1.0) or 1.0
    top = float(np.ceil(top / 20) * 20)
    for subject, pairs in columns.items():
        kind = subject_class(subject, evaluation)
        for picture, (true, predicted) in zip(evaluation.pictures, pairs, strict=True):
            title = f"<title>{escape(picture)}: true {true:.1f}, {escape(subject)} {predicted:.1f}</title>"
            x, y = _x(true / top), _y(predicted / top)
            points.append(f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5">{title}</circle>')
    ticks = [(part / 4, f"{top * part / 4:.0f}") for part in range(5)]
    diagonal = f'<line class="diagonal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>'
    axes = _axes(ticks, ticks, "colorfulness of the reference")
    return _svg("Colorfulness of predictions over references", axes + diagonal + "".join(points))


def hint_curves(curve: HintCurve) -> str:
    """PSNR over the number of points whose true color is told, on a scale of their logarithm."""
    top = np.log1p(curve.counts[-1]) or 1.0
    known = [value for figures in curve.values.values() for value in figures["psnr"] if np.isfinite(value)]
    low, high = np.floor(min(known)), np.ceil(max(known)) + 1
    lines = []
    kinds = {"floor": 0, "prediction": 0}
    for subject, figures in curve.values.items():
        kind = "floor" if subject in curve.floors else "prediction"
        places = [
            f"{_x(np.log1p(count) / top):.1f},{_y((value - low) / (high - low)):.1f}"
            for count, value in zip(curve.counts, figures["psnr"], strict=True)
            if np.isfinite(value)
        ]
        title = f"<title>{escape(subject)}</title>"
        lines.append(f'<polyline class="curve {kind}-{kinds[kind] % 4}" points="{" ".join(places)}">{title}</polyline>')
        kinds[kind] += 1
    axes = _axes(
        [(float(np.log1p(count) / top), str(count)) for count in curve.counts],
        [(part / 4, f"{low + (high - low) * part / 4:.1f}") for part in range(5)],
        "points told; PSNR in dB",
    )
    return _svg("PSNR over the number of points whose true color is told", axes + "".join(lines))


def ab_plane(title: str, shares: NDArray[np.float64]) -> str:
    """Where on the ab plane the pixels lie: one cell per 10-unit bin, stronger where there are more."""
    side = 2 * PLANE_REACH + 1
    grid = shares.reshape(2 * BIN_REACH + 1, -1)[
        BIN_REACH - PLANE_REACH : BIN_REACH + PLANE_REACH + 1, BIN_REACH - PLANE_REACH : BIN_REACH + PLANE_REACH + 1
    ]
    cells = []
    for a, b in np.argwhere(grid > 0):
        # Four decades: from one pixel in ten thousand to all of them.
        strength = np.clip(1 + np.log10(grid[a, b]) / 4, 0, 1)
        if strength > 0:
            color = _swatch((a - PLANE_REACH) * BIN_STEP, (b - PLANE_REACH) * BIN_STEP)
            cells.append(
                f'<rect x="{a * 10}" y="{(side - 1 - b) * 10}" width="9" height="9" rx="2" fill="{color}" '
                f'opacity="{0.15 + 0.85 * strength:.2f}"/>'
            )
    middle = PLANE_REACH * 10 + 4.5
    cross = f'<path class="cross" d="M{middle} 0V{side * 10}M0 {middle}H{side * 10}"/>'
    label = f"Colors that occur: {escape(title)}"
    body = f'<svg viewBox="0 0 {side * 10} {side * 10}" role="img" aria-label="{label}">{cross}{"".join(cells)}</svg>'
    return f"<figure>{body}<figcaption>{escape(title)}</figcaption></figure>"


def legend(evaluation: Evaluation) -> str:
    """What the marks and lines stand for."""
    entries = [
        f'<li><i class="mark {subject_class(subject, evaluation)}"></i>{escape(subject)}</li>'
        for subject in evaluation.figures
    ]
    goal = '<li><i class="mark goal"></i>true value, or best possible</li>'
    return f'<ul class="legend">{"".join(entries)}{goal}</ul>'


def subject_class(subject: str, evaluation: Evaluation) -> str:
    """Style class of a subject: prediction-0, prediction-1, ... floor-0, ..."""
    if subject in evaluation.predictions:
        return f"prediction-{evaluation.predictions.index(subject) % 4}"
    return f"floor-{evaluation.floors.index(subject)}"


def number(value: float, digits: int) -> str:
    """A figure for reading; a dash where there is none."""
    return f"{value:.{digits}f}".replace("-", "−") if np.isfinite(value) else "–"


def _goal(name: str, evaluation: Evaluation) -> list[float]:
    """The value at which a metric is best, where it is worth showing on its scale."""
    metric = METRICS[name]
    if metric.better == "reference":
        return [evaluation.figures[evaluation.predictions[0]][f"{name}_reference"].value]
    return [] if metric.direction.goal is None else [metric.direction.goal]


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _axes(across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]], label: str) -> str:
    parts = [
        f'<line class="grid" x1="{_x(0)}" y1="{_y(place):.1f}" x2="{_x(1)}" y2="{_y(place):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{_y(place) + 4:.1f}" text-anchor="end">{text}</text>'
        for place, text in up
    ]
    parts += [
        f'<text x="{_x(place):.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{text}</text>'
        for place, text in across
    ]
    parts.append(f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 5}" text-anchor="middle">{escape(label)}</text>')
    return "".join(parts)


def _svg(title: str, body: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{body}</svg>'


def _swatch(a: float, b: float) -> str:
    """The color of a bin for display; chroma is reduced where sRGB cannot show it."""
    lightness = np.full((1, 1, 1), SWATCH_LIGHTNESS, np.float32)
    red, green, blue = merge_rgb8(lightness, np.array([[[a, b]]], np.float32))[0, 0]
    return f"#{red:02x}{green:02x}{blue:02x}"
