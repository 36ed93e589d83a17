"""METRICS: what `koala eval` measures, with unit, direction and the rule that makes one figure of many pictures.

NumPy and OpenCV only, no download. Each metric is one function of a `Comparison`; the formulas
and their sources stand in `pictures.py` and `clips.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koalacli.metrics import pictures
from koalacli.metrics.comparison import Comparison


@dataclass(frozen=True)
class Metric:
    """One entry of METRICS.

    Attributes:
        measure: the value of one picture.
        label: for tables.
        unit: "" where the number has none.
        better: "higher", "lower", or "reference" where the best value is that of the references.
        digits: decimals worth showing.
        help: one line on what it tells.
    """

    measure: Callable[[Comparison], float]
    label: str
    unit: str
    better: str
    digits: int
    help: str


METRICS: dict[str, Metric] = {
    "psnr": Metric(
        lambda pair: pictures.psnr(pair.reference.rgb8, pair.prediction.rgb8),
        *("PSNR", "dB", "higher", 2, "RGB, all pixels and channels; gray scores well, lightness being shared"),
    ),
    "psnr_ab": Metric(
        lambda pair: pictures.psnr_ab(pair.reference.ab, pair.prediction.ab),
        *("PSNR ab", "dB", "higher", 2, "the ab planes alone, peak 255"),
    ),
    "rmse_ab": Metric(
        lambda pair: pictures.rmse_ab(pair.reference.ab, pair.prediction.ab),
        *("RMSE ab", "CIELAB", "lower", 2, "root mean square error of the ab planes"),
    ),
    "ssim": Metric(
        lambda pair: pictures.ssim(pair.reference.moments, pair.prediction.moments),
        *("SSIM", "", "higher", 4, "11x11 Gaussian window; little signal, structure being copied"),
    ),
    "delta_e": Metric(
        lambda pair: float(pair.delta_e.mean(dtype=np.float64)),
        *("ΔE2000", "CIEDE2000", "lower", 2, "color difference as seen, mean over pixels"),
    ),
    "delta_e_median": Metric(
        lambda pair: float(np.median(pair.delta_e)),
        *("ΔE2000 median", "CIEDE2000", "lower", 2, "color difference, median over pixels"),
    ),
    "delta_e_p95": Metric(
        lambda pair: float(np.percentile(pair.delta_e, 95)),
        *("ΔE2000 p95", "CIEDE2000", "lower", 2, "color difference, 95th percentile over pixels"),
    ),
    "auc": Metric(
        lambda pair: pictures.auc_raw(pair.credits),
        *("AuC raw", "%", "higher", 2, "pixels within a threshold of ab error, mean over thresholds 0..150"),
    ),
    "hue_distance": Metric(
        lambda pair: pictures.hue_distance(pair.reference.hue_histogram, pair.prediction.hue_histogram),
        *("Hue distance", "degrees", "lower", 1, "turn between the chroma-weighted hue histograms"),
    ),
    "colorfulness": Metric(
        lambda pair: pair.prediction.colorfulness,
        *("CF", "", "reference", 1, "Hasler-Süsstrunk colorfulness of the prediction, signed differences"),
    ),
    "chroma": Metric(
        lambda pair: pair.prediction.chroma,
        *("Chroma", "CIELAB", "reference", 1, "mean chroma of the prediction"),
    ),
    "colorfulness_reference": Metric(
        lambda pair: pair.reference.colorfulness,
        *("CF true", "", "reference", 1, "colorfulness of the reference"),
    ),
    "chroma_reference": Metric(
        lambda pair: pair.reference.chroma,
        *("Chroma true", "CIELAB", "reference", 1, "mean chroma of the reference"),
    ),
}
