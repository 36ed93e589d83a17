"""Run a work list on this machine: reader and writer threads around one network."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from koalacli.arrays import Array
from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig, read_out_of
from koalacli.errors import KoalaError, OutputError, StorageFullError, UsageError
from koalacli.io.paths import Job
from koalacli.io.picture.xmp import Provenance
from koalacli.journal import Journal, digest_settings
from koalacli.photograph.journey import OpenedPhotograph, Setup, close_photograph, decide_existing, open_photograph
from koalacli.process import quiet_libraries
from koalacli.records import Outcome, Record, Started
from koalacli.stream import Stage, stream
from koalacli.version import __version__
from koalacli.weights_files import stated_digest


def run_jobs(
    jobs: list[Job], config: ColorizeConfig, folder: Path | None = None, skipped: int = 0
) -> Iterator[Started | Record]:
    """Colorize every job; yields Started, then a Record per job as they finish.

    Args:
        jobs: the work list.
        config: see ColorizeConfig.
        folder: the output folder, whose journal tells what earlier runs did; None for a single file.
        skipped: inputs that the caller reports itself; they count in the total.

    Raises:
        StorageFullError: the output device is full; what is written so far is whole.
    """
    quiet_libraries()
    journal = open_journal(folder, config)
    decided, waiting = _decide(jobs, config, journal)
    if not waiting:  # the network, which takes seconds to load, has nothing to do
        yield Started(len(jobs) + skipped, "", config.weights, 0)
        yield from decided
        return
    colorizer = load_colorizer(config)
    workers = config.workers or max(2, os.cpu_count() or 2)
    setup = Setup(config, colorizer, provenance_of(colorizer), journal)
    stage: Stage[Job, OpenedPhotograph, Record] = Stage(
        read=lambda job: open_photograph(job, setup),
        key=lambda opened: opened.canvas.guides[0].shape if opened.canvas else None,
        run=lambda batch: list(predict(colorizer, batch)),
        write=lambda job, opened, colors: close_photograph(job, opened, colors, setup),
    )
    yield Started(len(jobs) + skipped, colorizer.device, colorizer.weights.name, colorizer.batch_size)
    yield from decided
    ahead = 3 * colorizer.batch_size + 2 * workers
    for job, result in stream(waiting, stage, batch_size=colorizer.batch_size, workers=workers, ahead=ahead):
        if isinstance(result, StorageFullError):
            raise result
        if isinstance(result, KoalaError):
            result = Record(job.source, job.target, Outcome.FAILED, str(result))
        yield result


def _decide(jobs: list[Job], config: ColorizeConfig, journal: Journal) -> tuple[list[Record], list[Job]]:
    """Records of the jobs that need no work, and the other jobs.

    Readers decide again: another process may have done a job meanwhile.
    """
    decided: list[Record] = []
    waiting: list[Job] = []
    for job in jobs:
        try:
            record = decide_existing(job, config, journal)
        except OutputError as error:
            record = Record(job.source, job.target, Outcome.FAILED, str(error))
        decided += [record] if record else []
        waiting += [] if record else [job]
    return decided, waiting


def predict(colorizer: Colorizer, batch: list[OpenedPhotograph]) -> list[list[Array]]:
    """Small ab for every guide of every photograph; guides of equal size go through the network together."""
    before = colorizer.batch_size
    guides = [(place, guide) for place, opened in enumerate(batch) if opened.canvas for guide in opened.canvas.guides]
    colors: list[Array | None] = [None] * len(guides)
    for shape in dict.fromkeys(guide.shape for _, guide in guides):
        alike = [number for number, (_, guide) in enumerate(guides) if guide.shape == shape]
        for number, ab in zip(alike, colorizer.predict([guides[number][1] for number in alike]).ab, strict=True):
            colors[number] = ab
    if colorizer.batch_size < before:
        batch[0].remarks.append(f"out of memory: {colorizer.batch_size} pictures per network call from here on")
    results: list[list[Array]] = [[] for _ in batch]
    for (place, _), ab in zip(guides, colors, strict=True):
        results[place].append(np.asarray(ab))
    return results


def load_colorizer(config: ColorizeConfig) -> Colorizer:
    """The Colorizer that a config asks for; what it leaves open is the weights' own read-out."""
    if config.batch_size != "auto" and not (config.batch_size.isdigit() and int(config.batch_size) > 0):
        raise UsageError(f"--batch-size {config.batch_size}: give auto or a positive number")
    return Colorizer(config.weights, config.device, batch_size=config.batch_size, **read_out_of(config))


def provenance_of(colorizer: Colorizer) -> Provenance:
    """Who makes the color, for the outputs' metadata."""
    return Provenance(f"koala {__version__}", colorizer.weights.name, f"sha256:{colorizer.weights.digest}")


def open_journal(folder: Path | None, config: ColorizeConfig) -> Journal:
    """The journal of an output folder.

    Raises:
        WeightsError: there are no such weights.
    """
    return Journal(folder, digest_settings(config), stated_digest(config.weights))
