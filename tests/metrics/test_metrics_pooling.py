"""Figures of a set: rebalancing, means, gaps and their intervals."""

import numpy as np
import pytest

from koalacli.metrics import pooling
from koalacli.metrics.comparison import Comparison, View
from koalacli.metrics.results import Tally, conclude, measure, pool
from koalacli.metrics.table import METRICS

MEASURED = [name for name, metric in METRICS.items() if metric.measure]


def two_halves(left: tuple[int, int, int], right: tuple[int, int, int], split: int = 8) -> np.ndarray:
    """A picture of two colors, uint8 (16, 16, 3)."""
    picture = np.full((16, 16, 3), right, np.uint8)
    picture[:, :split] = left
    return picture


def pooled(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, pooling.Figure]:
    """Figures of (reference, prediction) pairs."""
    measured = [measure(Comparison(View(reference), View(prediction))) for reference, prediction in pairs]
    return pool([one.values for one in measured], [one.credit for one in measured])


def test_rebalancing_weighs_rare_colors_like_frequent_ones() -> None:
    """15 columns of gray done right and one of red done wrong: raw forgives, rebalanced halves."""
    reference, prediction = two_halves((255, 0, 0), (128, 128, 128), 1), two_halves((54, 54, 54), (128, 128, 128), 1)
    figures = pooled([(reference, prediction)])
    red = View(reference).ab[0, 0]
    credit = (151 - np.ceil(np.hypot(*red))) / 151
    assert figures["auc"].value == pytest.approx(100 * (15 + credit) / 16, abs=0.01)
    assert figures["auc_rebalanced"].value == pytest.approx(100 * (1 + credit) / 2, abs=0.01)


def test_rebalancing_uses_the_distribution_of_the_whole_set() -> None:
    """Computed the long way: every pixel divided by the frequency of its true bin over all pictures."""
    rng = np.random.default_rng(5)
    pairs = [tuple(rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)) for _ in range(3)]
    comparisons = [Comparison(View(reference), View(prediction)) for reference, prediction in pairs]
    bins = np.concatenate([comparison.reference.bins for comparison in comparisons])
    credits = np.concatenate([comparison.credits.ravel() for comparison in comparisons])
    weights = 1 / np.bincount(bins)[bins]
    assert pooled(pairs)["auc_rebalanced"].value == pytest.approx(100 * np.average(credits, weights=weights), abs=1e-3)


def test_colorfulness_gaps_differ_when_errors_cancel() -> None:
    """Too dull once and too colorful once: the gap of means vanishes, the gap per picture does not."""
    dull, bright = two_halves((120, 110, 110), (110, 120, 110)), two_halves((220, 20, 20), (20, 220, 20))
    figures = pooled([(dull, bright), (bright, dull)])
    assert figures["colorfulness_gap"].value == pytest.approx(0, abs=1e-9)
    assert figures["colorfulness_gap_each"].value > 50


def test_chroma_ratio_of_gray_is_zero_and_of_the_truth_one() -> None:
    """Fading is read from one number."""
    reference = two_halves((200, 60, 60), (60, 200, 60))
    gray = np.repeat(reference.mean(-1, keepdims=True).astype(np.uint8), 3, axis=2)
    assert pooled([(reference, gray)])["chroma_ratio"].value == pytest.approx(0, abs=1e-3)
    assert pooled([(reference, reference)])["chroma_ratio"].value == pytest.approx(1)


def test_intervals_hold_the_value_and_repeat() -> None:
    """The same pictures give the same interval, and it is not empty."""
    rng = np.random.default_rng(7)
    pairs = [tuple(rng.integers(0, high, (2, 16, 16, 3), dtype=np.uint8)) for high in range(60, 250, 20)]
    first, second = pooled(pairs), pooled(pairs)
    assert first == second
    for name, figure in first.items():
        assert figure.low <= figure.value <= figure.high, name
    assert first["psnr"].low < first["psnr"].high


def test_bootstrap_interval_is_that_of_the_normal_law_for_many_pictures() -> None:
    """For a mean of many values the percentile interval is mean ± 1.96 standard errors."""
    values = np.random.default_rng(1).normal(20, 4, 400)
    rows = [dict.fromkeys(MEASURED, float(value)) for value in values]
    credit = (np.array([0], np.uint16), np.ones(1, np.float32), np.ones(1, np.float32))
    figure = pool(rows, [credit] * len(rows))["psnr"]
    error = 1.96 * values.std() / 20
    assert figure.value == pytest.approx(values.mean())
    assert (figure.low, figure.high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.1)


def test_a_metric_that_only_some_have_is_averaged_over_those() -> None:
    """Clips have metrics that pictures lack."""
    rows = [dict.fromkeys(MEASURED, 1.0), dict.fromkeys(MEASURED, 1.0) | {"cdc": 0.5}]
    credit = (np.array([0], np.uint16), np.ones(1, np.float32), np.ones(1, np.float32))
    assert pool(rows, [credit] * 2)["cdc"].value == 0.5


def test_the_conclusion_orders_pictures_by_name() -> None:
    """Results come as they finish; what is reported does not depend on that."""
    reference, prediction = two_halves((200, 60, 60), (60, 200, 60)), two_halves((150, 90, 90), (90, 150, 90))
    outcomes = []
    for order in (("a", "b"), ("b", "a")):
        tally = Tally()
        for name in order:
            tally.add(name, measure(Comparison(View(reference if name == "a" else prediction), View(prediction))))
        outcomes.append(
            conclude(
                {"x": tally},
                np.zeros(pooling.BINS),
                protocol="original",
                predictions=("x",),
                excluded={},
                facts={},
                extra={},
            )
        )
    assert outcomes[0].pictures == ("a", "b")
    assert outcomes[0].as_event() == outcomes[1].as_event()
    assert outcomes[0].rows == outcomes[1].rows
    assert outcomes[0].rows["x"][1]["auc_rebalanced"] == pytest.approx(100)
