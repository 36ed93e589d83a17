"""`koala eval`: references and colorings in, figures beside their floors out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.config import EvalConfig
from koalacli.errors import DataError, KoalaError
from koalacli.metrics.floors import MeanColor, fit_lookup, load_lookup
from koalacli.metrics.pooling import BINS
from koalacli.metrics.results import Evaluation, Judged, Tally, conclude
from koalacli.model.weights import weights_folder
from koalacli.pipelines.evaluate.clips import colorize_clip, judge_clip
from koalacli.pipelines.evaluate.hints import check_hints, measure_hints
from koalacli.pipelines.evaluate.items import Item, OpenedItem, find, find_items, read_rgb8
from koalacli.pipelines.evaluate.judge import Judge, open_item, read_prepared, thumbnail_lab
from koalacli.pipelines.evaluate.networks import NetworkJudges
from koalacli.pipelines.evaluate.outputs import check_outputs, write_outputs
from koalacli.pipelines.evaluate.subjects import Subjects, load_subjects, paint_all, predict_all
from koalacli.process import worker_count
from koalacli.records import Outcome, Phase, Record, Started
from koalacli.stream import Stage, stream
from koalacli.version import __version__

LOOKUP_FILE = "floor_lookup.json"  # beside the weights


@dataclass(frozen=True)
class Measured(Record):
    """A picture's end, with its figures: subject -> metric -> value."""

    figures: dict[str, dict[str, float]] = field(default_factory=dict)


def evaluate(config: EvalConfig) -> Iterator[Started | Phase | Record | Evaluation]:
    """Judge predictions and floors on the same pictures.

    A picture that cannot be judged for one subject is left out for all: every mean is over the
    same pictures.

    Yields:
        Started, a Record per picture (failed ones were left out, with the reason), a Phase, then the Evaluation.

    Raises:
        KoalaError: the request cannot be met, or no picture could be judged.
    """
    check_hints(config)
    items, excluded = find_items(config)
    check_outputs(items, config)
    subjects = load_subjects(config)
    names = tuple(name for kind in subjects for name in kind.names)
    yield Started(len(items) + len(excluded), subjects[0].device, ", ".join(names), subjects[0].batch_size)
    yield from (Record(name, "", Outcome.FAILED, reason) for name, reason in excluded.items())
    networks = NetworkJudges(config) if config.inception or config.lpips else None
    judge = Judge(measure_mean(items, config), _lookup(config), keep=networks is not None)
    gathered = Gathered()
    for item, judged in judge_items(items, judge, subjects, config):
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
    yield Phase(" and ".join(["intervals", *(kind for kind in ("report", "study") if getattr(config, kind))]))
    evaluation = conclude(
        gathered.tallies,
        gathered.reference_shares,
        protocol=config.protocol,
        predictions=names,
        excluded=excluded,
        facts=_facts(config, subjects),
        extra=networks.figures() if networks else {},
    )
    if config.hints:
        evaluation = replace(evaluation, hints=measure_hints(items, evaluation.pictures, subjects, config))
    try:
        write_outputs(items, evaluation, subjects, config)
    except KoalaError:
        yield evaluation  # what was found is told, whatever happens to the files
        raise
    yield evaluation


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
    items: Sequence[Item], judge: Judge, subjects: Sequence[Subjects], config: EvalConfig
) -> Iterator[tuple[Item, Judged | KoalaError]]:
    """Pictures, then clips; yields them as they finish."""
    clips = [item for item in items if item.is_clip]
    pictures = [item for item in items if not item.is_clip]
    yield from judge_pictures(pictures, judge, subjects, config)
    yield from judge_clips(clips, judge, subjects, config)


def judge_clips(
    items: Sequence[Item], judge: Judge, subjects: Sequence[Subjects], config: EvalConfig
) -> Iterator[tuple[Item, Judged | KoalaError]]:
    """Color and judge clips, one after the other, a few frames at a time."""
    for item in items:
        try:
            yield item, judge_clip(item, judge, subjects, config)
        except KoalaError as error:
            yield item, error


def judge_pictures(
    items: Sequence[Item], judge: Judge, subjects: Sequence[Subjects], config: EvalConfig
) -> Iterator[tuple[Item, Judged | KoalaError]]:
    """Color and judge pictures, read ahead and in batches; yields them as they finish."""

    stage: Stage[Item, OpenedItem, Judged] = Stage(
        read=lambda item: open_item(item, config.protocol, subjects),
        key=lambda opened: tuple(guide.shape for guide in opened.guides if guide is not None) or None,
        run=lambda batch: predict_all(subjects, batch),
        write=lambda item, opened, predictions: judge.judge(
            opened, paint_all(subjects, opened, predictions or (None,) * len(subjects))
        ),
    )
    workers = worker_count(config.workers)
    batch_size = min((kind.batch_size for kind in subjects), default=1)
    cv2.setNumThreads(1)  # parallelism comes from the workers
    return stream(items, stage, batch_size=batch_size, workers=workers, ahead=2 * batch_size + 2 * workers)


def measure_mean(items: Sequence[Item], config: EvalConfig) -> Array:
    """Mean ab of all references that can be judged: what the second floor knows and no colorizer can."""
    stage: Stage[Item, Array, Array] = Stage(
        read=lambda item: thumbnail_lab(_first_picture(item, config)).mean((0, 1), keepdims=True),
        key=lambda lab: None,
        run=lambda batch: batch,
        write=lambda item, lab, _: lab,
    )
    workers = worker_count(config.workers)
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


def _measured(item: Item, judged: Judged) -> Measured:
    figures = {
        subject: {name: round(value, 6) for name, value in measurement.values.items()}
        for subject, measurement in judged.measurements.items()
    }
    return Measured(item.name, "", Outcome.DONE, width=judged.width, height=judged.height, figures=figures)


def _facts(config: EvalConfig, subjects: Sequence[Subjects]) -> dict[str, str]:
    facts = {"koala": __version__, "lookup floor": config.floor_data or "stored with the weights"}
    for kind in subjects:
        facts |= kind.facts
    return facts
