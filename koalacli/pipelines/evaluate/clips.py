"""Judge a clip: its frames as pictures, and how steady its color is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from pathlib import Path

from koalacli.arrays import Rgb8
from koalacli.color.lab import lightness_of
from koalacli.config import EvalConfig
from koalacli.errors import InputError
from koalacli.io.film.frames import read_frames
from koalacli.metrics.clips import Meter, Motion
from koalacli.metrics.results import Judged, Measurement, mean_judged
from koalacli.metrics.table import METRICS
from koalacli.pipelines.evaluate.items import REFERENCE, Item, OpenedItem
from koalacli.pipelines.evaluate.judge import GRAY_CHROMA, Judge, gray_reference
from koalacli.pipelines.evaluate.protocols import prepare
from koalacli.pipelines.evaluate.subjects import Subjects, guides_of, paint_all, predict_all


class Steadiness:
    """Every metric of clips of every subject of one clip, and of the reference."""

    def __init__(self) -> None:
        self._motion = Motion()
        self._meters: defaultdict[str, dict[str, Meter]] = defaultdict(
            lambda: {name: metric.meter() for name, metric in METRICS.items() if metric.meter}
        )

    def add(self, reference: Rgb8, pictures: dict[str, Rgb8]) -> None:
        """Take in the next frame of all."""
        self._motion.add(reference)
        for subject, rgb8 in (pictures | {REFERENCE: reference}).items():
            for meter in self._meters[subject].values():
                meter.add(rgb8, self._motion)

    def values(self, subject: str) -> dict[str, float]:
        """By metric name."""
        own = {name: meter.value() for name, meter in self._meters[subject].items()}
        true = {f"{name}_reference": meter.value() for name, meter in self._meters[REFERENCE].items()}
        return own | {name: value for name, value in true.items() if name in METRICS}


def judge_clip(item: Item, judge: Judge, subjects: Sequence[Subjects], config: EvalConfig) -> Judged:
    """Every figure of a clip's first frames: means over frames, and steadiness.

    With weights, each frame is colored by itself; films that `koala video` made are judged with --pred.

    Raises:
        InputError: a clip that cannot be read, or one that has other frames than its reference.
    """
    steadiness = Steadiness()
    frames: list[Judged] = []
    for opened, predictions in colorize_clip(item, subjects, config):
        pictures = judge.with_floors(opened, predictions)
        frames.append(judge.compare(opened.rgb8, pictures))
        steadiness.add(opened.rgb8, pictures)
    if not frames:
        raise InputError(f"{item.name}: has no frames")
    judged = mean_judged(frames)
    if next(iter(judged.measurements.values())).values["chroma_reference"] < GRAY_CHROMA:
        raise gray_reference(item)
    measurements: dict[str, Measurement] = {
        subject: replace(measurement, values=measurement.values | steadiness.values(subject))
        for subject, measurement in judged.measurements.items()
    }
    return replace(judged, measurements=measurements)


def colorize_clip(
    item: Item, subjects: Sequence[Subjects], config: EvalConfig
) -> Iterator[tuple[OpenedItem, dict[str, Rgb8]]]:
    """Frames of the reference with their predictions by subject, a few at a time."""
    frames = _open_frames(item, subjects, config)
    batch_size = min((kind.batch_size for kind in subjects), default=1)
    while batch := list(islice(frames, batch_size)):
        for opened, predictions in zip(batch, predict_all(subjects, batch), strict=True):
            yield opened, paint_all(subjects, opened, predictions)


def _open_frames(item: Item, subjects: Sequence[Subjects], config: EvalConfig) -> Iterator[OpenedItem]:
    """Frames of the reference with those of the finished clips."""
    clips = [read_frames(Path(sample.place), config.clip_frames) for sample in (item.reference, *item.predictions)]
    for number, (rgb8, *finished) in enumerate(zip_longest(*clips)):
        if rgb8 is None or any(frame is None for frame in finished):
            raise InputError(f"{item.name}: prediction and reference do not have the same number of frames")
        if any(frame.shape != rgb8.shape for frame in finished):
            raise InputError(f"{item.name}: frame {number} has another size than that of the reference")
        reference = prepare(rgb8, config.protocol)
        lightness = lightness_of(reference)
        made = tuple(prepare(frame, config.protocol) for frame in finished)
        yield OpenedItem(reference, lightness, guides_of(subjects, lightness), made)
