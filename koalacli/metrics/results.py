"""What an evaluation gathers, picture by picture, and what it says in the end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.metrics.comparison import Comparison
from koalacli.metrics.hints import HintCurve
from koalacli.metrics.pictures import AUC_THRESHOLDS
from koalacli.metrics.pooling import BINS, BinCredit, Figure, draw_resamples, figure_of, mean
from koalacli.metrics.table import METRICS, Metric

Shares = tuple[NDArray[np.uint16], Array]


@dataclass(frozen=True)
class Measurement:
    """One prediction of one picture (or the mean over a clip's frames).

    Attributes:
        values: by metric name.
        credit: see `Comparison.credit_by_bin`.
        within: float32 (151,), share of pixels whose ab error is at most 0, 1, ... 150.
        shares: bins of the prediction's colors that occur, and their share of the pixels.
    """

    values: dict[str, float]
    credit: BinCredit
    within: Array
    shares: Shares


def measure(comparison: Comparison) -> Measurement:
    """Every metric of one prediction."""
    values = {name: metric.measure(comparison) for name, metric in METRICS.items() if metric.measure}
    return Measurement(
        values, comparison.credit_by_bin(), comparison.share_within(), bin_shares(comparison.prediction.bins)
    )


def bin_shares(bins: NDArray[np.int32]) -> Shares:
    """The bins that occur and their share of the pixels."""
    share = np.bincount(bins) / len(bins)
    present = np.flatnonzero(share)
    return present.astype(np.uint16), share[present].astype(np.float32)


@dataclass(frozen=True)
class Judged:
    """All measurements of one picture or clip.

    Attributes:
        measurements: by subject.
        reference_shares: bins of the reference's colors and their share of the pixels.
        width, height: of the reference.
        pictures: by subject, and "reference", where a judging network is to see them; else empty.
    """

    measurements: dict[str, Measurement]
    reference_shares: Shares
    width: int
    height: int
    pictures: dict[str, Rgb8] = field(default_factory=dict)


def mean_judged(frames: Sequence[Judged]) -> Judged:
    """A clip from its frames."""
    first = frames[0]
    measurements = {
        subject: mean_measurement([frame.measurements[subject] for frame in frames]) for subject in first.measurements
    }
    return Judged(measurements, _mean_shares([frame.reference_shares for frame in frames]), first.width, first.height)


def mean_measurement(measurements: Sequence[Measurement]) -> Measurement:
    """The mean over the frames of a clip."""
    count = len(measurements)
    values = {
        name: float(np.mean([measurement.values[name] for measurement in measurements]))
        for name in measurements[0].values
    }
    share, credit = np.zeros(BINS), np.zeros(BINS)
    for measurement in measurements:
        bins, part, earned = measurement.credit
        share[bins] += part / count
        credit[bins] += earned / count
    bins = np.flatnonzero(share).astype(np.uint16)
    by_bin = (bins, share[bins].astype(np.float32), credit[bins].astype(np.float32))
    within = np.mean([measurement.within for measurement in measurements], axis=0)
    return Measurement(values, by_bin, within, _mean_shares([measurement.shares for measurement in measurements]))


def _mean_shares(frames: Sequence[Shares]) -> Shares:
    total = np.zeros(BINS)
    for bins, share in frames:
        total[bins] += share / len(frames)
    present = np.flatnonzero(total)
    return present.astype(np.uint16), total[present].astype(np.float32)


@dataclass
class Tally:
    """Gathers the measurements of one subject; memory grows by a few kilobytes per picture only."""

    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    credits: dict[str, BinCredit] = field(default_factory=dict)
    within: NDArray[np.float64] = field(default_factory=lambda: np.zeros(AUC_THRESHOLDS))
    shares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))

    def add(self, picture: str, measurement: Measurement) -> None:
        """Take in one picture."""
        self.rows[picture] = measurement.values
        self.credits[picture] = measurement.credit
        self.within += measurement.within
        self.shares[measurement.shares[0]] += measurement.shares[1]


@dataclass(frozen=True)
class Evaluation:
    """The outcome for one set of pictures.

    Attributes:
        protocol: how pictures were prepared.
        predictions: what was judged, in the order given.
        floors: what it is to be compared with.
        pictures: names, sorted; all subjects are judged on exactly these.
        excluded: what could not be judged, and why.
        figures: subject -> metric -> Figure. A subject is a prediction or a floor.
        rows: subject -> per-picture values by metric, in the order of `pictures`.
        within: subject -> (151,) share of pixels within 0, 1, ... 150 of the true ab.
        shares: subject or "reference" -> (729,) share of pixels per 10-unit ab bin.
        facts: what has to be known to repeat it: versions, digests, read-out.
        hints: what hints are worth, if that was asked for.
    """

    protocol: str
    predictions: tuple[str, ...]
    floors: tuple[str, ...]
    pictures: tuple[str, ...]
    excluded: dict[str, str]
    figures: dict[str, dict[str, Figure]]
    rows: dict[str, list[dict[str, float]]]
    within: dict[str, NDArray[np.float64]]
    shares: dict[str, NDArray[np.float64]]
    facts: dict[str, str]
    hints: HintCurve | None = None

    @property
    def shown(self) -> dict[str, Metric]:
        """Metrics that this evaluation has and that its tables show."""
        have = self.figures[self.predictions[0]]
        return {name: metric for name, metric in METRICS.items() if name in have and metric.shown}

    @property
    def columns(self) -> list[str]:
        """Metrics that have a value for single pictures, or for some of them, in the order of METRICS."""
        have = {name for row in self.rows[self.predictions[0]] for name in row}
        return [name for name in METRICS if name in have]

    def as_event(self) -> dict[str, Any]:
        """For --json: the figures of the set; one that does not exist is None."""
        figures = {
            subject: {name: _finite(asdict(figure)) for name, figure in row.items()}
            for subject, row in self.figures.items()
        }
        return {
            "event": "evaluation",
            "protocol": self.protocol,
            "pictures": len(self.pictures),
            "excluded": self.excluded,
            "predictions": list(self.predictions),
            "floors": list(self.floors),
            "figures": figures,
            "facts": self.facts,
            **({"hints": self.hints.as_event()} if self.hints else {}),
        }


def conclude(
    tallies: dict[str, Tally],
    reference_shares: NDArray[np.float64],
    *,
    protocol: str,
    predictions: tuple[str, ...],
    excluded: dict[str, str],
    facts: dict[str, str],
    extra: dict[str, dict[str, float]],
) -> Evaluation:
    """Pool the tallies of all subjects, which hold the same pictures; `extra` are further figures by subject."""
    pictures = tuple(sorted(next(iter(tallies.values())).rows))
    rows = {subject: [dict(tally.rows[name]) for name in pictures] for subject, tally in tallies.items()}
    figures = {}
    for subject, tally in tallies.items():
        credits = [tally.credits[name] for name in pictures]
        found = pool(rows[subject], credits)
        found |= {name: Figure(value, np.nan, np.nan) for name, value in extra.get(subject, {}).items()}
        figures[subject] = {name: found[name] for name in METRICS if name in found}
        for name, metric in METRICS.items():
            if metric.each:
                for row, value in zip(rows[subject], metric.each(credits), strict=True):
                    row[name] = float(value)
    return Evaluation(
        protocol=protocol,
        predictions=predictions,
        floors=tuple(subject for subject in tallies if subject not in predictions),
        pictures=pictures,
        excluded=dict(sorted(excluded.items())),
        figures=figures,
        rows=rows,
        within={subject: tally.within / len(pictures) for subject, tally in tallies.items()},
        shares={
            "reference": reference_shares / len(pictures),
            **{subject: tally.shares / len(pictures) for subject, tally in tallies.items()},
        },
        facts=facts,
    )


def pool(rows: Sequence[dict[str, float]], credits: Sequence[BinCredit]) -> dict[str, Figure]:
    """All figures of one set of predictions: means over pictures, and what METRICS pools in its own way.

    Args:
        rows: per picture, values by metric; a metric that some rows lack is averaged over the others.
        credits: per picture, see `pooling.rebalanced_parts`.
    """
    counts = draw_resamples(len(rows))
    have = [name for name in METRICS if any(name in row for row in rows)]
    columns = {name: np.array([row.get(name, np.nan) for row in rows]) for name in have}
    values = {name: mean(column, counts) for name, column in columns.items()}
    values |= {name: metric.pool(columns, credits, counts) for name, metric in METRICS.items() if metric.pool}
    return {name: figure_of(resampled) for name, resampled in values.items()}


def _finite(figure: dict[str, float]) -> dict[str, float | None]:
    return {key: round(value, 6) if np.isfinite(value) else None for key, value in figure.items()}
