"""Put a film together: colored packets from segments, every other stream copied from the source."""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from koalacli.errors import InputError, UsageError
from koalacli.io.video_encode import EncoderPlan, PacketEntry, add_encoder
from koalacli.io.video_open import open_container

TEXT_SUBTITLES = ("srt", "subrip", "ass", "ssa", "mov_text", "webvtt", "text")
# Text subtitles that a container takes, for conversion.
SUBTITLE_CODEC = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
TRANSPORT_CODECS = (
    *("h264", "hevc", "vvc", "av1", "mpeg1video", "mpeg2video", "mpeg4", "cavs", "dirac", "vc1"),
    *("aac", "aac_latm", "mp1", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "opus"),
    *("dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle", "hdmv_text_subtitle"),
)
PACKETS_AHEAD, PACKETS_TRIED = 500, 20
MOV_TEXT_GAP = b"\0\0"
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
        if (stream.type == "audio" and not audio) or (stream.type == "subtitle" and subtitles == "drop"):
            ways[stream.index] = DROP
        elif _fits(stream, container, heads[stream.index]):
            ways[stream.index] = COPY
        elif stream.type == "subtitle" and subtitles == "copy":
            raise UsageError(f"{name} does not fit into {container}; use --subtitles auto, or another OUTPUT (.mkv)")
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
        _add_streams(source, trial, encoder, plan)
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


@dataclass(frozen=True)
class Segment:
    """A finished segment: its file of packets and their entries, in decoding order."""

    path: Path
    entries: tuple[PacketEntry, ...]


@dataclass(frozen=True)
class Cut:
    """The part of the film that is wanted, in seconds of the source; `end` None is its end."""

    start: Fraction | None = None
    end: Fraction | None = None


def assemble(
    source_path: Path,
    segments: list[Segment],
    encoder: EncoderPlan,
    streams: StreamPlan,
    cut: Cut,
    matrix: tuple[int, ...] | None,
    part: Path,
) -> list[str]:
    """Write the whole film to `part`; the caller renames it.

    Args:
        matrix: display matrix of the source, carried over.

    Returns:
        Damage met while copying, one line each.
    """
    damage: list[str] = []
    with open_container(source_path) as source, av.open(str(part), "w", format=encoder.container) as output:
        output.metadata.update(source.metadata)
        copies, colored = _add_streams(source, output, encoder, streams)
        if matrix is not None:
            colored.set_display_matrix(matrix)
        shift = cut.start or Fraction(0)
        output.set_chapters(_chapters(source, cut, shift))
        output.start_encoding()
        # The muxer interleaves, so roughly equal times are enough.
        video = _colored_packets(segments, encoder, colored, shift)
        waiting = next(video, None)
        for time, packets in _copied_packets(source, copies, cut, damage):
            while waiting is not None and waiting[0] <= time:
                output.mux(waiting[1])
                waiting = next(video, None)
            for packet in packets:
                output.mux(packet)
        while waiting is not None:
            output.mux(waiting[1])
            waiting = next(video, None)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    return damage


def _add_streams(source: Any, output: Any, encoder: EncoderPlan, streams: StreamPlan) -> tuple[dict[int, Any], Any]:
    """Streams in the source's order; copies by index of the source."""
    copies: dict[int, Any] = {}
    colored: Any = None
    for stream in source.streams:
        if stream.index == streams.colored:
            colored = add_encoder(output, encoder)
            colored.metadata.update(stream.metadata)
            colored.disposition = stream.disposition
        elif streams.ways[stream.index] == COPY:
            copies[stream.index] = _copy_stream(output, stream)
        elif streams.ways[stream.index] == CONVERT:
            copies[stream.index] = _converted_stream(output, stream, encoder.container)
    return copies, colored


def _chapters(source: Any, cut: Cut, shift: Fraction) -> list[Any]:
    kept = []
    for chapter in source.chapters():
        base = chapter["time_base"] or Fraction(1, 1000)
        start, end = chapter["start"] * base, chapter["end"] * base
        if (cut.start is not None and end <= cut.start) or (cut.end is not None and start >= cut.end):
            continue
        start, end = max(start, cut.start or start), min(end, cut.end or end)
        kept.append({**chapter, "start": round((start - shift) / base), "end": round((end - shift) / base)})
    return kept


def _colored_packets(
    segments: list[Segment], encoder: EncoderPlan, stream: Any, shift: Fraction
) -> Iterator[tuple[Fraction, Any]]:
    """(decoding time in seconds of the source, packet) over all segments."""
    offset = round(shift / encoder.time_base)
    times = decoding_times([entry.pts for segment in segments for entry in segment.entries])
    for segment in segments:
        with segment.path.open("rb") as file:
            for entry in segment.entries:
                data = file.read(entry.size)
                if len(data) != entry.size:
                    raise InputError(f"{segment.path}: a finished segment is damaged; delete its folder and run again")
                packet = av.Packet(data)
                packet.time_base = encoder.time_base
                dts = next(times)
                packet.pts, packet.dts, packet.duration = entry.pts - offset, dts - offset, entry.duration
                packet.is_keyframe = entry.keyframe
                packet.stream = stream
                yield dts * encoder.time_base, packet


def decoding_times(pts: Iterable[int]) -> Iterator[int]:
    """Strictly rising decoding times, never after their pts, for pts in decoding order.

    Segments are encoded one by one, so that the encoder's own decoding times would overlap at
    the joints. The n-th decoding time is the (n - delay)-th pts in order of display.
    """
    given = list(pts)
    shown = sorted(given)
    rank = {value: place for place, value in enumerate(shown)}
    delay = max((place - rank[value] for place, value in enumerate(given)), default=0)
    step = max(1, shown[1] - shown[0]) if len(shown) > 1 else 1
    for place in range(len(given)):
        yield shown[place - delay] if place >= delay else shown[0] - (delay - place) * step


def _copied_packets(
    source: Any, copies: dict[int, Any], cut: Cut, damage: list[str]
) -> Iterator[tuple[Fraction, list[Any]]]:
    """(time in seconds of the source, packets to write) of all copied streams."""
    if not copies:
        return
    packets = source.demux([source.streams[index] for index in copies])
    time = Fraction(-1)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.InvalidDataError, av.error.OSError) as error:
            damage.append(f"{error.strerror or error} while copying other streams")
            return
        if packet is None:
            return
        if packet.dts is None and not packet.size:
            continue  # a flush signal of the reader, not data
        if packet.stream.type == "subtitle" and bytes(packet) == MOV_TEXT_GAP:
            continue  # the muxer of mp4 and mov fills gaps by itself
        target = copies[packet.stream.index]
        stamp = packet.pts if packet.pts is not None else packet.dts
        seconds = None if stamp is None else stamp * packet.time_base
        if seconds is not None:
            if (cut.start is not None and seconds < cut.start) or (cut.end is not None and seconds >= cut.end):
                continue
            time = seconds
        yield time, _retimed(packet, target, cut.start or Fraction(0))


def _retimed(packet: Any, target: Any, shift: Fraction) -> list[Any]:
    offset = round(shift / packet.time_base)
    converts = target.codec_context is not None and target.type == "subtitle" and target.codec_context.is_encoder
    if converts:
        return _convert_subtitle(packet, target, offset)
    for name in ("pts", "dts"):
        value = getattr(packet, name)
        if value is not None and offset:
            setattr(packet, name, value - offset)
    packet.stream = target
    return [packet]


def _convert_subtitle(packet: Any, target: Any, offset: int) -> list[Any]:
    decoded = packet.stream.codec_context.decode2(packet)
    if decoded is None or not len(decoded):
        return []
    made = target.codec_context.encode_subtitle(decoded)
    made.time_base = packet.time_base
    made.pts = made.dts = packet.pts - offset
    made.duration = packet.duration
    made.stream = target
    return [made]
