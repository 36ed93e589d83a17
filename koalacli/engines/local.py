"""Run a work list on this machine: reader and writer threads around one network."""

import os
from collections.abc import Iterator

import cv2

from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig
from koalacli.errors import KoalaError, StorageFullError, UsageError
from koalacli.io.paths import Job
from koalacli.photograph import Opened, close_photograph, open_photograph
from koalacli.records import Outcome, Record, Started
from koalacli.stream import Stage, stream


def run_jobs(jobs: list[Job], config: ColorizeConfig, skipped: int = 0) -> Iterator[Started | Record]:
    """Colorize every job; yields Started, then a Record per job as they finish.

    Raises:
        StorageFullError: the output device is full; what is written so far is whole.
    """
    colorizer = load_colorizer(config)
    workers = config.workers or max(2, os.cpu_count() or 2)
    cv2.setNumThreads(1)  # parallelism comes from the workers; more threads would only fight
    stage: Stage[Job, Opened, Record] = Stage(
        read=lambda job: open_photograph(job, config, colorizer.shrink),
        key=lambda opened: None if opened.guide is None else opened.guide.shape,
        run=lambda batch: list(colorizer.predict_ab_of([opened.guide for opened in batch if opened.guide is not None])),
        write=lambda job, opened, ab: close_photograph(job, opened, ab, config, colorizer.merge),
    )
    yield Started(len(jobs) + skipped, colorizer.device, colorizer.weights.name, colorizer.batch_size)
    ahead = 3 * colorizer.batch_size + 2 * workers
    for job, result in stream(jobs, stage, batch_size=colorizer.batch_size, workers=workers, ahead=ahead):
        if isinstance(result, StorageFullError):
            raise result
        if isinstance(result, KoalaError):
            result = Record(job.source, job.target, Outcome.FAILED, str(result))
        yield result


def load_colorizer(config: ColorizeConfig) -> Colorizer:
    """The Colorizer that a config asks for; what it leaves open is the weights' own read-out."""
    if config.batch_size != "auto" and not (config.batch_size.isdigit() and int(config.batch_size) > 0):
        raise UsageError(f"--batch-size {config.batch_size}: give auto or a positive number")
    asked = {"size": config.size, "vividness": config.vividness, "saturation": config.saturation}
    read_out = {key: value for key, value in asked.items() if value is not None}
    return Colorizer(config.weights, config.device, batch_size=config.batch_size, **read_out)
