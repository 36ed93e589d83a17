"""What is settled about a film before its first frame is colored."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from koalacli.config import VideoConfig
from koalacli.errors import UsageError
from koalacli.io.film.encode import QUALITY_OPTIONS, EncoderPlan, plan_encoder
from koalacli.io.film.mux import Cut
from koalacli.io.film.open import NUMBER, USUAL_RATE, clock
from koalacli.io.film.planes import PIXEL_FORMATS, PixelFormat, is_rgb
from koalacli.io.film.source import FilmInfo, FilmSource
from koalacli.io.film.streams import StreamPlan, plan_streams


@dataclass(frozen=True)
class FilmJob:
    """A film, or a sequence of pictures, and its output; both paths."""

    source: str
    target: str


@dataclass(frozen=True)
class Take:
    """The part of a film that is colored, and how.

    Attributes:
        pixel_format: of the frames that are made.
        matrix: the source's display matrix.
    """

    job: FilmJob
    config: VideoConfig
    info: FilmInfo
    pixel_format: PixelFormat
    cut: Cut
    rotation: int
    matrix: tuple[int, ...] | None
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


@dataclass(frozen=True)
class FilmPlan:
    """A take, and the file that it becomes."""

    take: Take
    encoder: EncoderPlan
    streams: StreamPlan


def open_source(job: FilmJob, config: VideoConfig, damage: list[str] | None = None) -> FilmSource:
    """The film of a job, opened as its settings say.

    Raises:
        InputError, UnsupportedError: it cannot be.
    """
    rate = parse_rate(config.fps) if config.fps else USUAL_RATE
    return FilmSource(Path(job.source), config.track, config.deinterlace, list(damage or ()), rate=rate)


def plan_take(source: FilmSource, job: FilmJob, config: VideoConfig) -> Take:
    """Look at the film and settle which part is wanted; reads the first frame.

    Raises:
        InputError, UnsupportedError: the film.
        UsageError: the request.
    """
    if config.fps and not NUMBER.search(Path(job.source).name):
        raise UsageError("--fps is for image sequences; a film keeps its own times")
    cut = _cut(config)
    source.probe()
    remarks = list(source.info.remarks)
    if source.field_order > 1 and not config.deinterlace:
        remarks.append("interlaced, kept so (--deinterlace makes whole pictures)")
    wanted = _wanted_format(config, source.info)
    return Take(job, config, source.info, wanted, cut, source.rotation, source.matrix, tuple(remarks))


def plan_film(job: FilmJob, config: VideoConfig) -> FilmPlan:
    """Open the film and settle everything that could be refused.

    Raises:
        InputError, UnsupportedError: the film.
        UsageError: the request.
    """
    with open_source(job, config) as source:
        take = plan_take(source, job, config)
        info = take.info
        encoder = plan_encoder(
            replace(info, width=info.width * 2) if take.layout == "side" else info,
            Path(job.target).suffix.lower(),
            codec=config.codec,
            pixel_format=take.pixel_format,
            crf=config.crf,
            preset=config.preset,
            extra=_encoder_options(config),
            field_order=1 if config.deinterlace else source.field_order,
        )
        remarks = list(take.remarks)
        if encoder.pixel_format != take.pixel_format:
            remarks.append(f"{encoder.codec} holds {info.width}x{info.height} as {encoder.pixel_format.name} only")
        elif encoder.pixel_format.name.startswith("yuv444") and is_rgb(info.source_format):
            remarks.append("RGB keeps full-size chroma; --pix-fmt yuv420p plays on more screens")
        if encoder.codec not in QUALITY_OPTIONS:
            remarks.append(f"{encoder.codec} has no --crf and no --preset; -E sets its quality, such as -E b=20M")
        subtitles = "drop" if config.no_subtitles else config.subtitles
        streams = plan_streams(
            source.container, source.stream.index, encoder, audio=not config.no_audio, subtitles=subtitles
        )
        take = replace(take, pixel_format=encoder.pixel_format, remarks=(*remarks, *streams.remarks))
        return FilmPlan(take, encoder, streams)


def _cut(config: VideoConfig) -> Cut:
    if config.preview < 0:
        raise UsageError(f"--preview {config.preview}: give a number of seconds")
    start, end = (parse_time(text) if text else None for text in (config.start, config.end))
    if config.preview:
        end = min(filter(None, (end, (start or Fraction(0)) + Fraction(str(config.preview)))))
    if end is not None and end <= (start or 0):
        raise UsageError(f"--end {clock(end)} is not after --start {clock(start or 0)}")
    return Cut(start, end)


def parse_time(text: str) -> Fraction:
    """Seconds from `90`, `1:30`, `0:01:30.5`.

    Raises:
        UsageError: anything else.
    """
    parts = [_fraction(part) for part in text.split(":")]
    if len(parts) > 3 or any(part is None or part < 0 for part in parts):
        raise UsageError(f"{text!r} is no time; give seconds or h:mm:ss")
    seconds = Fraction(0)
    for part in parts:
        seconds = seconds * 60 + (part or 0)
    return seconds


def parse_rate(text: str) -> Fraction:
    """Frames per second from `24`, `29.97`, `24000/1001`.

    Raises:
        UsageError: anything else.
    """
    rate = _fraction(text)
    if rate is None or not 0 < rate <= 1000:
        raise UsageError(f"--fps {text}: give frames per second, such as 24 or 24000/1001")
    return rate


def _fraction(text: str) -> Fraction | None:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def _wanted_format(config: VideoConfig, info: FilmInfo) -> PixelFormat:
    if not config.pix_fmt:
        return info.pixel_format
    if config.pix_fmt not in PIXEL_FORMATS:
        raise UsageError(f"--pix-fmt {config.pix_fmt}: choose one of {', '.join(PIXEL_FORMATS)}")
    return PIXEL_FORMATS[config.pix_fmt]


def _encoder_options(config: VideoConfig) -> dict[str, str]:
    pairs = [option.partition("=") for option in config.encoder_option]
    if wrong := [key for key, equals, value in pairs if not (key and equals and value)]:
        raise UsageError(f"-E {wrong[0]}: give KEY=VALUE")
    return {key: value for key, _, value in pairs}
