"""Which streams of a film an output can hold, and how they are added to it."""

import io
import math
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import av

from koalacli.errors import UsageError
from koalacli.io.film.encode import EncoderPlan, add_encoder
from koalacli.io.film.timecode import shift_timecode

TEXT_SUBTITLES = ("srt", "subrip", "ass", "ssa", "mov_text", "webvtt", "text")
# Text subtitles that a container takes, for conversion.
SUBTITLE_CODEC = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
TRANSPORT_CODECS = (
    *("h264", "hevc", "vvc", "av1", "mpeg1video", "mpeg2video", "mpeg4", "cavs", "dirac", "vc1"),
    *("aac", "aac_latm", "mp1", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "opus"),
    *("dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle", "hdmv_text_subtitle"),
)
TIMECODED = ("mov", "mp4", "mxf", "matroska", "nut")  # make a track of the tag `timecode`, or keep the tag
PACKETS_AHEAD, PACKETS_TRIED = 500, 20
COPY, CONVERT, DROP = "copy", "convert", "drop"


@dataclass(frozen=True)
class StreamPlan:
    """What happens to every stream of the source.

    Attributes:
        colored: index of the stream that is replaced.
        ways: COPY, CONVERT or DROP by index, for all others.
        remarks: one line per stream that is not copied.
    """

    colored: int
    ways: dict[int, str]
    remarks: tuple[str, ...]


def plan_streams(source: Any, colored: int, encoder: EncoderPlan, *, audio: bool, subtitles: str) -> StreamPlan:
    """Find out before the first frame which streams the output's container can hold; reads the beginning.

    Args:
        source: open input container.
        colored: index of the stream to colorize.
        encoder: of the colored stream.
        audio: whether sound is wanted.
        subtitles: auto converts or drops what does not fit and says so; copy refuses instead; drop leaves all out.

    Raises:
        UsageError: subtitles is copy and a subtitle stream does not fit; or the container cannot hold all together.
    """
    container = encoder.container
    ways: dict[int, str] = {}
    remarks = []
    heads = _first_packets(source)
    for stream in source.streams:
        if stream.index == colored:
            continue
        name = f"{stream.type} stream {stream.index} ({_codec_name(stream)})"
        if _is_timecode(stream):
            ways[stream.index] = DROP  # made anew from the tag of the picture's stream, which counts from the cut
            remarks += [] if container in TIMECODED else [f"timecode does not fit into {container} and is dropped"]
        elif (stream.type == "audio" and not audio) or (stream.type == "subtitle" and subtitles == "drop"):
            ways[stream.index] = DROP
        elif _fits(stream, container, heads[stream.index]):
            ways[stream.index] = COPY
        elif stream.type == "subtitle" and subtitles == "copy":
            raise UsageError(
                f"{name} does not fit into {container}; use --subtitles auto, or keep the film's container"
            )
        elif stream.type == "subtitle" and _codec_name(stream) in TEXT_SUBTITLES and container in SUBTITLE_CODEC:
            ways[stream.index] = CONVERT
            remarks.append(f"{name} is converted to {SUBTITLE_CODEC[container]}")
        else:
            ways[stream.index] = DROP
            way_out = "" if container == "matroska" else " (.mkv keeps it)"
            remarks.append(f"{name} does not fit into {container} and is dropped{way_out}")
    plan = StreamPlan(colored, ways, tuple(remarks))
    try:
        trial = av.open(io.BytesIO(), "w", format=container)
        add_streams(source, trial, encoder, plan)
        trial.start_encoding()
    except (ValueError, av.error.FFmpegError) as error:
        raise UsageError(f"{container} cannot hold all these streams together; choose another OUTPUT (.mkv)") from error
    return plan


def _first_packets(source: Any) -> dict[int, list[Any]]:
    """A few packets of every stream that has some near its beginning."""
    heads: dict[int, list[Any]] = {stream.index: [] for stream in source.streams}
    with suppress(av.error.FFmpegError):  # damage is met again, and told, where packets are copied
        for packet in islice(source.demux(), PACKETS_AHEAD):
            if packet.size and len(heads[packet.stream.index]) < PACKETS_TRIED:
                heads[packet.stream.index].append(packet)
    return heads


def _is_timecode(stream: Any) -> bool:
    return stream.type == "data" and "timecode" in stream.metadata


def _codec_name(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "no codec"


def _fits(stream: Any, container: str, packets: list[Any]) -> bool:
    """Try it: a file with the beginning of this stream alone."""
    if container == "mpegts" and stream.type != "data" and _codec_name(stream) not in TRANSPORT_CODECS:
        return False  # it would be taken as private data that no player understands
    try:
        trial = av.open(io.BytesIO(), "w", format=container)
        copy = _copy_stream(trial, stream)
        trial.start_encoding()
        for packet in packets:
            packet.stream = copy
            trial.mux(packet)
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _copy_stream(output: Any, stream: Any) -> Any:
    copy = output.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    copy.time_base = stream.time_base
    return copy


def _converted_stream(output: Any, stream: Any, container: str) -> Any:
    made = output.add_stream(SUBTITLE_CODEC[container])
    made.codec_context.subtitle_header = stream.codec_context.subtitle_header or ASS_HEADER
    made.time_base = made.codec_context.time_base = Fraction(1, 1000)
    made.metadata.update(stream.metadata)
    made.disposition = stream.disposition
    return made


ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, "
    b"MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


def add_streams(
    source: Any, output: Any, encoder: EncoderPlan, streams: StreamPlan, start: Fraction | None = None
) -> tuple[dict[int, Any], Any]:
    """Streams in the source's order; copies by index of the source. Timecode moves on to where a part starts."""
    later = _frames_before(source.streams[streams.colored], start, encoder.rate)
    output.metadata.update(_with_timecode(source.metadata, later, encoder.rate))
    copies: dict[int, Any] = {}
    colored: Any = None
    for stream in source.streams:
        if stream.index == streams.colored:
            colored = add_encoder(output, encoder)
            colored.metadata.update(_with_timecode(stream.metadata, later, encoder.rate))
            colored.disposition = stream.disposition
        elif streams.ways[stream.index] == COPY:
            copies[stream.index] = _copy_stream(output, stream)
        elif streams.ways[stream.index] == CONVERT:
            copies[stream.index] = _converted_stream(output, stream, encoder.container)
    return copies, colored


def _frames_before(stream: Any, start: Fraction | None, rate: Fraction) -> int:
    """How many frames of a stream lie before a part of it."""
    begins = Fraction((stream.start_time or 0) * stream.time_base)
    return max(0, math.ceil((start - begins) * rate)) if start else 0


def _with_timecode(metadata: dict[str, str], later: int, rate: Fraction) -> dict[str, str]:
    """Metadata whose timecode, if there is one, is that of a later frame."""
    return {key: shift_timecode(value, later, rate) if key == "timecode" else value for key, value in metadata.items()}
