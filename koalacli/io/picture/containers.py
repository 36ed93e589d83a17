"""How files are built, followed part by part: what a decoder will find, not where some letters happen to stand.

Formats: WebP (RIFF chunks), AVIF and JPEG 2000 (boxes of ISO/IEC 14496-12 and 15444-1), GIF89a. All offsets are in
bytes; whatever is cut off or makes no sense ends the walk.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Part = tuple[bytes, int, int]  # name, and where its content starts and ends


def webp_chunks(data: bytes) -> Iterator[Part]:
    """Chunks of a WebP file; those of an animation's frames stand in the place of the frame."""
    yield from _chunks(data, 12, len(data))


def _chunks(data: bytes, at: int, end: int) -> Iterator[Part]:
    while at + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if kind == b"ANMF":  # 16 bytes about the frame, then its own chunks
            yield from _chunks(data, at + 16, min(at + size, end))
        else:
            yield kind, at, min(at + size, end)
        at += size + size % 2


def webp_is_lossless(data: bytes) -> bool:
    """Whether all pictures of a WebP file are of the kind that holds pixels bit for bit."""
    kinds = {kind for kind, _, _ in webp_chunks(data)}
    return b"VP8L" in kinds and b"VP8 " not in kinds


def boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Part]:
    """Boxes that stand one after the other."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1 and at + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        size = size or end - at  # 0: to the end
        if size < start - at:
            return
        yield kind, start, min(at + size, end)
        at += size


def avif_depth(data: bytes) -> int:
    """The most bits per sample that any picture of an AVIF file states; 8 where none does."""
    depths = [8]
    for start, end in _inside(data, b"meta", 4, b"iprp", 0, b"ipco", 0):
        for kind, first, last in boxes(data, start, end):
            if kind == b"pixi" and last - first > 5:  # version and flags, a count, bits of each channel
                depths += data[first + 5 : min(first + 5 + data[first + 4], last)]
            elif kind == b"av1C" and last - first > 2 and data[first + 2] & 0x40:  # high_bitdepth
                depths.append(12 if data[first + 2] & 0x20 else 10)
    return max(depths)


def _inside(data: bytes, *path: bytes | int) -> list[tuple[int, int]]:
    """Where the content of boxes in boxes lies; each name is followed by the bytes before its inner boxes."""
    places = [(0, len(data))]
    for name, skipped in zip(path[::2], path[1::2], strict=True):
        places = [
            (first + int(skipped), last)
            for start, end in places
            for kind, first, last in boxes(data, start, end)
            if kind == name
        ]
    return places


@dataclass(frozen=True)
class Codestream:
    """What the main header of a JPEG 2000 codestream states (ITU-T T.800, A.5.1 and A.6.1).

    Attributes:
        width, height: of the picture, pixels.
        depth: the most bits per sample of any channel.
        channels: how many.
        reversible: whether its wavelets give pixels back bit for bit.
    """

    width: int
    height: int
    depth: int
    channels: int
    reversible: bool


def read_codestream(data: bytes) -> Codestream | None:
    """The header of a JPEG 2000 picture, in its boxes or bare; None if there is none."""
    places = [start for kind, start, _ in boxes(data) if kind == b"jp2c"] if data[:2] != b"\xff\x4f" else [0]
    if not places or data[places[0] : places[0] + 4] != b"\xff\x4f\xff\x51" or len(data) < places[0] + 43:
        return None
    siz = places[0] + 4  # its length, capabilities, then the extent of the grid
    right, bottom, left, top = struct.unpack_from(">4I", data, siz + 4)
    (channels,) = struct.unpack_from(">H", data, siz + 36)
    depths = [(value & 0x7F) + 1 for value in data[siz + 38 : siz + 38 + 3 * channels : 3]]
    return Codestream(right - left, bottom - top, max(depths, default=8), channels, _is_reversible(data, siz))


def _is_reversible(data: bytes, at: int) -> bool:
    """Look for the coding style in the segments from an offset behind a marker on."""
    while at + 2 <= len(data):
        at += struct.unpack_from(">H", data, at)[0]
        marker = data[at : at + 2]
        if marker == b"\xff\x52":
            return data[at + 13 : at + 14] == b"\1"
        if marker[:1] != b"\xff" or marker == b"\xff\x90":  # the first tile
            break
        at += 2
    return False


def jp2_is_lossless(data: bytes) -> bool:
    """Whether a JPEG 2000 file may hold its pixels bit for bit: its wavelets are the reversible ones."""
    found = read_codestream(data)
    return found is not None and found.reversible


def gif_extent(data: bytes) -> tuple[int, int, int]:
    """Width and height that hold the screen and every frame of a GIF file, and the number of frames."""
    if len(data) < 13:
        return 0, 0, 0
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    count = 0
    while at < len(data) and data[at : at + 1] != b";":
        if data[at : at + 1] == b"," and at + 10 <= len(data):
            left, top, across, down, flags = struct.unpack_from("<4HB", data, at + 1)
            width, height, count = max(width, left + across), max(height, top + down), count + 1
            at = _after_blocks(data, at + 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0))
        elif data[at : at + 1] == b"!":
            at = _after_blocks(data, at + 2)
        else:
            at += 1  # decoders pass over stray bytes
    return width, height, count


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
