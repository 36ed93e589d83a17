"""Batches in an order that the seed fixes, made by threads ahead of the training step.

Batch number b of a run is a function of (samples, seed, b): epoch b // steps has its own
permutation, every place in it its own source of chance. So a resumed run sees exactly what
the unbroken run would have seen, however many threads there are.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.data.pictures import UnusableError, cut, decode, to_lab, weather
from koalacli.data.sources import Sample, read_sample
from koalacli.errors import DataError, InputError
from koalacli.tables import AUGMENTATIONS, Augmentation

T = TypeVar("T")

LONGEST_SEARCH = 512  # unusable pictures in a row before the data set is given up


@dataclass(frozen=True)
class Example:
    """What a training step needs of one picture.

    Attributes:
        sample: where it came from.
        digest: of the bytes as stored; what cached embeddings are kept by.
        lightness: float32 (S, S, 1), L* 0..100, weathered.
        ab: float32 (S/stride, S/stride, 2), CIELAB units.
        clean: float32 (S, S, 1), the lightness as it was.
        rgb8: uint8 (S, S, 3), the reference.
    """

    sample: Sample
    digest: str
    lightness: Array
    ab: Array
    clean: Array
    rgb8: Rgb8


@dataclass(frozen=True)
class Batch:
    """Arrays of a training step; see Example. `number` counts from the run's beginning."""

    number: int
    samples: list[Sample]
    digests: list[str]
    lightness: Array
    ab: Array


@dataclass(frozen=True)
class CropView:
    """How pictures are turned into examples.

    Attributes:
        size: side of the square that the network sees, pixels.
        stride: network input pixels per output pixel.
        augmentation: what chance does to it.
    """

    size: int
    stride: int
    augmentation: Augmentation = AUGMENTATIONS["none"]


def make_example(sample: Sample, view: CropView, rng: np.random.Generator) -> Example:
    """Read, decode, cut and weather one picture.

    Raises:
        UnusableError: the picture cannot teach color.
        DataError: its source is gone.
    """
    try:
        content = read_sample(sample)
    except InputError as error:  # gone since it was listed, or not ours to read
        raise UnusableError(f"cannot be read ({error})") from error
    rgb8 = cut(decode(content), view.size, view.augmentation, rng)
    lab = to_lab(rgb8)
    small = view.size // view.stride
    ab = cv2.resize(lab[..., 1:], (small, small), interpolation=cv2.INTER_AREA)
    clean = np.ascontiguousarray(lab[..., 0])
    lightness = weather(rgb8, clean, view.augmentation, rng)
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return Example(sample, digest, lightness, np.asarray(ab, np.float32), clean[..., None], rgb8)


class Loader:
    """Examples and batches of a list of samples.

    Attributes:
        skipped: sample -> why it could not be used, as far as the run has met it.
    """

    def __init__(self, samples: Sequence[Sample], view: CropView, *, batch_size: int, seed: int, workers: int):
        if not samples:
            raise DataError("no pictures are left to train on")
        self.samples = list(samples)
        self.view = view
        self.batch_size = batch_size
        self.seed = seed
        self.workers = workers
        self.skipped: dict[Sample, str] = {}
        self._lock = Lock()
        self._orders: dict[int, NDArray[np.int64]] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Batches until every sample was drawn once; the last one is filled up from the next order."""
        return -(-len(self.samples) // self.batch_size)

    def batches(self, first: int = 0, part: int = 0, parts: int = 1) -> Generator[Batch, None, None]:
        """All batches from number `first` on, without end; of each only one of several equal parts, if asked."""
        size = self.batch_size // parts
        places = self._places(first, part * size, size)
        for number, examples in enumerate(self._grouped(places, self._draw, size), first):
            yield Batch(
                number,
                [example.sample for example in examples],
                [example.digest for example in examples],
                np.stack([example.lightness for example in examples]),
                np.stack([example.ab for example in examples]),
            )

    def examples(self, limit: int = 0) -> Iterator[Example]:
        """Every usable sample once, in order, up to a limit; for validation and for measuring."""
        found = 0
        for examples in self._grouped(iter(range(len(self.samples))), self._try, self.batch_size):
            for example in examples:
                if example is not None:
                    yield example
                    found += 1
                    if found == limit:
                        return

    def _grouped(self, places: Iterator[int], make: Callable[[int], T], size: int) -> Iterator[list[T]]:
        """Results of `make` in the order of places, `size` at a time, two groups ahead."""
        with ThreadPoolExecutor(self.workers, "koala-data") as threads:
            waiting: deque[list[Future[T]]] = deque()
            try:
                while True:
                    while len(waiting) < 3:
                        numbers = list(islice(places, size))
                        if not numbers:
                            break
                        waiting.append([threads.submit(make, number) for number in numbers])
                    if not waiting:
                        return
                    yield [future.result() for future in waiting.popleft()]
            finally:
                threads.shutdown(wait=True, cancel_futures=True)

    def _places(self, number: int, offset: int, size: int) -> Iterator[int]:
        """Places of a part of each batch: `size` of them, `offset` after the batch's first."""
        while True:
            begin = number * self.batch_size + offset
            yield from range(begin, begin + size)
            number += 1

    def _draw(self, place: int) -> Example:
        """The example at a place of the endless order; an unusable picture is replaced by another one.

        The replacement depends on the place alone, not on what other threads have met.
        """
        for attempt in range(min(LONGEST_SEARCH, 4 * len(self.samples))):
            rng = np.random.default_rng((self.seed, place, attempt))
            number = self._number(place) if attempt == 0 else int(rng.integers(len(self.samples)))
            example = self._attempt(number, rng)
            if example is not None:
                return example
        raise DataError(f"no usable picture among {len(self.samples)}: {self.summary()}")

    def _try(self, number: int) -> Example | None:
        return self._attempt(number, np.random.default_rng((self.seed, number)))

    def _attempt(self, number: int, rng: np.random.Generator) -> Example | None:
        sample = self.samples[number]
        if sample in self.skipped:
            return None
        try:
            return make_example(sample, self.view, rng)
        except UnusableError as error:
            self.skipped[sample] = str(error)
            return None

    def _number(self, place: int) -> int:
        epoch, index = divmod(place, len(self.samples))
        with self._lock:
            if epoch not in self._orders:
                self._orders.pop(epoch - 2, None)  # two are in use where one epoch meets the next
                self._orders[epoch] = np.random.default_rng((self.seed, epoch)).permutation(len(self.samples))
            return int(self._orders[epoch][index])

    def summary(self) -> str:
        """How many pictures were skipped for which reason, in words."""
        counts: dict[str, int] = {}
        for reason in list(self.skipped.values()):
            kind = reason.split(" (")[0]
            counts[kind] = counts.get(kind, 0) + 1
        return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none skipped"
