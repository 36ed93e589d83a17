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
from koalacli.color.lab import lab_to_rgb
from koalacli.data.loader import Example
from koalacli.data.sources import Sample
from koalacli.errors import DataError
from koalacli.model.heads import mean_color
from koalacli.pipelines.train.session import Session

LARGEST_ERROR = 150  # CIELAB units; the area under the curve ends there (Zhang et al. 2016, section 3.1)
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
        """Figures of the network as it is, `val_loss` among them, and its predictions (N, s, s, 2)."""
        validation, size = self.validation, self.batch_size
        losses, predicted = [], []
        for first in range(0, len(validation), size):
            part = slice(first, min(first + size, len(validation)))
            outputs = self.session.predict(*validation.batch(part, size))[: part.stop - first]
            losses.append(self.session.loss_of(validation.ab[part], outputs) * len(outputs))
            predicted.append(self.session.read(outputs))
        ab = np.concatenate(predicted)
        return {"val_loss": sum(losses) / len(validation), **figures(validation, ab)}, ab

    def score(self, row: dict[str, float]) -> float:
        """Higher is better, as the network's head sees it."""
        return self.session.head.score(row, self.baseline)

    def known_by_heart(self, row: dict[str, float]) -> bool:
        """Whether the pictures of --overfit were learned."""
        return row["ab_error"] ** 2 < LEARNED * self.baseline["ab_error"] ** 2

    def _baseline(self, color: Array) -> dict[str, float]:
        validation, constant = self.validation, self.session.constant
        outputs = np.broadcast_to(constant, (1, *validation.ab.shape[1:3], len(constant)))
        losses = [self.session.loss_of(ab[None], outputs) for ab in validation.ab]
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


def figures(validation: Validation, predicted: Array) -> dict[str, float]:
    """Figures of predictions (N, s, s, 2); see docs/training.md for their meaning."""
    error = np.sqrt(np.sum((predicted - validation.ab) ** 2, axis=-1))
    inside = np.clip(1 - np.ceil(error) / (LARGEST_ERROR + 1), 0, 1)
    colorful, reference = (_colorfulness(validation, ab) for ab in (predicted, validation.ab))
    auc_rebalanced = 100 * float(np.sum(inside * validation.bin_weights) / validation.bin_weights.sum())
    gap = colorful - reference
    return {
        "ab_error": float(error.mean()),
        "auc": 100 * float(inside.mean()),
        "auc_rebalanced": auc_rebalanced,
        "colorfulness": colorful,
        "colorfulness_gap": gap,
        "spread": _spread(predicted) / max(_spread(validation.ab), 1e-6),
        "score": auc_rebalanced - GAP_WEIGHT * abs(gap),
    }


def constant_color(validation: Validation, ab: Array) -> Array:
    """The prediction of one color (2,) everywhere."""
    return np.broadcast_to(ab, validation.ab.shape).astype(np.float32)


def sample_grid(validation: Validation, predicted: Array) -> NDArray[np.uint8]:
    """rgb8 sheet of the first pictures, one row each: gray, prediction, reference."""
    rows = []
    for example, ab in zip(validation.examples, predicted, strict=False):
        size = (example.clean.shape[1], example.clean.shape[0])
        large = cv2.resize(ab, size, interpolation=cv2.INTER_CUBIC)
        gray = _rgb8(np.concatenate([example.clean, np.zeros_like(large)], -1))
        rows.append(np.hstack([gray, _rgb8(np.concatenate([example.clean, large], -1)), example.rgb8]))
    return np.vstack(rows)


def _rgb8(lab: Array) -> NDArray[np.uint8]:
    return np.rint(np.clip(lab_to_rgb(lab), 0, 1) * 255).astype(np.uint8)


def _spread(ab: Array) -> float:
    return float(np.mean(ab.reshape(-1, 2).std(axis=0)))


def _rarity(ab: Array) -> Array:
    """One over the frequency of each pixel's nearest 10-unit color, scaled to mean 1."""
    cell = np.rint(ab / 10).astype(np.int64) @ np.array([64, 1])
    _, inverse, counts = np.unique(cell, return_inverse=True, return_counts=True)
    weight = (1.0 / counts)[inverse].reshape(cell.shape)
    return (weight / weight.mean()).astype(np.float32)


def _colorfulness(validation: Validation, ab: Array) -> float:
    """Mean colorfulness (Hasler, Suesstrunk 2003, with signed means) at output size, rgb 0..255."""
    total = 0.0
    for lightness, small in zip(validation.lightness, ab, strict=True):
        side = (small.shape[1], small.shape[0])
        gray = cv2.resize(lightness[..., 0].astype(np.float32), side, interpolation=cv2.INTER_AREA)
        lab = np.dstack([gray, small]).astype(np.float32)
        rgb = np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32) * 255
        red_green = rgb[..., 0] - rgb[..., 1]
        yellow_blue = (rgb[..., 0] + rgb[..., 1]) / 2 - rgb[..., 2]
        deviation = np.hypot(red_green.std(), yellow_blue.std())
        total += float(deviation + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))
    return total / len(ab)
