"""How per-picture values become figures of a set, with bootstrap confidence intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def mean(column: Double, counts: Double) -> Double:
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


def rebalanced(credits: Sequence[BinCredit], counts: Double) -> Double:
    """Rebalanced AuC of the resamples, percent."""
    # The weights stay those of the whole set in every resample; else resamples, which hold
    # fewer of the rare bins, would all lie above the set.
    earned, possible = rebalanced_parts(credits)
    return 100 * (counts @ earned) / (counts @ possible)


def rebalanced_each(credits: Sequence[BinCredit]) -> Double:
    """Rebalanced AuC of every picture by the weights of the set, percent, (N,)."""
    earned, possible = rebalanced_parts(credits)
    return 100 * (earned / possible)


def draw_resamples(pictures: int) -> Double:
    """(1 + RESAMPLES, N): the set itself, then how often each picture is drawn in each resample."""
    drawn = np.random.default_rng(SEED).multinomial(pictures, np.full(pictures, 1 / pictures), RESAMPLES)
    return np.concatenate([np.ones((1, pictures)), drawn])


def figure_of(values: Double) -> Figure:
    """A figure from its value for the set itself and for every resample, (1 + RESAMPLES,)."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(values[1:], (tail, 100 - tail)) if np.isfinite(values[0]) else (np.nan, np.nan)
    return Figure(float(values[0]), float(low), float(high))
