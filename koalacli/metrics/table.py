"""METRICS: what `koala eval` measures, with unit, direction and the rule that makes one figure of many pictures.

The table of the terminal, JSON, CSV and the report's page hold what stands here, in this order.
The formulas and their sources stand in `pictures.py`, `clips.py` and `pooling.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from koalacli.metrics import pictures
from koalacli.metrics.clips import ColorConsistency, Meter, WarpError
from koalacli.metrics.comparison import Comparison
from koalacli.metrics.pictures import Double
from koalacli.metrics.pooling import BinCredit, mean, rebalanced, rebalanced_each


@dataclass(frozen=True)
class Direction:
    """Where a metric is best.

    Attributes:
        sign: for the head of a row.
        words: for a page.
        goal: the best value, where there is one worth marking on a scale.
        descending: whether the best pictures have the largest values.
    """

    sign: str
    words: str
    goal: float | None = None
    descending: bool = False


DIRECTIONS = {
    "higher": Direction("↑", "higher is better", descending=True),
    "lower": Direction("↓", "lower is better"),
    "reference": Direction("", "best at the true value"),
    "zero": Direction("→ 0", "best at 0", goal=0.0),
    "one": Direction("→ 1", "best at 1", goal=1.0),
}


@dataclass(frozen=True)
class Metric:
    """One entry of METRICS.

    Of `measure`, `pool` and `meter` one is given, or none where a judging network adds the values.

    Attributes:
        label: for tables.
        unit: "" where the number has none.
        better: key of DIRECTIONS. The true value of a metric that is best there is the figure NAME_reference.
        digits: decimals worth showing.
        help: one line on what it tells.
        measure: the value of one picture; the figure of a set is the mean over pictures.
        pool: a figure of the whole set that is no mean: (columns, credits, counts) -> values. Columns: per-picture
            values (N,) by metric; credits: see `pooling.rebalanced_parts`; counts (R, N): how often each picture is
            drawn in each of R resamples; values (R,).
        each: with `pool`, what each picture has of it, (N,), from the credits.
        meter: makes what takes in a clip frame by frame; NAME_reference, where METRICS has it, is the reference's own.
        shown: in the tables of the terminal and the report; JSON and CSV hold all.
    """

    label: str
    unit: str
    better: str
    digits: int
    help: str
    measure: Callable[[Comparison], float] | None = None
    pool: Callable[[dict[str, Double], Sequence[BinCredit], Double], Double] | None = None
    each: Callable[[Sequence[BinCredit]], Double] | None = None
    meter: Callable[[], Meter] | None = None
    shown: bool = True

    @property
    def direction(self) -> Direction:
        return DIRECTIONS[self.better]

    @property
    def suffix(self) -> str:
        """The unit, where it is short enough to follow a number."""
        return self.unit if self.unit in ("dB", "%") else ""


METRICS: dict[str, Metric] = {  # in the order of reading
    "psnr": Metric(
        *("PSNR", "dB", "higher", 2, "RGB, all pixels and channels; gray scores well, lightness being shared"),
        measure=lambda pair: pictures.psnr(pair.reference.rgb8, pair.prediction.rgb8),
    ),
    "psnr_ab": Metric(
        *("PSNR ab", "dB", "higher", 2, "the ab planes alone, peak 255"),
        measure=lambda pair: pictures.psnr_ab(pair.reference.ab, pair.prediction.ab),
    ),
    "rmse_ab": Metric(
        *("RMSE ab", "CIELAB", "lower", 2, "root mean square error of the ab planes"),
        measure=lambda pair: pictures.rmse_ab(pair.reference.ab, pair.prediction.ab),
    ),
    "ssim": Metric(
        *("SSIM", "", "higher", 4, "11x11 Gaussian window; little signal, structure being copied"),
        measure=lambda pair: pictures.ssim(pair.reference.moments, pair.prediction.moments),
    ),
    "delta_e": Metric(
        *("ΔE2000", "CIEDE2000", "lower", 2, "color difference as seen, mean over pixels"),
        measure=lambda pair: float(pair.delta_e.mean(dtype=np.float64)),
    ),
    "delta_e_median": Metric(
        *("ΔE2000 median", "CIEDE2000", "lower", 2, "color difference, median over pixels"),
        measure=lambda pair: float(np.median(pair.delta_e)),
    ),
    "delta_e_p95": Metric(
        *("ΔE2000 p95", "CIEDE2000", "lower", 2, "color difference, 95th percentile over pixels"),
        measure=lambda pair: float(np.percentile(pair.delta_e, 95)),
    ),
    "auc": Metric(
        *("AuC raw", "%", "higher", 2, "pixels within a threshold of ab error, mean over thresholds 0..150"),
        measure=lambda pair: pictures.auc_raw(pair.credits),
    ),
    "auc_rebalanced": Metric(
        *("AuC rebalanced", "%", "higher", 2),
        "as AuC raw, all ab bins that occur weighing alike: tells color from gray",
        pool=lambda columns, credits, counts: rebalanced(credits, counts),
        each=rebalanced_each,
    ),
    "colorfulness": Metric(
        *("CF", "", "reference", 1, "Hasler-Süsstrunk colorfulness of the prediction, signed differences"),
        measure=lambda pair: pair.prediction.colorfulness,
    ),
    "colorfulness_reference": Metric(
        *("CF true", "", "reference", 1, "colorfulness of the reference"),
        measure=lambda pair: pair.reference.colorfulness,
    ),
    "colorfulness_gap": Metric(
        *("CF gap of means", "", "zero", 1, "mean CF of the predictions less mean CF of the references"),
        pool=lambda columns, credits, counts: mean(columns["colorfulness"] - columns["colorfulness_reference"], counts),
    ),
    "colorfulness_gap_each": Metric(
        *("CF gap per picture", "", "lower", 1, "mean over pictures of the absolute difference in CF"),
        pool=lambda columns, credits, counts: mean(
            abs(columns["colorfulness"] - columns["colorfulness_reference"]), counts
        ),
    ),
    "chroma": Metric(
        *("Chroma", "CIELAB", "reference", 1, "mean chroma of the prediction"),
        measure=lambda pair: pair.prediction.chroma,
        shown=False,
    ),
    "chroma_reference": Metric(
        *("Chroma true", "CIELAB", "reference", 1, "mean chroma of the reference"),
        measure=lambda pair: pair.reference.chroma,
        shown=False,
    ),
    "chroma_ratio": Metric(
        *("Chroma ratio", "", "one", 3, "mean chroma of predictions over that of references; below 1 is fading"),
        pool=lambda columns, credits, counts: (
            mean(columns["chroma"], counts) / mean(columns["chroma_reference"], counts)
        ),
    ),
    "hue_distance": Metric(
        *("Hue distance", "degrees", "lower", 1, "turn between the chroma-weighted hue histograms"),
        measure=lambda pair: pictures.hue_distance(pair.reference.hue_histogram, pair.prediction.hue_histogram),
    ),
    "cdc": Metric(
        *("CDC", "nats", "lower", 5, "divergence of color histograms 1, 2 and 4 frames apart"),
        meter=ColorConsistency,
    ),
    "cdc_reference": Metric("CDC true", "nats", "reference", 5, "the same of the reference"),
    "warp_error": Metric(
        *("Warp error", "CIELAB", "lower", 2, "change of ab along the reference's motion"),
        meter=WarpError,
    ),
    "warp_error_reference": Metric("Warp error true", "CIELAB", "reference", 2, "the same of the reference"),
    "lpips": Metric("LPIPS", "", "lower", 4, "version 0.1, AlexNet, by the file given with --lpips"),
    "fid": Metric(
        *("FID (Keras)", "", "lower", 1),
        "Fréchet distance of Keras' InceptionV3 features at 299 by the file given with --inception; "
        "not to be compared with other networks' FID, nor between different numbers of pictures",
    ),
}
