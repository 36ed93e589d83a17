"""Validation: figures of a network on pictures it was not trained on, and which of its states is the best.

Figures are taken at the size of the network's output. They steer a run and choose its best
weights; judging weights for the world is `koala eval`'s task.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array
from koalacli.color.bins import soft_encode
from koalacli.color.gamut import merge_rgb8
from koalacli.data.loader import Example
from koalacli.data.sources import Sample
from koalacli.errors import DataError, TrainingError
from koalacli.metrics import pictures
from koalacli.model.heads import mean_color
from koalacli.pipelines.train.session import Session

COLLAPSED = 0.15  # spread of predictions, as a share of the references', that raises the alarm
GAP_WEIGHT = 0.25  # points of rebalanced AuC that one unit of colorfulness gap is worth
GRID_PICTURES = 8
LEARNED = 0.3  # squared color error left, as a share of the constant color's, for pictures known by heart


@dataclass(frozen=True)
class Validation:
    """Pictures to validate on, held in memory.

    Attributes:
        lightness: float16 (N, S, S, 1), L* 0..100: a thousand pictures of 160 px are 50 MB.
        ab: float32 (N, s, s, 2), the references.
        samples, digests: N, what cached embeddings are found by.
        examples: the first few, whole, for sample grids.
        bin_weights: float32 (N, s, s), rarity of each pixel's color among all, mean 1.
    """

    lightness: NDArray[np.float16]
    ab: Array
    samples: list[Sample]
    digests: list[str]
    examples: list[Example]
    bin_weights: Array

    def __len__(self) -> int:
        return len(self.ab)

    def batch(self, part: slice, size: int) -> tuple[Array, list[Sample], list[str]]:
        """Lightness, samples and digests of a part, filled up to `size`, so that the network is traced once."""
        numbers = np.minimum(np.arange(part.start, part.start + size), part.stop - 1)
        return (
            self.lightness[numbers].astype(np.float32),
            [self.samples[number] for number in numbers],
            [self.digests[number] for number in numbers],
        )


def hold(examples: Iterable[Example]) -> Validation:
    """Collect validation pictures.

    Raises:
        DataError: there is none.
    """
    lightness: list[NDArray[np.float16]] = []
    ab: list[Array] = []
    first: list[Example] = []
    samples: list[Sample] = []
    digests: list[str] = []
    for example in examples:
        lightness.append(example.lightness.astype(np.float16))
        ab.append(example.ab)
        samples.append(example.sample)
        digests.append(example.digest)
        if len(first) < GRID_PICTURES:
            first.append(example)
    if not ab:
        raise DataError("there is no usable picture to validate on")
    references = np.stack(ab)
    return Validation(np.stack(lightness), references, samples, digests, first, _rarity(references))


class Validator:
    """Validates a session, beside the best that one constant color could do.

    Attributes:
        baseline: the figures of that constant color, `val_loss` among them.
    """

    def __init__(self, session: Session, validation: Validation, tables: dict[str, Array], batch_size: int):
        self.session, self.validation, self.batch_size = session, validation, batch_size
        self.baseline = self._baseline(mean_color(tables))

    def measure(self) -> tuple[dict[str, float], Array]:
        """Figures of the network as it is, `val_loss` among them, and its predictions (N, s, s, 2).

        Raises:
            TrainingError: a prediction is not a number.
        """
        validation, size = self.validation, self.batch_size
        losses, ab_planes = [], []
        for first in range(0, len(validation), size):
            part = slice(first, min(first + size, len(validation)))
            outputs = self.session.predict(*validation.batch(part, size))[: part.stop - first]
            losses.append(self.session.loss_of(validation.ab[part], outputs) * len(outputs))
            ab_planes.append(self.session.read(outputs))
        ab = np.concatenate(ab_planes)
        if not np.isfinite(ab).all():
            raise TrainingError("what the network predicts is not a number any more; a smaller --lr may help")
        return {"val_loss": sum(losses) / len(validation), **figures(validation, ab)}, ab

    def score(self, row: dict[str, float]) -> float:
        """Higher is better, as the network's head sees it."""
        return self.session.head.score(row, self.baseline)

    def known_by_heart(self, row: dict[str, float]) -> bool:
        """Whether the pictures of --overfit were learned."""
        return row["ab_error"] ** 2 < LEARNED * self.baseline["ab_error"] ** 2

    def _baseline(self, color: Array) -> dict[str, float]:
        validation, session = self.validation, self.session
        losses = [
            session.loss_of(ab[None], session.constant_outputs(lightness[None]))
            for lightness, ab in zip(validation.lightness, validation.ab, strict=True)
        ]
        everywhere = constant_color(validation, color)
        return {"val_loss": float(np.mean(losses)), **figures(validation, everywhere)}


def measure_bin_prior(examples: Iterable[Example], bins: Array) -> Array:
    """How frequent each of bins (Q, 2) is in pictures, float32 (Q,) that sums to 1.

    Raises:
        DataError: there is no picture.
    """
    counts = np.zeros(len(bins), np.float64)
    for example in examples:
        index, weight = soft_encode(example.ab, bins)
        counts += np.bincount(index.ravel(), weight.ravel(), minlength=len(bins))
    if not counts.sum():
        raise DataError("there is no usable picture to train on")
    return (counts / counts.sum()).astype(np.float32)


def figures(validation: Validation, ab: Array) -> dict[str, float]:
    """Figures of predictions (N, s, s, 2); see docs/training.md for their meaning."""
    error = np.sqrt(np.sum((ab - validation.ab) ** 2, axis=-1))
    credits = pictures.auc_credits(validation.ab, ab)
    colorful, reference = (_colorfulness(validation, planes) for planes in (ab, validation.ab))
    auc_rebalanced = 100 * float(np.sum(credits * validation.bin_weights) / validation.bin_weights.sum())
    gap = colorful - reference
    return {
        "ab_error": float(error.mean()),
        "auc": pictures.auc_raw(credits),
        "auc_rebalanced": auc_rebalanced,
        "colorfulness": colorful,
        "colorfulness_gap": gap,
        "spread": _spread(ab) / max(_spread(validation.ab), 1e-6),
        "score": auc_rebalanced - GAP_WEIGHT * abs(gap),
    }


def constant_color(validation: Validation, ab: Array) -> Array:
    """The prediction of one color (2,) everywhere."""
    return np.broadcast_to(ab, validation.ab.shape).astype(np.float32)


def sample_grid(validation: Validation, ab: Array) -> NDArray[np.uint8]:
    """rgb8 sheet of the first pictures, one row each: gray, prediction, reference."""
    rows = []
    for example, planes in zip(validation.examples, ab, strict=False):
        size = (example.clean.shape[1], example.clean.shape[0])
        large = cv2.resize(planes, size, interpolation=cv2.INTER_CUBIC)
        gray = merge_rgb8(example.clean, np.zeros_like(large))
        rows.append(np.hstack([gray, merge_rgb8(example.clean, large), example.rgb8]))
    return np.vstack(rows)


def _spread(ab: Array) -> float:
    return float(np.mean(ab.reshape(-1, 2).std(axis=0)))


def _rarity(ab: Array) -> Array:
    """One over the frequency of each pixel's nearest bin, scaled to mean 1."""
    bins = pictures.nearest_bins(ab)
    _, inverse, counts = np.unique(bins, return_inverse=True, return_counts=True)
    weight = (1.0 / counts)[inverse].reshape(bins.shape)
    return (weight / weight.mean()).astype(np.float32)


def _colorfulness(validation: Validation, ab: Array) -> float:
    """Mean colorfulness of the pictures that ab makes, at output size."""
    size = (ab.shape[2], ab.shape[1])
    grays = (cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA) for one in validation.lightness)
    made = [merge_rgb8(gray[..., None], planes) for gray, planes in zip(grays, ab, strict=True)]
    return float(np.mean([pictures.colorfulness(rgb8) for rgb8 in made]))
