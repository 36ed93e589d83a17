"""Put a film together: colored packets from segments, every other stream copied from the source."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from koalacli.errors import InputError
from koalacli.io.film.encode import EncoderPlan, PacketEntry
from koalacli.io.film.open import address_of, open_container
from koalacli.io.film.streams import StreamPlan, add_streams

MOV_TEXT_GAP = b"\0\0"


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
    options = {"fflags": "+bitexact"}  # Matroska would write a random number: the same run, another file
    with (
        open_container(source_path) as source,
        av.open(address_of(part), "w", format=encoder.container, options=options) as output,
    ):
        copies, colored = add_streams(source, output, encoder, streams, cut.start)
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
