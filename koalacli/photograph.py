"""One photograph's journey outside the network: path → lightness → ... → color → path.

Functions here run in reader and writer threads, locally or in an actor of a cluster.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from koalacli.color.lab import Array, lightness_of
from koalacli.config import ColorizeConfig
from koalacli.errors import InputError, OutputError
from koalacli.io.codecs import CODECS, codec_of, write_file
from koalacli.io.images import Picture, read_picture
from koalacli.io.paths import STREAM, Job
from koalacli.records import Outcome, Record

COLORED_CHROMA = 4.0  # mean difference between channels, of 255, above which a picture counts as colored


@dataclass(frozen=True)
class Opened:
    """A photograph between reading and writing.

    Attributes:
        picture: pixels are dropped once lightness is taken, unless they are copied.
        lightness: float32 (H, W, 1); None if nothing has to be colorized.
        guide: float32 (h, w, 1), the lightness that the network sees.
        decided: the outcome, where the network is not needed.
        started: clock at the start of reading, seconds.
    """

    picture: Picture | None
    lightness: Array | None
    guide: Array | None
    decided: Record | None
    started: float


def open_photograph(job: Job, config: ColorizeConfig, shrink: Callable[[Array], Array]) -> Opened:
    """Read one input and take its lightness; decide about outputs that exist and inputs in color."""
    started = time.perf_counter()
    if decided := decide_existing(job, config):
        return Opened(None, None, None, decided, started)
    source: Any = sys.stdin.buffer.read() if job.source == STREAM else Path(job.source)
    picture = read_picture(source)
    height, width = picture.pixels.shape[:2]
    if config.colored != "recolor" and is_colored(picture):
        record = Record(job.source, job.target, Outcome.SKIPPED, "in color already", width=width, height=height)
        if config.colored == "copy":
            record = replace(_copy(job, record), reason="in color already, copied")
        return Opened(None, None, None, record, started)
    lightness = lightness_of(picture.pixels)
    kept = replace(picture, pixels=np.empty((0, 0), picture.pixels.dtype))
    return Opened(kept, lightness, shrink(lightness), None, started)


def decide_existing(job: Job, config: ColorizeConfig) -> Record | None:
    """The record for an input whose output exists and is to be kept; None if it has to be made.

    Raises:
        OutputError: it exists and --on-exist error was asked for.
    """
    if job.target == STREAM or config.on_exist == "overwrite" or not Path(job.target).exists():
        return None
    if config.on_exist == "error":
        raise OutputError(f"{job.target}: exists already (--on-exist error)")
    return Record(job.source, job.target, Outcome.SKIPPED, "output exists")


def close_photograph(
    job: Job, opened: Opened, ab: Array | None, config: ColorizeConfig, merge: Callable[..., Any]
) -> Record:
    """Join lightness and color at full size, encode, write."""
    if opened.decided is not None:
        return replace(opened.decided, seconds=time.perf_counter() - opened.started)
    picture, lightness = opened.picture, opened.lightness
    if picture is None or lightness is None:
        raise InputError(f"{job.source}: nothing was read")
    format = output_format(job, picture, config)
    depth = np.uint16 if CODECS[format].deep and picture.pixels.dtype == np.uint16 else np.uint8
    pixels = merge(lightness, opened.guide, ab, depth)
    alpha = picture.alpha
    remark = ""
    if alpha is not None and alpha.dtype != depth:
        alpha = (alpha >> 8).astype(depth)
    if alpha is not None and not CODECS[format].alpha:
        remark = f"{format} has no transparency; it is dropped"
    if depth != picture.pixels.dtype:
        remark = f"{format} has 8 bits per channel; 16 were read"
    data = CODECS[format].encode(replace(picture, pixels=pixels, alpha=alpha, format=format), config.quality)
    if job.target == STREAM:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_file(Path(job.target), data)
    height, width = pixels.shape[:2]
    seconds = time.perf_counter() - opened.started
    return Record(job.source, job.target, Outcome.DONE, remark, seconds, width, height)


def output_format(job: Job, picture: Picture, config: ColorizeConfig) -> str:
    """The codec for a job: as asked, else by the output's suffix, else the input's own."""
    return config.format or codec_of(Path(job.target)) or picture.format


def is_colored(picture: Picture) -> bool:
    """Whether a picture holds more color than toning, a color cast of a scan, or JPEG noise."""
    if picture.pixels.ndim == 2:
        return False
    rgb = picture.pixels.astype(np.float32) * (255 / np.iinfo(picture.pixels.dtype).max)
    difference = rgb - rgb.mean(-1, keepdims=True)
    cast = difference.mean((0, 1), keepdims=True)  # toning shifts all pixels alike
    return float(np.abs(difference - cast).mean()) > COLORED_CHROMA


def _copy(job: Job, record: Record) -> Record:
    if job.target == STREAM:
        raise OutputError("standard output: --colored copy needs a file to copy to")
    target = Path(job.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    shutil.copy2(job.source, part)
    part.replace(target)
    return replace(record, outcome=Outcome.DONE)
