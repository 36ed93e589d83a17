"""A worker: one loaded network with its journal, and reader and writer threads around it; jobs in, records out."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

from koalacli.arrays import Array, Pixels
from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig
from koalacli.control.hints import Hints
from koalacli.control.palette import Palette, find_palette
from koalacli.control.proposals import Proposal
from koalacli.control.references import Followed, Reference
from koalacli.control.solver import LightnessAt
from koalacli.engines.library import load_references
from koalacli.errors import KoalaError, StorageFullError, UsageError
from koalacli.io.paths import Job
from koalacli.io.picture.xmp import Provenance
from koalacli.io.store_journal import open_journal
from koalacli.journal import Journal, digest_settings
from koalacli.photograph.guides import Sight
from koalacli.photograph.journey import OpenedPhotograph, Setup, close_photograph, open_photograph
from koalacli.prediction import Prediction
from koalacli.process import worker_count
from koalacli.records import Notice, Outcome, Record
from koalacli.settings import read_out_of, shaping_settings
from koalacli.stream import Stage, stream
from koalacli.version import __version__
from koalacli.weights_files import WeightsFile, open_weights


class Identity(Protocol):
    """What weights are known by."""

    @property
    def name(self) -> str:
        """As it stands in the metadata of outputs."""

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal."""


class Predictor(Sight, Protocol):
    """What an engine needs of a network; a Colorizer is one.

    Attributes:
        device: where it runs.
        batch_size: pictures per network call; falls where memory is short.
    """

    device: str
    batch_size: int

    @property
    def weights(self) -> Identity:
        """Whose color it is."""

    def predict(self, lightness: Sequence[Array], *, features: bool = False, bin_probs: bool = False) -> Prediction:
        """Small ab for lightness pictures (h, w, 1) of one size, and what else is asked for."""

    def correct(
        self, lightness: Array, said: Prediction, place: int, guide: Array, hints: Hints, lightness_at: LightnessAt
    ) -> Array:
        """Small ab of one picture of a batch, with its hints."""

    def look_at_reference(self, rgb: Pixels, name: str = "") -> Reference:
        """A photograph in color as `follow_best` takes it."""

    def follow_best(self, guide: Array, references: Sequence[Reference], strength: float) -> Followed:
        """Small ab by the best of several references, and how it was made."""

    def follow_palette(self, guide: Array, palette: Palette, strength: float) -> Array:
        """Small ab with the colors of a palette where they may be."""

    def propose_colors(self, guides: Sequence[Array], count: int) -> list[list[Proposal]]:
        """Several small ab for each of lightness pictures (h, w, 1) of one size."""


_loaded: WeakValueDictionary[tuple[str, ...], Colorizer] = WeakValueDictionary()


def _load(file: WeightsFile, config: ColorizeConfig) -> Colorizer:
    """A network; pictures of some folders have settings of their own, and their Workers share one while it is in use.

    Raises:
        DeviceError, UsageError, WeightsError: it cannot be had as asked for.
    """
    key, asked = (str(file.path), file.digest, config.device, config.batch_size), read_out_of(config)
    if known := _loaded.get(key):
        return known.with_look(**{**asdict(known.weights.read_out), **asked})
    _loaded[key] = made = Colorizer(file, config.device, batch_size=config.batch_size, **asked)
    return made


class Worker:
    """One network with its journal.

    Args:
        config: see ColorizeConfig.
        folder: the output folder, whose journal tells what earlier runs did; None for the standard streams.
        colorizer: a network that is loaded already, or weights that are read already; by default those that config
            names. Weights are loaded when first needed.
        journal: one that is open already; by default that of the folder.

    Raises:
        WeightsError: there are no such weights.
    """

    def __init__(
        self,
        config: ColorizeConfig,
        folder: Path | str | None = None,
        colorizer: Predictor | WeightsFile | None = None,
        journal: Journal | None = None,
    ):
        self.config = config
        self._network: Predictor | WeightsFile = colorizer or open_weights(config.weights)
        known = self._network if isinstance(self._network, WeightsFile) else self._network.weights
        self._references: list[Reference] = []
        self.journal = journal or open_journal(folder, digest_settings(config), known.digest, alone=config.alone)

    @property
    def colorizer(self) -> Predictor:
        """The network; loaded at the first request.

        Raises:
            DeviceError, UsageError, WeightsError: it cannot be had as asked for.
        """
        if isinstance(self._network, WeightsFile):
            self._network = _load(self._network, self.config)
        return self._network

    def run(self, jobs: Iterable[Job]) -> Iterator[Notice | Record]:
        """Colorize every job, taken lazily; yields a Record per job as they finish; a Notice where memory was short.

        Raises:
            KoalaError: the network cannot be loaded.
            StorageFullError: the output device is full; what is written so far is whole.
        """
        if not jobs:
            return
        workers, batch_size = worker_count(self.config.workers), self.colorizer.batch_size
        ahead = 3 * batch_size + 2 * workers
        if self.config.reference and not self._references:
            self._references, left_out = load_references(self.config, self.colorizer)
            yield from map(Notice, left_out)
        for job, result in stream(jobs, self._stage(), batch_size=batch_size, workers=workers, ahead=ahead):
            if self.colorizer.batch_size < batch_size:
                batch_size = self.colorizer.batch_size
                yield Notice(f"out of memory: {batch_size} pictures per network call from here on")
            if isinstance(result, StorageFullError):
                raise result
            if isinstance(result, KoalaError):
                result = Record(job.source, job.target, Outcome.FAILED, str(result))
            yield result

    def _stage(self) -> Stage[Job, OpenedPhotograph, Record]:
        network = self.colorizer
        digest, settings = f"sha256:{network.weights.digest}", json.dumps(shaping_settings(self.config))
        provenance = Provenance(f"koala {__version__}", network.weights.name, digest, settings=settings)
        if self.config.palette:
            name = f"palette of {Path(self.config.palette).name}, strength {self.config.reference_strength:g}"
            provenance = replace(provenance, reference=name)
        setup = Setup(self.config, network, provenance, self.journal)
        return Stage(
            read=lambda job: open_photograph(job, setup),
            key=lambda opened: opened.canvas.guides[0].shape if opened.canvas else None,
            run=self._run_of(network),
            write=lambda job, opened, colorings: close_photograph(job, opened, colorings, setup),
        )

    def _run_of(self, network: Predictor) -> Callable[[list[OpenedPhotograph]], list[Any]]:
        """How a batch is colored."""
        strength = self.config.reference_strength
        if self.config.palette:
            palette, _ = find_palette(self.config.palette, self.config.max_pixels)
            return lambda batch: _each(batch, lambda guide: network.follow_palette(guide, palette, strength))
        if self._references:
            return lambda batch: _each(batch, lambda guide: network.follow_best(guide, self._references, strength))
        return lambda batch: predict(network, batch, self.config.proposals)


def _each(batch: list[OpenedPhotograph], make: Callable[[Array], Any]) -> list[list[Any]]:
    """What is made of every guide of every photograph, one by one."""
    return [[make(guide) for guide in opened.canvas.seen] for opened in batch if opened.canvas]


def predict(
    network: Predictor, batch: list[OpenedPhotograph], proposals: int = 1
) -> list[list[Array | KoalaError]] | list[list[Proposal]]:
    """Small ab for every guide of every photograph; guides of equal size go through the network together.

    What cannot be made as asked is an error in its place. Where several proposals are wanted, photographs are of one
    size and have one guide each.
    """
    if proposals > 1:
        return network.propose_colors([opened.canvas.seen[0] for opened in batch if opened.canvas], proposals)
    guides = [
        (place, guide, opened.hints is not None)
        for place, opened in enumerate(batch)
        if opened.canvas
        for guide in opened.canvas.seen
    ]
    ab_planes: dict[int, Array | KoalaError] = {}  # by number of the guide
    for shape, hinted in dict.fromkeys((guide.shape, hinted) for _, guide, hinted in guides):
        alike = [number for number, (_, guide, told) in enumerate(guides) if (guide.shape, told) == (shape, hinted)]
        seen = [guides[number][1] for number in alike]
        if hinted:
            made: list[Any] = _predict_hinted(network, seen, [batch[guides[number][0]] for number in alike])
        else:
            made = list(network.predict(seen).ab)
        ab_planes |= zip(alike, made, strict=True)
    results: list[list[Array | KoalaError]] = [[] for _ in batch]
    for number, (place, _, _) in enumerate(guides):
        results[place].append(ab_planes[number])
    return results


def _predict_hinted(
    network: Predictor, seen: list[Array], photographs: list[OpenedPhotograph]
) -> list[Array | KoalaError]:
    """Small ab as what a person knows corrects them; an error in place of what cannot be had."""
    wanted = any(opened.hints and opened.hints.needs_bins for opened in photographs)
    try:
        said = network.predict(seen, features=True, bin_probs=wanted)
    except UsageError:  # there are no bins: it is told of those that need some, below
        said = network.predict(seen, features=True)
    ab_planes: list[Array | KoalaError] = []
    for place, (lightness, opened) in enumerate(zip(seen, photographs, strict=True)):
        assert opened.hints is not None
        assert opened.canvas is not None
        guide, lightness_at = opened.canvas.guides[0], opened.canvas.lightness_at
        try:
            ab_planes.append(network.correct(lightness, said, place, guide, opened.hints, lightness_at))
        except KoalaError as error:
            ab_planes.append(error)
    return ab_planes
