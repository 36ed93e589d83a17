"""Embeddings kept on disk: each picture is shown to a frozen extractor once.

A key names the picture by the digest of its bytes and the extractor by the digest of its
values; so picture and embedding cannot be mispaired, whatever is shuffled, renamed or retrained.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from koalacli.arrays import Array
from koalacli.errors import DataError

IN_MEMORY = ":memory:"


class EmbeddingStore:
    """Embeddings float32 (E,) by the digests of picture and extractor.

    Args:
        file: SQLite file, made if need be; several runs may share it. IN_MEMORY keeps nothing.
        extractor: digest of the extractor's name, cut and values.
    """

    def __init__(self, file: str, extractor: str):
        self.file, self.extractor = file, extractor
        try:
            if file != IN_MEMORY:
                Path(file).parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(file, timeout=60)
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS embedding"
                "(extractor TEXT, picture TEXT, value BLOB, PRIMARY KEY (extractor, picture)) WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as error:
            raise DataError(f"{file}: cannot keep embeddings there ({error})") from error

    def get(self, pictures: Iterable[str]) -> dict[str, Array]:
        """Those of the pictures that are there."""
        found: dict[str, Array] = {}
        for picture in pictures:
            row = self._base.execute(
                "SELECT value FROM embedding WHERE extractor = ? AND picture = ?", (self.extractor, picture)
            ).fetchone()
            if row is not None:
                found[picture] = np.frombuffer(row[0], np.float32)
        return found

    def put(self, embeddings: dict[str, Array]) -> None:
        """Keep embeddings, all or none of them."""
        try:
            with self._base:
                self._base.executemany(
                    "INSERT OR REPLACE INTO embedding VALUES (?, ?, ?)",
                    [(self.extractor, key, value.astype(np.float32).tobytes()) for key, value in embeddings.items()],
                )
        except sqlite3.Error as error:
            raise DataError(f"{self.file}: cannot keep embeddings ({error})") from error
