"""Small pictures to judge, and the evaluation of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from koalacli.config import EvalConfig
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.pipeline import evaluate
from koalacli.records import Record


def save(path: Path, pixels: np.ndarray) -> Path:
    """A picture, lossless unless its suffix says otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def patches(seed: int, height: int = 24, width: int = 32) -> np.ndarray:
    """Patches of color, uint8 (height, width, 3)."""
    colors = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return np.kron(colors, np.ones((8, 8, 1), np.uint8))


def run(**settings: object) -> tuple[Evaluation, dict[str, Record]]:
    """The evaluation and the record of every picture."""
    records = list(evaluate(EvalConfig(**settings)))  # type: ignore[arg-type]
    return records[-1], {record.source: record for record in records if isinstance(record, Record)}
