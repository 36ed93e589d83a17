"""`koala eval`: references and colorings in, figures beside their floors out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.gamut import merge_rgb8
from koalacli.colorizer import Colorizer
from koalacli.config import EvalConfig, read_out_of
from koalacli.errors import DataError, KoalaError
from koalacli.io.texts import as_csv, write_text
from koalacli.metrics.floors import MeanColor, fit_lookup, load_lookup
from koalacli.metrics.pooling import BINS
from koalacli.metrics.results import Evaluation, Judged, Tally, conclude
from koalacli.model.weights import weights_folder
from koalacli.pipelines.evaluate.clips import colorize_clip, judge_clip
from koalacli.pipelines.evaluate.items import Item, find, find_items, read_rgb8
from koalacli.pipelines.evaluate.judge import (
    Judge,
    OpenedItem,
    colorize_opened,
    open_item,
    read_prepared,
    thumbnail_lab,
)
from koalacli.pipelines.evaluate.networks import NetworkJudges
from koalacli.records import Outcome, Record, Started
from koalacli.report.evaluation import choose_pictures, evaluation_page
from koalacli.report.pictures import Panel
from koalacli.report.study import study_page
from koalacli.stream import Stage, stream
from koalacli.version import __version__

LOOKUP_FILE = "floor_lookup.json"  # beside the weights


@dataclass(frozen=True)
class Measured(Record):
    """A picture's end, with its figures: subject -> metric -> value."""

    figures: dict[str, dict[str, float]] = field(default_factory=dict)


def evaluate(config: EvalConfig) -> Iterator[Started | Record | Evaluation]:
    """Judge predictions and floors on the same pictures.

    A picture that cannot be judged for one subject is left out for all: every mean is over the
    same pictures.

    Yields:
        Started, a Record per picture (failed ones were left out, with the reason), then the Evaluation.

    Raises:
        KoalaError: the request cannot be met, or no picture could be judged.
    """
    items, excluded = find_items(config)
    colorizers = load_colorizers(config) if config.data else []
    subjects = _names(config.weights if config.data else config.pred)
    device, batch_size = (colorizers[0].device, colorizers[0].batch_size) if colorizers else ("cpu", 0)
    yield Started(len(items) + len(excluded), device, ", ".join(subjects), batch_size)
    yield from (Record(name, "", Outcome.FAILED, reason) for name, reason in excluded.items())
    networks = NetworkJudges(config) if config.inception or config.lpips else None
    judge = Judge(subjects, measure_mean(items, config), _lookup(config), keep=networks is not None)
    gathered = Gathered()
    for item, judged in judge_items(items, judge, colorizers, config):
        if isinstance(judged, KoalaError):
            excluded[item.name] = str(judged)
            yield Record(item.name, "", Outcome.FAILED, str(judged))
        else:
            judged = networks.look(judged) if networks else judged
            gathered.add(item.name, judged)
            yield _measured(item, judged)
    if not gathered.tallies:
        raise DataError(
            f"no picture could be judged; the first reason: {next(iter(excluded.values()), 'none asked for')}"
        )
    evaluation = conclude(
        gathered.tallies,
        gathered.reference_shares,
        protocol=config.protocol,
        predictions=subjects,
        excluded=excluded,
        facts=_facts(config, colorizers),
        extra=networks.figures() if networks else {},
    )
    write_pages(items, evaluation, colorizers, config)
    yield evaluation


def write_pages(
    items: Sequence[Item], evaluation: Evaluation, colorizers: Sequence[Colorizer], config: EvalConfig
) -> None:
    """Write what was asked for: CSV, report, study."""
    known = set(evaluation.pictures)
    judged = {item.name: item for item in items if item.name in known}
    if config.csv:
        write_text(Path(config.csv), as_csv(csv_rows(evaluation)))
    if config.report:
        panels = [make_panel(judged[name], evaluation, colorizers, config) for name in choose_pictures(evaluation)]
        write_text(Path(config.report), evaluation_page(evaluation, panels))
    if config.study:
        names = [name for name, item in judged.items() if not item.is_clip]
        if not names:
            raise DataError("a study needs pictures; there are clips only")
        spread = np.linspace(0, len(names) - 1, min(config.study_pictures, len(names))).round().astype(int)
        panels = [make_panel(judged[names[place]], evaluation, colorizers, config) for place in spread]
        write_text(Path(config.study), study_page(panels, evaluation.predictions[0]))


@dataclass
class Gathered:
    """Tallies by subject, and the colors of the references."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    reference_shares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))

    def add(self, name: str, judged: Judged) -> None:
        """Take in one picture."""
        for subject, measurement in judged.measurements.items():
            self.tallies.setdefault(subject, Tally()).add(name, measurement)
        bins, shares = judged.reference_shares
        self.reference_shares[bins] += shares


def judge_items(
    items: Sequence[Item], judge: Judge, colorizers: Sequence[Colorizer], config: EvalConfig
) -> Iterator[tuple[Item, Judged | KoalaError]]:
    """Pictures, then clips; yields them as they finish."""
    clips = [item for item in items if item.is_clip]
    pictures = [item for item in items if not item.is_clip]
    yield from judge_pictures(pictures, judge, colorizers, config)
    yield from judge_clips(clips, judge, colorizers, config)


def judge_clips(
    items: Sequence[Item], judge: Judge, colorizers: Sequence[Colorizer], config: EvalConfig
) -> Iterator[tuple[Item, Judged | KoalaError]]:
    """Color and judge clips, one after the other, a few frames at a time."""
    for item in items:
        try:
            yield item, judge_clip(item, judge, colorizers, config)
        except KoalaError as error:
            yield item, error


def judge_pictures(
    items: Sequence[Item], judge: Judge, colorizers: Sequence[Colorizer], config: EvalConfig
) -> Iterator[tuple[Item, Judged | KoalaError]]:
    """Color and judge pictures, read ahead and in batches; yields them as they finish."""

    def run(batch: list[OpenedItem]) -> list[Any]:
        """Per picture, the small ab of every Colorizer."""
        columns = (
            colorizer.predict([opened.guides[number] for opened in batch]).ab
            for number, colorizer in enumerate(colorizers)
        )
        return list(zip(*columns, strict=True))

    def write(item: Item, opened: OpenedItem, small_abs: Any) -> Judged:
        return judge.judge(opened, colorize_opened(opened, small_abs or (), colorizers))

    stage: Stage[Item, OpenedItem, Judged] = Stage(
        read=lambda item: open_item(item, config.protocol, colorizers),
        key=lambda opened: tuple(guide.shape for guide in opened.guides) or None,
        run=run,
        write=write,
    )
    workers = config.workers or max(2, os.cpu_count() or 2)
    batch_size = min((colorizer.batch_size for colorizer in colorizers), default=1)
    cv2.setNumThreads(1)  # parallelism comes from the workers
    return stream(items, stage, batch_size=batch_size, workers=workers, ahead=2 * batch_size + 2 * workers)


def make_panel(item: Item, evaluation: Evaluation, colorizers: Sequence[Colorizer], config: EvalConfig) -> Panel:
    """One picture in all its versions; colored once more, so that none had to be kept."""
    if item.is_clip:  # its first frame stands for it
        opened, predictions = next(colorize_clip(item, colorizers, config))
    else:
        opened = open_item(item, config.protocol, colorizers)
        pairs = zip(colorizers, opened.guides, strict=True)
        small_abs = [colorizer.predict([guide]).ab[0] for colorizer, guide in pairs]
        predictions = colorize_opened(opened, small_abs, colorizers)
    gray = merge_rgb8(opened.lightness, np.zeros((*opened.lightness.shape[:2], 2), np.float32))
    return Panel(
        item.name,
        {"gray": gray, **dict(zip(evaluation.predictions, predictions, strict=True)), "reference": opened.rgb8},
    )


def load_colorizers(config: EvalConfig) -> list[Colorizer]:
    """One Colorizer for every --weights."""
    return [
        Colorizer(weights, config.device, batch_size=config.batch_size, **read_out_of(config))
        for weights in dict.fromkeys(config.weights)
    ]


def measure_mean(items: Sequence[Item], config: EvalConfig) -> Array:
    """Mean ab of all references that can be judged: what the second floor knows and no colorizer can."""
    stage: Stage[Item, Array, Array] = Stage(
        read=lambda item: thumbnail_lab(_first_picture(item, config)).mean((0, 1), keepdims=True),
        key=lambda lab: None,
        run=lambda batch: batch,
        write=lambda item, lab, _: lab,
    )
    workers = config.workers or max(2, os.cpu_count() or 2)
    means = {
        item.name: lab
        for item, lab in stream(items, stage, batch_size=1, workers=workers, ahead=4 * workers)
        if not isinstance(lab, KoalaError)  # what cannot be judged is reported when its turn comes
    }
    mean = MeanColor()
    for name in sorted(means):  # in one order: sums of floats depend on it
        mean.add(means[name])
    return mean.value()


def _first_picture(item: Item, config: EvalConfig) -> Rgb8:
    """The reference as prepared; of a clip, its first frame."""
    if not item.is_clip:
        return read_prepared(item, config.protocol)[0]
    return next(colorize_clip(replace(item, predictions=()), (), config))[0].rgb8


def _lookup(config: EvalConfig) -> Array:
    if not config.floor_data:
        return load_lookup(weights_folder() / LOOKUP_FILE)
    return fit_lookup(thumbnail_lab(read_rgb8(sample)) for sample in find(config.floor_data))


def _names(places: Sequence[str]) -> tuple[str, ...]:
    """Short names for tables: the last part of a path, or all of it where two are alike."""
    places = list(dict.fromkeys(places))
    short = [Path(place).stem if place.endswith(".safetensors") else Path(place).name for place in places]
    return tuple(place if short.count(name) > 1 else name for place, name in zip(places, short, strict=True))


def _measured(item: Item, judged: Judged) -> Measured:
    figures = {
        subject: {name: round(value, 6) for name, value in measurement.values.items()}
        for subject, measurement in judged.measurements.items()
    }
    return Measured(item.name, "", Outcome.DONE, width=judged.width, height=judged.height, figures=figures)


def _facts(config: EvalConfig, colorizers: Sequence[Colorizer]) -> dict[str, str]:
    facts = {"koala": __version__, "lookup floor": config.floor_data or "stored with the weights"}
    for name, colorizer in zip(_names(config.weights), colorizers, strict=False):
        settings = {key: value for key, value in asdict(colorizer.read_out).items() if value != ""}
        read_out = ", ".join(
            f"{key} {value if isinstance(value, str) else f'{value:g}'}" for key, value in settings.items()
        )
        facts[f"weights {name}"] = f"sha256 {colorizer.weights.digest[:16]}, {read_out}, on {colorizer.device}"
    return facts


def csv_rows(evaluation: Evaluation) -> Iterator[list[str]]:
    """One line per picture and subject, every metric a column; empty where it has no value."""
    yield ["picture", "subject", *evaluation.columns]
    for number, picture in enumerate(evaluation.pictures):
        for subject, rows in evaluation.rows.items():
            values = (rows[number].get(name, np.nan) for name in evaluation.columns)
            yield [picture, subject, *(f"{value:.6g}" if np.isfinite(value) else "" for value in values)]
