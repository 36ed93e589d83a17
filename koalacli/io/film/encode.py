"""Encode color frames: settings by codec, one closed segment at a time."""

import contextlib
import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from koalacli.errors import UsageError
from koalacli.io.film.encoders import (
    CONTAINERS,
    INTERLACED_FLAGS,
    LARGEST_CRF,
    MASTER_PROFILES,
    QUALITY_OPTIONS,
    RATE_KEYS,
    USUAL_PRESET,
    find_encoder,
)
from koalacli.io.film.fields import PROGRESSIVE, FieldMark
from koalacli.io.film.info import FilmInfo
from koalacli.io.film.planes import ColorTags, PixelFormat, choose_format

LIBRARY = f"PyAV {av.__version__}"  # encoders of two versions make segments that need not join


@dataclass(frozen=True)
class EncoderPlan:
    """All that makes two encoders give the same stream; equal plans make joinable segments."""

    container: str
    codec: str
    pixel_format: PixelFormat
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    tags: ColorTags
    sample_aspect: Fraction
    field_order: int
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wanted:
    """What is asked of an encoder: fields of VideoConfig; `field_order` above 1 is interlaced, as FFmpeg counts."""

    pixel_format: PixelFormat
    crf: int = 18
    preset: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    field_order: int = PROGRESSIVE


def plan_encoder(info: FilmInfo, suffix: str, codec: str, wanted: Wanted) -> EncoderPlan:
    """Settle container, codec, pixel format and options, and try them.

    Raises:
        UsageError: unknown codec or option, or a codec that the container cannot hold.
        UnsupportedError: no pixel format of the encoder keeps the luma.
    """
    container, usual = CONTAINERS[suffix]
    encoder = find_encoder(codec or usual)
    extra = dict(wanted.extra)
    options = encoder_options(encoder.name, container, info.profile, wanted)
    plan = EncoderPlan(
        container=container,
        codec=encoder.name,
        pixel_format=choose_format(
            wanted.pixel_format,
            {form.name for form in encoder.video_formats or []},
            info.width,
            info.height,
            encoder.name,
        ),
        width=info.width,
        height=info.height,
        time_base=info.time_base,
        rate=info.rate,
        tags=info.tags,
        sample_aspect=info.sample_aspect,
        field_order=wanted.field_order,
        options=tuple(sorted(options.items())),
    )
    _try_encoder(plan, extra)
    return plan


def encoder_options(codec: str, container: str, profile: str, wanted: Wanted) -> dict[str, str]:
    """All options of an encoder; a master's profile is the source's.

    Raises:
        UsageError: a quality that the encoder does not know.
    """
    crf, extra = wanted.crf, dict(wanted.extra)
    if not 0 <= crf <= LARGEST_CRF.get(codec, 63):
        raise UsageError(f"--crf {crf}: {codec} takes 0 (best) to {LARGEST_CRF.get(codec, 63)}")
    options = {
        key: value.format(crf=crf, preset=wanted.preset or USUAL_PRESET.get(codec, ""))
        for key, value in QUALITY_OPTIONS.get(codec, {}).items()
    }
    if known := MASTER_PROFILES.get(codec):
        options["profile"] = known.get(profile, known[""])
    if extra.keys() & RATE_KEYS:
        options.pop("crf", None)
    if container in ("avi", "mxf"):
        options["bf"] = "0"  # AVI knows no order of display, and MXF as FFmpeg writes it knows that of MPEG-2 only
    if wanted.field_order > PROGRESSIVE:
        options["flags"] = INTERLACED_FLAGS
    return options | extra


def add_encoder(output: Any, plan: EncoderPlan) -> Any:
    """Add the video stream of a plan to an output container."""
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 would print its settings
    stream = output.add_stream(
        plan.codec, rate=plan.rate, options=dict(plan.options), width=plan.width, height=plan.height
    )
    stream.time_base = plan.time_base
    _settle(stream.codec_context, plan)
    return stream


def open_encoder(plan: EncoderPlan) -> Any:
    """The same encoder by itself.

    A stream and its container hold on to each other, so that they, and all frames that the
    encoder looks ahead at, would stay until Python searches for such circles.
    """
    context: Any = av.CodecContext.create(plan.codec, "w")
    context.width, context.height = plan.width, plan.height
    context.framerate, context.options = plan.rate, dict(plan.options)
    container: Any = av.ContainerFormat(plan.container, "w")
    if container.flags & av.format.Flags.global_header.value:
        context.flags |= av.codec.context.Flags.global_header.value
    _settle(context, plan)
    return context


def _settle(context: Any, plan: EncoderPlan) -> None:
    context.pix_fmt = plan.pixel_format.name
    context.time_base = plan.time_base
    context.sample_aspect_ratio = plan.sample_aspect
    context.colorspace, context.color_range = plan.tags.matrix, plan.tags.range
    context.color_primaries, context.color_trc = plan.tags.primaries, plan.tags.transfer
    context.field_order = plan.field_order
    context.thread_type = "FRAME"  # x264 and x265 compress better so than by slices


def _try_encoder(plan: EncoderPlan, extra: dict[str, str]) -> None:
    """Open the encoder and begin a file, so that what is wrong is found before the first frame."""
    try:
        scratch = av.open(io.BytesIO(), "w", format=plan.container)
        context = add_encoder(scratch, plan).codec_context
        context.open()
        scratch.start_encoding()
    except av.error.FFmpegError as error:
        pairs = [f"{key}={value}" for key, value in plan.options]
        settings = ", ".join([*pairs, f"{plan.rate} frames/s"])
        raise UsageError(
            f"{plan.codec} in {plan.container} refuses its settings ({settings}): {error.strerror or error}"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"a {plan.container} file cannot hold {plan.codec}; choose another --codec or OUTPUT"
        ) from error
    if unknown := sorted(context.options.keys() & extra.keys()):
        raise UsageError(f"{plan.codec} has no option {unknown[0]!r} (-E {unknown[0]}={extra[unknown[0]]})")


@dataclass(frozen=True, slots=True)
class PacketEntry:
    """One encoded packet of a segment: times in the plan's time base."""

    pts: int
    size: int
    keyframe: bool
    duration: int


class SegmentWriter:
    """Encodes consecutive frames into one file of bare packets, playable after those before it.

    The file holds the packets' bytes one after another, `entries` their times and sizes.
    """

    def __init__(self, path: Path, plan: EncoderPlan):
        self.path = path
        self.entries: list[PacketEntry] = []
        self.frames = 0
        self._encoder = open_encoder(plan)
        shape = (plan.pixel_format.name, plan.width, plan.height, plan.time_base, plan.field_order)
        self._mark = FieldMark(*shape) if plan.field_order > PROGRESSIVE else None
        self._file = path.open("xb")

    def write(self, frame: av.VideoFrame) -> None:
        """Encode one frame."""
        self.frames += 1
        self._take(self._encoder.encode(self._mark(frame) if self._mark else frame))

    def finish(self) -> None:
        """Flush the encoder and put everything on disk."""
        self._take(self._encoder.encode(None))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Close and remove an unfinished segment."""
        with contextlib.suppress(OSError):  # a full disk refuses the last bytes, which nobody wants any more
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _take(self, packets: list[Any]) -> None:
        for packet in packets:
            data = bytes(packet)
            self._file.write(data)
            self.entries.append(PacketEntry(packet.pts, len(data), packet.is_keyframe, packet.duration or 0))
