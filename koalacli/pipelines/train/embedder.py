"""Embeddings of training pictures by a frozen extractor, each computed once."""

import hashlib

import numpy as np

from koalacli.arrays import Array
from koalacli.data.embeddings import EmbeddingStore
from koalacli.data.loader import CropView, make_example
from koalacli.data.sources import Sample
from koalacli.model.network import Network
from koalacli.tables import EXTRACTORS

CHUNK = 8  # pictures per call, always: one trace


class Embedder:
    """Samples and digests -> embeddings (B, E), from the store where they are there.

    A cached embedding is that of the picture as it is, not of its crops: as in the original
    systems, which computed embeddings before training.
    """

    def __init__(self, network: Network, file: str):
        self._extractor = network.extractor
        side = EXTRACTORS[network.config.extractor].input_size
        self._view = CropView(side, stride=1)  # the whole middle square, as large as the extractor looks at
        digest = hashlib.sha256(f"{network.config.extractor} {network.config.cut}".encode())
        for variable in self._extractor.weights:
            digest.update(variable.numpy().tobytes())
        self._store = EmbeddingStore(file, digest.hexdigest())

    def __call__(self, samples: list[Sample], digests: list[str]) -> Array:
        """Embeddings float32 (B, E)."""
        known = self._store.get(digests)
        missing = {digest: sample for sample, digest in zip(samples, digests, strict=True) if digest not in known}
        todo = list(missing)
        for first in range(0, len(todo), CHUNK):
            made = self._embed({digest: missing[digest] for digest in todo[first : first + CHUNK]})
            self._store.put(made)
            known.update(made)
        return np.stack([known[digest] for digest in digests])

    def _embed(self, samples: dict[str, Sample]) -> dict[str, Array]:
        chance = np.random.default_rng(0)  # nothing in the view is random
        pictures = [make_example(sample, self._view, chance).clean for sample in samples.values()]
        filled = np.stack(pictures + pictures[-1:] * (CHUNK - len(pictures)))
        return dict(zip(samples, np.asarray(self._extractor.predict_on_batch(filled), np.float32), strict=False))
