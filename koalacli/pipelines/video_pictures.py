"""Animations and image sequences: colored steadily like films, written like pictures."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koalacli.color.lab import Array, lightness_of, lightness_to_luminance, linear_to_srgb
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.errors import UsageError
from koalacli.io.images import Pixels
from koalacli.io.video_pictures import (
    ANIMATIONS,
    NUMBER,
    find_sequence,
    frame_durations,
    open_animation,
    read_sequence,
    write_animation,
    write_sequence,
)
from koalacli.pipelines.video_stages import predict_small, read_ahead
from koalacli.records import Outcome, Record
from koalacli.temporal import METHODS, color_each, color_spans, link_spans

QUALITY = 95  # of JPEG sequences


@dataclass(frozen=True)
class Still:
    """One picture on its way: full-size lightness, the guide that the network sees, and its codes."""

    lightness: Array
    guide: Array
    small: NDArray[np.uint8]
    deep: bool


def is_picture_source(source: str) -> bool:
    """Whether a source is an animation or a numbered sequence rather than a film."""
    return Path(source).suffix.lower() in ANIMATIONS or bool(NUMBER.search(Path(source).name))


def color_pictures(source: str, config: VideoConfig, colorizer: Colorizer) -> Iterator[Record]:
    """Color an animation or a sequence; yields one Record.

    Raises:
        KoalaError: it cannot be read or written.
    """
    started = time.perf_counter()
    sequence = bool(NUMBER.search(Path(source).name))
    output = config.output or default_output(source)
    to_sequence = bool(NUMBER.search(Path(output).name))
    if Path(output) == Path(source):
        raise UsageError(f"{source}: the output would replace its input; choose another --output")
    if not to_sequence and Path(output).suffix.lower() not in ANIMATIONS:
        raise UsageError(f"{output}: animations and sequences become .gif, .webp or numbered pictures (%06d.png)")
    if not to_sequence and Path(output).exists() and config.on_exist != "overwrite":
        yield Record(source, output, Outcome.SKIPPED, "output exists")
        return
    if sequence:
        files = find_sequence(source)
        numbers, durations, loop = [number for number, _ in files], frame_durations(config.fps, len(files)), 0
        colored = colored_pixels(read_sequence(files), config, colorizer)
    else:
        animation = open_animation(Path(source))
        numbers = list(range(len(animation.durations)))
        durations, loop = list(animation.durations), animation.loop
        colored = colored_pixels(animation.frames(), config, colorizer)
    first = next(colored)
    frames = chain([first], colored)
    if to_sequence:
        write_sequence(output, numbers, frames, QUALITY)
    else:
        write_animation(Path(output), frames, durations, loop)
    height, width = first.shape[:2]
    yield Record(source, output, Outcome.DONE, "", time.perf_counter() - started, width, height)


def default_output(source: str) -> str:
    """NAME.color.gif beside NAME.gif; frames.color/%06d.png beside frames/%06d.png."""
    path = Path(source)
    if NUMBER.search(path.name):
        folder = path.parent.resolve()
        return str(folder.with_name(f"{folder.name}.color") / path.name)
    return str(path.with_name(f"{path.stem}.color{path.suffix}"))


def colored_pixels(pictures: Iterable[Pixels], config: VideoConfig, colorizer: Colorizer) -> Iterator[Pixels]:
    """rgb of every picture, with its own lightness, in order."""
    stills = read_ahead((_open(pixels, colorizer) for pixels in pictures), 8)
    predict = predict_small(colorizer)
    if config.temporal == "off":
        colored = color_each(stills, predict)
    else:
        method = METHODS[config.temporal]
        colored = color_spans(link_spans(stills, method), predict, method)
    for one in colored:
        dtype = np.uint16 if one.shot.deep else np.uint8
        yield colorizer.merge(one.shot.lightness, one.shot.guide, one.ab, dtype)


def _open(pixels: Pixels, colorizer: Colorizer) -> Still:
    lightness = lightness_of(pixels)
    guide = colorizer.shrink(lightness)
    codes = linear_to_srgb(lightness_to_luminance(guide[..., 0])) * 255
    return Still(lightness, guide, np.rint(codes).astype(np.uint8), pixels.dtype == np.uint16)
