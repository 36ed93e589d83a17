"""Folders to judge."""

from pathlib import Path

import numpy as np
import pytest
from evaluations import patches, save


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three references and their predictions, in a tree, of different formats."""
    for number, name in enumerate(("a", "deep/b", "deep/c")):
        save(tmp_path / "ref" / f"{name}.png", patches(number))
        save(tmp_path / "pred" / f"{name}.webp", np.roll(patches(number), 1, axis=2))
    return tmp_path / "pred", tmp_path / "ref"
