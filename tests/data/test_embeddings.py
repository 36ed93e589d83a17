"""Embeddings are kept by what they were made of."""

from pathlib import Path

import numpy as np
import pytest

from koalacli.data.embeddings import EmbeddingStore
from koalacli.errors import DataError


def test_embeddings_come_back_by_picture_and_extractor(tmp_path: Path) -> None:
    """Another extractor never sees the first one's embeddings, in the same file or a later run."""
    file = str(tmp_path / "cache" / "e.sqlite")
    value = np.arange(5, dtype=np.float32)
    EmbeddingStore(file, "one").put({"picture": value, "other": value + 1})
    again = EmbeddingStore(file, "one").get(["other", "picture", "unknown"])
    assert sorted(again) == ["other", "picture"]
    np.testing.assert_array_equal(again["picture"], value)
    assert EmbeddingStore(file, "two").get(["picture"]) == {}


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """A wrong file is named and left alone."""
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, and long enough to be no empty file" * 50)
    with pytest.raises(DataError, match=r"notes\.txt"):
        EmbeddingStore(str(file), "one")
    assert file.read_text().startswith("these")
