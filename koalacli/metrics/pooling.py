"""From per-picture values to figures of a set, with bootstrap confidence intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koalacli.metrics import METRICS
from koalacli.metrics.pictures import BIN_REACH, Double

RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 0  # same pictures, same intervals
BINS = (2 * BIN_REACH + 1) ** 2
BinCredit = tuple[NDArray[np.uint16], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Figure:
    """One metric of a set: its value and the interval that holds it with 95% confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SetMetric:
    """A figure of the whole set that is no mean over pictures.

    Attributes:
        pool: (columns, counts) -> values. Columns: per-picture values (N,) by metric; counts
            (R, N): how often each picture is drawn in each of R resamples; values (R,).
        label, unit, better, digits, help: as in `Metric`.
    """

    pool: Callable[[dict[str, Double], Double], Double]
    label: str
    unit: str
    better: str
    digits: int
    help: str


def _mean(column: Double, counts: Double) -> Double:
    return counts @ column / counts.sum(1)


SET_METRICS: dict[str, SetMetric] = {
    "colorfulness_gap": SetMetric(
        lambda columns, counts: _mean(columns["colorfulness"] - columns["colorfulness_reference"], counts),
        *("CF gap", "", "zero", 1, "mean CF of predictions less mean CF of references"),
    ),
    "colorfulness_gap_each": SetMetric(
        lambda columns, counts: _mean(abs(columns["colorfulness"] - columns["colorfulness_reference"]), counts),
        *("CF gap each", "", "lower", 1, "mean over pictures of the absolute difference in CF"),
    ),
    "chroma_ratio": SetMetric(
        lambda columns, counts: _mean(columns["chroma"], counts) / _mean(columns["chroma_reference"], counts),
        *("Chroma ratio", "", "one", 2, "mean chroma of predictions over that of references; below 1 is fading"),
    ),
}


def rebalanced_auc(credits: Sequence[BinCredit], counts: Double) -> Double:
    """AuC with every occurring ab bin weighted alike, percent, higher is better.

    Zhang et al. 2016: each pixel weighs 1 / p(bin of its true color), p being the set's own
    distribution over the 10-unit bins (lambda = 0 in their equation 4). Pictures weigh alike,
    whatever their size.

    Args:
        credits: per picture, from `Comparison.credit_by_bin`.
        counts: (R, N) how often each picture is drawn in each resample.

    Returns:
        (R,).
    """
    share, credit = (np.zeros((len(counts), BINS)) for _ in range(2))
    for number, (bins, part, earned) in enumerate(credits):
        share[:, bins] += counts[:, number, None] * part
        credit[:, bins] += counts[:, number, None] * earned
    present = share > 0
    ratio = np.divide(credit, share, out=np.zeros_like(credit), where=present)
    return 100 * ratio.sum(1) / present.sum(1)


def draw_resamples(pictures: int) -> Double:
    """(1 + RESAMPLES, N): the set itself, then how often each picture is drawn in each resample."""
    drawn = np.random.default_rng(SEED).multinomial(pictures, np.full(pictures, 1 / pictures), RESAMPLES)
    return np.concatenate([np.ones((1, pictures)), drawn])


def pool(rows: Sequence[dict[str, float]], credits: Sequence[BinCredit]) -> dict[str, Figure]:
    """All figures of one set of predictions: the mean of each metric, the set metrics, rebalanced AuC."""
    counts = draw_resamples(len(rows))
    columns = {name: np.array([row[name] for row in rows]) for name in METRICS}
    values = {name: _mean(column, counts) for name, column in columns.items()}
    values["auc_rebalanced"] = rebalanced_auc(credits, counts)
    values |= {name: metric.pool(columns, counts) for name, metric in SET_METRICS.items()}
    return {name: _figure(resampled) for name, resampled in values.items()}


def _figure(values: Double) -> Figure:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values[1:], (tail, 100 - tail))
    return Figure(float(values[0]), float(low), float(high))
