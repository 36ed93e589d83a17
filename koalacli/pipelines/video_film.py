"""One film: plan, take up an earlier run, color in segments, put together."""

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import koalacli
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.errors import InputError, OutputError, UsageError
from koalacli.io.video_encode import LIBRARY, EncoderPlan, SegmentWriter, plan_encoder
from koalacli.io.video_journal import Joint, Journal, fingerprint_of, luma_check, writing_errors
from koalacli.io.video_mux import Cut, StreamPlan, assemble, plan_streams
from koalacli.io.video_planes import PIXEL_FORMATS, PixelFormat, source_planes
from koalacli.io.video_source import FilmInfo, FilmSource, clock
from koalacli.pipelines.video_stages import Painted, Studio, predict_small, read_ahead
from koalacli.records import Outcome, Progress, Record
from koalacli.temporal import METHODS, color_each, color_spans, link_spans

SEGMENT_SECONDS = 10  # of film that an interrupted run may lose, about
PROGRESS_SECONDS = 0.5  # between two reports
SHOTS_AHEAD, PAINTED_AHEAD = 8, 4  # frames waiting between two threads
MOST_REMARKS = 3  # damages that are named; the others are counted


@dataclass(frozen=True)
class FilmJob:
    """A film and its output; both paths."""

    source: str
    target: str


@dataclass(frozen=True)
class FilmPlan:
    """All that is settled before the first frame."""

    job: FilmJob
    config: VideoConfig
    info: FilmInfo
    encoder: EncoderPlan
    streams: StreamPlan
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


def color_film(job: FilmJob, config: VideoConfig, colorizer: Colorizer) -> Iterator[Progress | Record]:
    """Color one film; yields Progress now and then, at last one Record.

    A film that is damaged is colored as far as it can be decoded, and its Record is FAILED.

    Raises:
        StorageFullError: finished segments are kept.
    """
    started = time.perf_counter()
    target = Path(job.target)
    if target.exists() and config.on_exist != "overwrite":
        if config.on_exist == "error":
            raise OutputError(f"{target}: exists already (--on-exist error)")
        yield Record(job.source, job.target, Outcome.SKIPPED, "output exists")
        return
    plan = plan_film(job, config)
    record = Record(job.source, job.target, Outcome.DONE, "", 0.0, plan.info.width, plan.info.height)
    if config.colored == "skip" and _begins_in_color(plan, colorizer):
        yield replace(record, outcome=Outcome.SKIPPED, reason="in color already")
        return
    journal = Journal(target.with_name(f".{target.name}.koala"), _fingerprint(plan, colorizer))
    journal.open()
    if not journal.done:
        yield from _color_segments(plan, journal, colorizer)
    part = journal.folder / f"film{target.suffix}"
    with writing_errors(target):
        damage = journal.damage + assemble(
            Path(job.source), journal.segments, plan.encoder, plan.streams, plan.cut, plan.matrix, part
        )
        part.replace(target)
    journal.remove()
    reason = "; ".join([*plan.remarks, *_summed(damage, journal.joint)])
    outcome = Outcome.FAILED if damage else Outcome.DONE
    reason = f"{job.source}: {reason}" if damage else reason
    yield replace(record, outcome=outcome, reason=reason, seconds=time.perf_counter() - started)


def plan_film(job: FilmJob, config: VideoConfig) -> FilmPlan:
    """Open the film and settle everything that could be refused.

    Raises:
        InputError, UnsupportedError: the film.
        UsageError: the request.
    """
    with FilmSource(Path(job.source), config.track) as source:
        source.probe()
        info = source.info
        remarks = list(info.remarks)
        field_order = 1 if config.deinterlace else source.field_order
        if field_order > 1:
            remarks.append("interlaced, kept so (--deinterlace makes whole pictures)")
        cut = _cut(config)
        layout_info = replace(info, width=info.width * 2) if _layout(config) == "side" else info
        encoder = plan_encoder(
            layout_info,
            Path(job.target).suffix.lower(),
            codec=config.codec,
            pixel_format=_wanted_format(config, info),
            crf=config.crf,
            preset=config.preset,
            extra=_encoder_options(config),
            field_order=field_order,
        )
        if encoder.pixel_format.name != info.pixel_format.name and not config.pix_fmt:
            remarks.append(f"{encoder.codec} holds {info.width}x{info.height} as {encoder.pixel_format.name} only")
        subtitles = "drop" if config.no_subtitles else config.subtitles
        streams = plan_streams(
            source.container, source.stream.index, encoder.container, audio=not config.no_audio, subtitles=subtitles
        )
        remarks += streams.remarks
        return FilmPlan(job, config, info, encoder, streams, cut, source.rotation, source.matrix, tuple(remarks))


def _color_segments(plan: FilmPlan, journal: Journal, colorizer: Colorizer) -> Iterator[Progress]:
    """Color what the journal lacks, segment by segment."""
    joint = journal.joint
    done = before = joint.frames if joint else 0
    begun = reported = time.perf_counter()
    enough = max(1, round(SEGMENT_SECONDS * plan.info.rate))
    writer: SegmentWriter | None = None
    with (
        FilmSource(Path(plan.job.source), plan.config.track, plan.config.deinterlace, list(journal.damage)) as source,
        writing_errors(journal.folder),
        closing(_painted(plan, source, joint, colorizer)) as frames,
    ):
        try:
            for painted in frames:
                if writer and painted.state is not None and writer.frames >= enough:
                    _close_segment(writer, journal, painted, done, source.damage)
                    writer = None
                writer = writer or SegmentWriter(journal.next_path(), plan.encoder)
                writer.write(painted.frame)
                done += 1
                if time.perf_counter() - reported > PROGRESS_SECONDS:
                    reported = time.perf_counter()
                    yield Progress(plan.job.source, done, plan.total, done - before, reported - begun)
            if writer is None:
                raise InputError(f"{plan.job.source}: there is no frame in the part asked for")
            _close_segment(writer, journal, None, done, source.damage)
            writer = None
        finally:
            if writer:
                writer.abandon()
    yield Progress(plan.job.source, done, done, done - before, time.perf_counter() - begun)


def _close_segment(
    writer: SegmentWriter, journal: Journal, following: Painted | None, done: int, damage: list[str]
) -> None:
    writer.finish()
    if following is None:
        joint = Joint(None, "", done, {})
    else:
        assert following.state is not None
        joint = Joint(following.pts, following.check, done, following.state)
    journal.add(writer.entries, joint, list(dict.fromkeys(damage)))


def _painted(
    plan: FilmPlan, source: FilmSource, joint: Joint | None, colorizer: Colorizer
) -> Generator[Painted, None, None]:
    """The film's frames, colored, from the joint on; every stage in a thread of its own."""
    studio = Studio(
        plan.info,
        plan.encoder.pixel_format,
        colorizer.network_shape,
        plan.rotation,
        plan.config.colored,
        _layout(plan.config),
    )
    carried = studio.take_up(joint.state) if joint else None
    shots = (studio.open_shot(frame) for frame in _wanted_frames(plan, source, joint))
    predict = predict_small(colorizer)
    if plan.config.temporal == "off":
        colored = color_each(read_ahead(shots, SHOTS_AHEAD), predict)
    else:
        method = METHODS[plan.config.temporal]
        spans = read_ahead(link_spans(shots, method), 1)
        colored = color_spans(spans, predict, method, carried)
    yield from read_ahead((studio.paint(one) for one in read_ahead(colored, SHOTS_AHEAD)), PAINTED_AHEAD)


def _wanted_frames(plan: FilmPlan, source: FilmSource, joint: Joint | None) -> Iterator[Any]:
    """Decoded frames of the wanted part, from the joint on."""
    base = plan.info.time_base
    start = plan.cut.start
    first = None if start is None else math.ceil(start / base)
    frames: Iterator[Any] = source.frames(first) if joint is None else _frames_from(source, joint, first)
    for frame in frames:
        if plan.cut.end is not None and base * frame.pts >= plan.cut.end:
            return
        yield frame


def _frames_from(source: FilmSource, joint: Joint, first: int | None) -> Iterator[Any]:
    """Frames from the joint on: by seeking, or where that does not lead to the very frame, from the beginning."""
    frames = source.frames(joint.pts)
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


def _begins_in_color(plan: FilmPlan, colorizer: Colorizer) -> bool:
    with FilmSource(Path(plan.job.source), plan.config.track) as source:
        studio = Studio(plan.info, plan.info.pixel_format, colorizer.network_shape, 0, "copy", "")
        frame = next(source.frames(), None)
        return frame is not None and studio.is_colored(studio.open_shot(frame))


def _fingerprint(plan: FilmPlan, colorizer: Colorizer) -> str:
    stat = Path(plan.job.source).stat()
    return fingerprint_of(
        *(koalacli.__version__, LIBRARY, stat.st_size, stat.st_mtime_ns, colorizer.weights.digest, colorizer.read_out),
        *(plan.encoder, plan.streams, plan.cut, plan.rotation, METHODS.get(plan.config.temporal)),
        *(plan.config.track, plan.config.deinterlace, plan.config.colored, _layout(plan.config)),
    )


def _summed(damage: list[str], joint: Joint | None) -> list[str]:
    """The first damages, and how many more; and how many frames there are in spite of them."""
    if not damage:
        return []
    more = [f"{len(damage) - MOST_REMARKS} more"] if len(damage) > MOST_REMARKS else []
    frames = joint.frames if joint else 0
    return ["damaged: " + ", ".join([*damage[:MOST_REMARKS], *more]) + f"; {frames} frames were colored"]


def _layout(config: VideoConfig) -> str:
    return config.preview_layout if config.preview else ""


def _cut(config: VideoConfig) -> Cut:
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
    try:
        parts = [Fraction(part) for part in text.split(":")]
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; give seconds or h:mm:ss") from error
    if len(parts) > 3 or any(part < 0 for part in parts):
        raise UsageError(f"{text!r} is no time; give seconds or h:mm:ss")
    seconds = Fraction(0)
    for part in parts:
        seconds = seconds * 60 + part
    return seconds


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
