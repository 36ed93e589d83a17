"""How much hints are worth: figures over the number of points whose true color is told."""

from dataclasses import dataclass
from typing import Any

import numpy as np

FIGURES = {"psnr": "PSNR, dB", "rmse_ab": "RMSE of ab, CIELAB"}  # of METRICS, and how tables call them


@dataclass(frozen=True)
class HintCurve:
    """Means over pictures.

    Attributes:
        counts: numbers of points, rising; 0 is without hints.
        values: subject -> figure -> value for every count, NaN where there is none (a floor without points).
        floors: the subjects that know nothing but lightness and place.
    """

    counts: tuple[int, ...]
    values: dict[str, dict[str, tuple[float, ...]]]
    floors: tuple[str, ...]

    def as_event(self) -> dict[str, Any]:
        """For --json."""
        values = {
            subject: {name: [round(value, 6) for value in row] for name, row in figures.items()}
            for subject, figures in self.values.items()
        }
        return {"points": list(self.counts), "floors": list(self.floors), "figures": values}


def mean_curve(
    counts: tuple[int, ...], pictures: list[dict[str, dict[str, tuple[float, ...]]]], floors: tuple[str, ...]
) -> HintCurve:
    """The curve of a set from those of its pictures, in a fixed order."""
    values = {
        subject: {
            name: tuple(np.mean([picture[subject][name] for picture in pictures], axis=0).tolist()) for name in figures
        }
        for subject, figures in pictures[0].items()
    }
    return HintCurve(counts, values, floors)
