"""From per-picture values to figures of a set, with bootstrap confidence intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koalacli.metrics import METRICS, Metric
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
        pool: (columns, credits, counts) -> values. Columns: per-picture values (N,) by metric;
            credits: see `rebalanced_parts`; counts (R, N): how often each picture is drawn in each
            of R resamples; values (R,).
        label, unit, better, digits, help: as in `Metric`; better may also be "zero" or "one".
    """

    pool: Callable[[dict[str, Double], Sequence[BinCredit], Double], Double]
    label: str
    unit: str
    better: str
    digits: int
    help: str


def _mean(column: Double, counts: Double) -> Double:
    """Mean over the pictures that have the metric: clips alone have some."""
    known = np.isfinite(column)
    total = counts[:, known].sum(1)
    return np.divide(counts[:, known] @ column[known], total, out=np.full(len(counts), np.nan), where=total > 0)


def rebalanced_parts(credits: Sequence[BinCredit]) -> tuple[Double, Double]:
    """AuC with every occurring ab bin weighted alike, as a ratio: earned and possible, per picture.

    Zhang et al. 2016: each pixel weighs 1 / p(bin of its true color), p being the set's own
    distribution over the 10-unit bins (lambda = 0 in their equation 4). Pictures weigh alike,
    whatever their size. The set's value is the sum of earned over the sum of possible.

    Args:
        credits: per picture, from `Comparison.credit_by_bin`.

    Returns:
        earned (N,) and possible (N,).
    """
    share = np.zeros(BINS)
    for bins, part, _ in credits:
        share[bins] += part
    weight = np.divide(1, share, out=np.zeros(BINS), where=share > 0)
    possible = np.array([weight[bins] @ part for bins, part, _ in credits])
    return np.array([weight[bins] @ earned for bins, _, earned in credits]), possible


def _rebalanced(credits: Sequence[BinCredit], counts: Double) -> Double:
    # The weights stay those of the whole set in every resample; else resamples, which hold
    # fewer of the rare bins, would all lie above the set.
    earned, possible = rebalanced_parts(credits)
    return 100 * (counts @ earned) / (counts @ possible)


SET_METRICS: dict[str, SetMetric] = {
    "auc_rebalanced": SetMetric(
        lambda columns, credits, counts: _rebalanced(credits, counts),
        *(
            "AuC rebalanced",
            "%",
            "higher",
            2,
            "as AuC raw, all ab bins that occur weighing alike: tells color from gray",
        ),
    ),
    "colorfulness_gap": SetMetric(
        lambda columns, credits, counts: _mean(columns["colorfulness"] - columns["colorfulness_reference"], counts),
        *("CF gap of means", "", "zero", 1, "mean CF of the predictions less mean CF of the references"),
    ),
    "colorfulness_gap_each": SetMetric(
        lambda columns, credits, counts: _mean(
            abs(columns["colorfulness"] - columns["colorfulness_reference"]), counts
        ),
        *("CF gap per picture", "", "lower", 1, "mean over pictures of the absolute difference in CF"),
    ),
    "chroma_ratio": SetMetric(
        lambda columns, credits, counts: _mean(columns["chroma"], counts) / _mean(columns["chroma_reference"], counts),
        *("Chroma ratio", "", "one", 3, "mean chroma of predictions over that of references; below 1 is fading"),
    ),
}


@dataclass(frozen=True)
class ExtraMetric:
    """A figure that only clips have, or that needs a network file of the user's. Attributes as in `Metric`."""

    label: str
    unit: str
    better: str
    digits: int
    help: str


FID_HELP = (
    "Fréchet distance of Keras' InceptionV3 features at 299 by the file given with --inception; "
    "not to be compared with other networks' FID, nor between different numbers of pictures"
)
EXTRA_METRICS: dict[str, ExtraMetric] = {
    "cdc": ExtraMetric("CDC", "nats", "lower", 5, "divergence of color histograms 1, 2 and 4 frames apart"),
    "cdc_reference": ExtraMetric("CDC true", "nats", "reference", 5, "the same of the reference"),
    "warp_error": ExtraMetric("Warp error", "CIELAB", "lower", 2, "change of ab along the reference's motion"),
    "warp_error_reference": ExtraMetric("Warp error true", "CIELAB", "reference", 2, "the same of the reference"),
    "lpips": ExtraMetric("LPIPS", "", "lower", 4, "version 0.1, AlexNet, by the file given with --lpips"),
    "fid": ExtraMetric("FID (Keras)", "", "lower", 1, FID_HELP),
}

FIGURES: dict[str, Metric | SetMetric | ExtraMetric] = {  # in the order of reading
    name: (METRICS | SET_METRICS | EXTRA_METRICS)[name]
    for name in (
        *("psnr", "psnr_ab", "rmse_ab", "ssim", "delta_e", "delta_e_median", "delta_e_p95", "auc", "auc_rebalanced"),
        *("colorfulness", "colorfulness_reference", "colorfulness_gap", "colorfulness_gap_each"),
        *("chroma_ratio", "hue_distance", *EXTRA_METRICS),
    )
}


def draw_resamples(pictures: int) -> Double:
    """(1 + RESAMPLES, N): the set itself, then how often each picture is drawn in each resample."""
    drawn = np.random.default_rng(SEED).multinomial(pictures, np.full(pictures, 1 / pictures), RESAMPLES)
    return np.concatenate([np.ones((1, pictures)), drawn])


def pool(rows: Sequence[dict[str, float]], credits: Sequence[BinCredit]) -> dict[str, Figure]:
    """All figures of one set of predictions: the mean of each metric, the set metrics, rebalanced AuC.

    Args:
        rows: per picture, values by metric; a metric that some rows lack is averaged over the others.
        credits: per picture, see `rebalanced_parts`.
    """
    counts = draw_resamples(len(rows))
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
    values = {name: _mean(column, counts) for name, column in columns.items()}
    values |= {name: metric.pool(columns, credits, counts) for name, metric in SET_METRICS.items()}
    return {name: _figure(resampled) for name, resampled in values.items()}


def _figure(values: Double) -> Figure:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(values[1:], (tail, 100 - tail)) if np.isfinite(values[0]) else (np.nan, np.nan)
    return Figure(float(values[0]), float(low), float(high))
