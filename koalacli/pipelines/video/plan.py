"""What is settled about a film before its first frame is colored, and the frames that are wanted of it."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from koalacli.config import VideoConfig
from koalacli.control.films import FrameHints
from koalacli.errors import InputError, UnsupportedError, UsageError
from koalacli.io.film.encode import EncoderPlan, Wanted, plan_encoder
from koalacli.io.film.encoders import (
    CONTAINERS,
    OTHERWISE,
    QUALITY_OPTIONS,
    SOURCE,
    is_for_masters,
    loses_nothing,
    master_encoders,
)
from koalacli.io.film.info import FilmInfo
from koalacli.io.film.mux import Cut
from koalacli.io.film.open import USUAL_RATE, as_fraction, clock, is_sequence, parse_time, stamp_of_film
from koalacli.io.film.planes import PIXEL_FORMATS, PixelFormat, is_rgb, source_planes
from koalacli.io.film.segments import Joint, luma_check
from koalacli.io.film.source import FilmSource
from koalacli.io.film.streams import StreamPlan, plan_streams
from koalacli.io.paths import Job, name_by
from koalacli.journal_lines import Stamp

OWN_MARKS = (".color", ".preview")  # before the suffix of what koala writes


@dataclass(frozen=True)
class FilmJob(Job):
    """A film, or a sequence of pictures, and its output; both paths.

    Attributes:
        frames: what is known of single frames.
        origin: where the film lies, if the source is a copy; else empty.
    """

    frames: tuple[FrameHints, ...] = ()
    origin: str = ""

    def stamp(self) -> Stamp:
        """State of the input now."""
        return stamp_of_film(Path(self.source))


@dataclass(frozen=True)
class Take:
    """The part of a film that is colored, and how.

    Attributes:
        pixel_format: of the frames that are made.
        matrix: the source's display matrix.
        combed: its frames are interlaced without saying so.
    """

    job: FilmJob
    config: VideoConfig
    info: FilmInfo
    pixel_format: PixelFormat
    cut: Cut
    rotation: int
    matrix: tuple[int, ...] | None
    combed: bool
    remarks: tuple[str, ...]

    @property
    def total(self) -> int:
        """Frames expected, 0 where unknown."""
        if self.cut.start is None and self.cut.end is None:
            return self.info.frames
        end = self.info.duration if self.cut.end is None else min(self.cut.end, self.info.duration)
        return max(0, round((end - (self.cut.start or 0)) * self.info.rate))

    @property
    def layout(self) -> str:
        """Of a preview: side or split; else empty."""
        return self.config.preview_layout if self.config.preview else ""

    def open(self, damage: list[str] | None = None) -> FilmSource:
        """The film, to read the frames that are wanted; `damage` is what an earlier run has met.

        Raises:
            InputError, UnsupportedError: it cannot be opened.
        """
        source = open_source(self.job, self.config)
        source.damage = list(damage or ())
        if self.config.deinterlace:
            source.deinterlace = "all" if self.combed else "interlaced"
        return source


@dataclass(frozen=True)
class FilmPlan:
    """A take, and the file that it becomes."""

    take: Take
    encoder: EncoderPlan
    streams: StreamPlan


def film_name(film: Path, config: VideoConfig) -> str:
    """NAME.color.mp4, or NAME.wmv.color.mkv where the container is another, for there may be a NAME.mkv, too.

    A part of a film is NAME.10s-20s.color.mp4: it must not be taken for the whole. `config.name` wins.
    """
    kept = film.suffix.lower() in CONTAINERS
    if config.name:
        return name_by(config.name, film, film.suffix if kept else OTHERWISE)
    stem, suffix = (film.stem, film.suffix) if kept else (film.name, OTHERWISE)
    if config.preview:
        return f"{stem}.preview{suffix}"
    start, end = (f"{float(parse_time(text)):g}s" if text else "" for text in (config.start, config.end))
    part = f".{start or '0s'}-{end or 'end'}" if start or end else ""
    return f"{stem}{part}.color{suffix}"


def check_targets(jobs: Sequence[FilmJob]) -> None:
    """Refuse outputs that cannot be.

    Raises:
        UsageError: of another kind, one for two films, or one that would replace an input.
    """
    taken: dict[str, str] = {}
    sources = {os.path.realpath(job.source): job.source for job in jobs}
    for job in jobs:
        if Path(job.target).suffix.lower() not in CONTAINERS:
            raise UsageError(f"{job.target}: koala writes {', '.join(CONTAINERS)}, or numbered pictures (%06d.png)")
        place = os.path.realpath(job.target)
        if replaced := sources.get(place):
            raise UsageError(f"{job.source}: the output would replace the input {replaced}; choose another --output")
        if other := taken.get(place):
            raise UsageError(f"{other} and {job.source} would both become {job.target}; color one of them by itself")
        taken[place] = job.source


def open_source(job: FilmJob, config: VideoConfig) -> FilmSource:
    """The film of a job, to look at.

    Raises:
        InputError, UnsupportedError: it cannot be.
    """
    rate = parse_rate(config.fps) if config.fps else USUAL_RATE
    return FilmSource(Path(job.source), config.track, rate=rate)


def plan_take(source: FilmSource, job: FilmJob, config: VideoConfig) -> Take:
    """Look at the film and settle which part is wanted; reads the first frame.

    Raises:
        InputError, UnsupportedError: the film.
        UsageError: the request.
    """
    if config.fps and not is_sequence(Path(job.source)):
        raise UsageError("--fps is for image sequences; a film keeps its own times")
    cut = _cut(config)
    source.probe()
    remarks = list(source.info.remarks)
    if source.field_order > 1 and not config.deinterlace:
        remarks.append("interlaced, kept so (--deinterlace makes whole pictures)")
    if source.combed and not config.deinterlace:
        remarks.append("looks interlaced, but is not marked so (--deinterlace makes whole pictures)")
    wanted = _wanted_format(config, source.info)
    return Take(job, config, source.info, wanted, cut, source.rotation, source.matrix, source.combed, tuple(remarks))


def plan_film(job: FilmJob, config: VideoConfig) -> FilmPlan:
    """Open the film and settle everything that could be refused.

    Raises:
        InputError, UnsupportedError: the film.
        UsageError: the request.
    """
    with open_source(job, config) as source:
        take = plan_take(source, job, config)
        encoder, said = _choose_encoder(take, 1 if config.deinterlace else source.field_order)
        subtitles = "drop" if config.no_subtitles else config.subtitles
        streams = plan_streams(
            source.container, source.stream.index, encoder, audio=not config.no_audio, subtitles=subtitles
        )
    remarks = (*take.remarks, *said, *streams.remarks)
    return FilmPlan(replace(take, pixel_format=encoder.pixel_format, remarks=remarks), encoder, streams)


def told_by(config: VideoConfig) -> str:
    """The files that say what is known of films, for messages; empty where there are none."""
    return config.hints or ", ".join(config.decisions)


def wanted_frames(take: Take, source: FilmSource, joint: Joint | None = None, *, seeks: bool = True) -> Iterator[Any]:
    """Decoded frames of the wanted part, from the joint on; unless it `seeks`, all before it are decoded, too."""
    base = take.info.time_base
    start = take.cut.start
    first = None if start is None else math.ceil(start / base)
    frames: Iterator[Any] = source.frames(first) if joint is None else _frames_from(source, joint, first, seeks)
    for frame in frames:
        if take.cut.end is not None and base * frame.pts >= take.cut.end:
            return
        yield frame


def _frames_from(source: FilmSource, joint: Joint, first: int | None, seeks: bool) -> Iterator[Any]:
    """Frames from the joint on: by seeking, or where that does not lead to the very frame, from the beginning."""
    frames = source.frames(joint.pts) if seeks else iter(())
    frame = next(frames, None)
    if frame is None or not _is_at(frame, joint, source.info.pixel_format):
        source.reopen()
        frames = source.frames(first)
        frame = next((frame for frame in frames if _is_at(frame, joint, source.info.pixel_format)), None)
        if frame is None:
            raise InputError(
                f"{source.path}: has changed since its coloring began; delete the work folder and begin anew"
            )
    yield frame
    yield from frames


def _is_at(frame: Any, joint: Joint, pixel_format: PixelFormat) -> bool:
    return frame.pts == joint.pts and luma_check(source_planes(frame, pixel_format)[0]) == joint.check


def _choose_encoder(take: Take, field_order: int) -> tuple[EncoderPlan, list[str]]:
    """The encoder, and what is to be said of it.

    Masters keep their kind, unless a codec or its quality was asked for.
    """
    config, info = take.config, take.info
    shown = replace(info, width=info.width * 2) if take.layout == "side" else info
    suffix = Path(take.job.target).suffix.lower()
    wanted = Wanted(take.pixel_format, config.crf, config.encoder_preset, _encoder_options(config), field_order)
    usual = VideoConfig()
    asked = config.codec or config.encoder_preset or config.encoder_option or config.crf != usual.crf
    masters = master_encoders(info.codec, info.lossless) if is_for_masters(suffix) else ()
    kin = (masters or (info.codec,)) if config.codec == SOURCE else () if asked else masters
    for codec in kin:
        try:
            plan = plan_encoder(shown, suffix, codec, wanted)
        except (UsageError, UnsupportedError):  # not in this container, or not with this depth: the next
            continue
        said = f"{plan.codec}, for the source is {info.codec} (--codec libx264 makes it smaller)"
        return plan, [*([] if asked else [said]), *_encoder_remarks(take, plan)]
    if config.codec == SOURCE:
        raise UsageError(f"--codec source: {suffix} cannot hold {info.codec} as koala writes it; choose another OUTPUT")
    plan = plan_encoder(shown, suffix, config.codec, wanted)
    return plan, _encoder_remarks(take, plan)


def _encoder_remarks(take: Take, plan: EncoderPlan) -> list[str]:
    info, remarks = take.info, []
    if plan.pixel_format != take.pixel_format:
        remarks.append(f"{plan.codec} holds {info.width}x{info.height} as {plan.pixel_format.name} only")
    elif plan.pixel_format.name.startswith("yuv444") and is_rgb(info.source_format):
        remarks.append("RGB keeps full-size chroma; --pix-fmt yuv420p plays on more screens")
    masters = master_encoders(info.codec, info.lossless)
    if plan.codec not in QUALITY_OPTIONS and plan.codec not in masters:
        remarks.append(f"{plan.codec} takes neither --crf nor --encoder-preset; -E sets its quality: -E b=20M")
    kept = plan.codec in masters or loses_nothing(plan.codec, dict(plan.options), plan.pixel_format.depth)
    if masters and not kept:
        remarks.append(f"the source is a master ({info.codec}), {plan.codec} is lossy; --codec source in .mkv keeps it")
    return remarks


def _cut(config: VideoConfig) -> Cut:
    start, end = (parse_time(text) if text else None for text in (config.start, config.end))
    if config.preview:
        end = min(filter(None, (end, (start or Fraction(0)) + Fraction(str(config.preview)))))
    if end is not None and end <= (start or 0):
        raise UsageError(f"--end {clock(end)} is not after --start {clock(start or 0)}")
    return Cut(start, end)


def parse_rate(text: str) -> Fraction:
    """Frames per second from `24`, `29.97`, `24000/1001`.

    Raises:
        UsageError: anything else.
    """
    rate = as_fraction(text)
    if rate is None or not 0 < rate <= 1000:
        raise UsageError(f"--fps {text}: give frames per second, such as 24 or 24000/1001")
    return rate


def _wanted_format(config: VideoConfig, info: FilmInfo) -> PixelFormat:
    if not config.pix_fmt:
        return info.pixel_format
    if config.pix_fmt not in PIXEL_FORMATS:
        raise UsageError(f"--pix-fmt {config.pix_fmt}: choose one of {', '.join(PIXEL_FORMATS)}")
    return PIXEL_FORMATS[config.pix_fmt]


def _encoder_options(config: VideoConfig) -> tuple[tuple[str, str], ...]:
    pairs = [option.partition("=") for option in config.encoder_option]
    if wrong := [key for key, equals, value in pairs if not (key and equals and value)]:
        raise UsageError(f"-E {wrong[0]}: give KEY=VALUE")
    return tuple((key, value) for key, _, value in pairs)
