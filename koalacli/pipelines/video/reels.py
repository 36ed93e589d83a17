"""Animations and image sequences: colored steadily like films, written like pictures."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Pixels
from koalacli.color.lab import lightness_of, lightness_to_luminance, linear_to_srgb
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.errors import UsageError
from koalacli.io.film.frames import frame_pixels
from koalacli.io.film.open import USUAL_RATE, find_sequence, is_sequence, numbered, stamp_of_film
from koalacli.io.film.planes import PIXEL_FORMATS, format_name
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.sequences import (
    ANIMATIONS,
    frame_durations,
    open_animation,
    read_sequence,
    sequence_format,
    write_animation,
    write_numbered,
)
from koalacli.journal import Journal, digest_settings, stamp_of
from koalacli.journal_lines import Stamp
from koalacli.pipelines.video.film import painted_frames, summed_damage
from koalacli.pipelines.video.plan import FilmJob, Take, open_source, parse_rate, plan_take
from koalacli.pipelines.video.studio import predict_small
from koalacli.records import Outcome, Progress, Record
from koalacli.stream import read_ahead
from koalacli.temporal import METHODS, colorize_each, colorize_spans, link_spans

QUALITY = 95  # of JPEG sequences
ENCODING = (
    "codec",
    "encoder_preset",
    "encoder_option",
    "pix_fmt",
    "hints",
    "references",
)  # settings that mean nothing without a film to write
READING = ("start", "end", "preview", "track", "deinterlace", "colored")  # ... or without one to read


@dataclass(frozen=True)
class ReelPicture:
    """One picture on its way: full-size lightness, and the guide that the network sees with its codes."""

    picture: Picture
    lightness: Array
    guide: Array
    guide_luma: NDArray[np.uint8]


@dataclass
class Reel:
    """Colored pictures that are still to be made, in order.

    Attributes:
        numbers: of a sequence's files.
        durations: of an animation's frames, milliseconds.
        loop: how often the animation plays, 0 for ever.
        total: how many are expected, 0 where unknown.
        damage, remarks: what is to be said; damage is complete after the last picture.
    """

    pictures: Iterator[Picture]
    numbers: Iterable[int]
    durations: list[int] = field(default_factory=list)
    loop: int = 0
    total: int = 0
    damage: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def becomes_pictures(source: str, config: VideoConfig) -> bool:
    """Whether the output is an animation or a sequence rather than a film."""
    name = config.output or source
    return is_sequence(Path(name)) or Path(name).suffix.lower() in ANIMATIONS


def colorize_pictures(source: str, config: VideoConfig, colorizer: Colorizer) -> Iterator[Progress | Record]:
    """Color a film, an animation or a sequence into pictures; yields Progress, at last one Record.

    Raises:
        KoalaError: it cannot be read or written.
    """
    started = time.perf_counter()
    output = config.output or default_output(source)
    _check(source, output, config)
    shelf = Shelf(
        source, output, config, Journal(Path(output).parent, digest_settings(config), colorizer.weights.digest)
    )
    if shelf.is_full():
        yield Record(source, output, Outcome.SKIPPED, "output exists", kind="there already")
        return
    reel = _open_reel(source, output, config, colorizer)
    done = 0
    for done in (_fill if is_sequence(Path(output)) else _animate)(reel, shelf):
        yield Progress(source, done, max(reel.total, done), done, time.perf_counter() - started)
    reason = "; ".join([*dict.fromkeys(reel.remarks), *summed_damage(reel.damage, done)])
    outcome = Outcome.FAILED if reel.damage else Outcome.DONE if shelf.written else Outcome.SKIPPED
    if outcome == Outcome.SKIPPED:
        reason = "output exists"
    elif outcome == Outcome.FAILED:
        reason = f"{source}: {reason}"
    height, width = shelf.size
    yield Record(source, output, outcome, reason, time.perf_counter() - started, width, height)


@dataclass
class Shelf:
    """Where colored pictures go: which are there and stay, and which have been written.

    A picture of a sequence is known by its number, an animation has none.
    """

    source: str
    output: str
    config: VideoConfig
    journal: Journal
    written: int = 0
    size: tuple[int, ...] = (0, 0)

    def path(self, number: int | None) -> Path:
        """File of a picture, or of the animation."""
        return Path(self.output) if number is None else numbered(self.output, number)

    def keeps(self, number: int | None) -> bool:
        """Whether it is there and stays.

        Raises:
            OutputError: it is there and must not be.
        """
        return self.journal.keeps(str(self.path(number)), self._stamp(number), self.config.on_exist)

    def is_full(self) -> bool:
        """Whether all is there and stays, as far as that can be known beforehand."""
        if not is_sequence(Path(self.output)):
            return self.keeps(None)
        known = find_sequence(self.source) if is_sequence(Path(self.source)) else []
        stay = [self.keeps(number) for number, _ in known]  # all are asked: one that must not be there is told now
        return bool(stay) and all(stay)

    def note(self, number: int | None, pixels: Pixels) -> None:
        """Note one that has been written."""
        self.journal.note(str(self.path(number)), self._stamp(number), Outcome.DONE, 0.0)
        self.written, self.size = self.written + 1, pixels.shape[:2]

    def _stamp(self, number: int | None) -> Stamp:
        source = Path(self.source)
        if number is not None and is_sequence(source):
            return stamp_of(str(numbered(self.source, number)))
        return stamp_of_film(source)


def _fill(reel: Reel, shelf: Shelf) -> Iterator[int]:
    """Write the pictures of a sequence that do not stay; how many there are so far."""
    for done, (number, picture) in enumerate(zip(reel.numbers, reel.pictures, strict=False), start=1):
        if not shelf.keeps(number):
            reel.remarks += write_numbered(shelf.path(number), picture, QUALITY)
            shelf.note(number, picture.pixels)
        yield done


def _animate(reel: Reel, shelf: Shelf) -> Iterator[int]:
    """Write an animation; how many frames it has."""
    frames = [picture.pixels for picture in reel.pictures]
    write_animation(shelf.path(None), frames, reel.durations, reel.loop)
    shelf.note(None, frames[0])
    yield len(frames)


def default_output(source: str) -> str:
    """NAME.color.gif beside NAME.gif; frames.color/%06d.png beside frames/%06d.png."""
    path = Path(source)
    if is_sequence(Path(source)):
        folder = Path(os.path.realpath(path.parent))
        return str(folder.with_name(f"{folder.name}.color") / path.name)
    return str(path.with_name(f"{path.stem}.color{path.suffix}"))


def _check(source: str, output: str, config: VideoConfig) -> None:
    """Refuse what cannot be meant."""
    if os.path.realpath(output) == os.path.realpath(source):
        raise UsageError(f"{source}: the output would replace its input; choose another --output")
    from_film = not is_sequence(Path(source)) and Path(source).suffix.lower() not in ANIMATIONS
    usual = VideoConfig()
    for name in (*ENCODING, *(() if from_film else READING)):
        value = getattr(config, name)
        if value and value != getattr(usual, name):
            raise UsageError(f"--{name.replace('_', '-')} is for films; {output} holds pictures")
    if config.fps and not is_sequence(Path(source)):
        raise UsageError("--fps is for image sequences; a film or an animation keeps its own times")
    if is_sequence(Path(output)):
        sequence_format(output)
    elif from_film or Path(output).suffix.lower() not in ANIMATIONS:
        raise UsageError(f"{output}: a film becomes a film, or numbered pictures (frames/%06d.png)")


def _open_reel(source: str, output: str, config: VideoConfig, colorizer: Colorizer) -> Reel:
    if is_sequence(Path(source)):
        files = find_sequence(source)
        pictures = colored_pictures(read_sequence(files), config, colorizer)
        rate = parse_rate(config.fps) if config.fps else USUAL_RATE
        return Reel(pictures, [number for number, _ in files], frame_durations(rate, len(files)), 0, len(files))
    if Path(source).suffix.lower() in ANIMATIONS:
        animation = open_animation(Path(source))
        pictures = colored_pictures(animation.pictures(), config, colorizer)
        durations = list(animation.durations)
        return Reel(pictures, count(), durations, animation.loop, len(durations))
    return _film_reel(FilmJob(source, output), config, colorizer)


def _film_reel(job: FilmJob, config: VideoConfig, colorizer: Colorizer) -> Reel:
    """Frames of a film as upright pictures, counted from 1, with all bits of its luma."""
    with open_source(job, config) as source:
        take = plan_take(source, job, config)
        others = sum(stream.type in ("audio", "subtitle") for stream in source.container.streams)
    depth = take.info.pixel_format.depth
    take = replace(take, pixel_format=PIXEL_FORMATS[format_name("444", depth)])
    remarks = list(take.remarks)
    if others:
        remarks.append("pictures hold no sound and no subtitles")
    if (aspect := take.info.sample_aspect) != 1:
        remarks.append(f"samples are {aspect.numerator}:{aspect.denominator}, pictures keep the stored size")
    damage: list[str] = []
    return Reel(_film_pictures(take, colorizer, damage), count(1), total=take.total, damage=damage, remarks=remarks)


def _film_pictures(take: Take, colorizer: Colorizer, damage: list[str]) -> Iterator[Picture]:
    deep = take.pixel_format.depth > 8
    with (
        take.open() as source,
        closing(painted_frames(take, source, colorizer)) as frames,
    ):
        for painted in frames:
            pixels = frame_pixels(painted.frame, take.info.tags, deep=deep)
            yield Picture(np.ascontiguousarray(np.rot90(pixels, round(take.rotation / 90))))
        damage += dict.fromkeys(source.damage)


def colored_pictures(pictures: Iterable[Picture], config: VideoConfig, colorizer: Colorizer) -> Iterator[Picture]:
    """Every picture in color, with its own lightness, transparency and metadata, in order."""
    stills = read_ahead((_open(picture, colorizer) for picture in pictures), 8)
    predict = predict_small(colorizer)
    if config.temporal == "off":
        colored = colorize_each(stills, predict)
    else:
        method = METHODS[config.temporal]
        colored = colorize_spans(link_spans(stills, method), predict, method)
    for one in colored:
        still = one.shot
        pixels: Pixels = colorizer.merge(still.lightness, still.guide, one.ab, still.picture.pixels.dtype)
        yield replace(still.picture, pixels=pixels)


def _open(picture: Picture, colorizer: Colorizer) -> ReelPicture:
    lightness = lightness_of(picture.pixels)
    guide = colorizer.shrink(lightness)
    codes = linear_to_srgb(lightness_to_luminance(guide[..., 0])) * 255
    return ReelPicture(picture, lightness, guide, np.rint(codes).astype(np.uint8))
