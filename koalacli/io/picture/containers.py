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


def gif_parts(data: bytes) -> Iterator[Part]:
    """Parts of a GIF file behind its screen: `,` frames from their position, `!` extensions from their label on."""
    if len(data) < 13:
        return
    at = 13 + _palette(data[10])
    while at < len(data) and data[at : at + 1] != b";":
        kind, start = data[at : at + 1], at + 1
        if kind == b"," and at + 10 <= len(data):
            at = _after_blocks(data, at + 11 + _palette(data[at + 9]))
            yield kind, start, at
        elif kind == b"!":
            at = _after_blocks(data, at + 2)
            yield kind, start, at
        else:
            at += 1  # decoders pass over stray bytes


def _palette(flags: int) -> int:
    """Bytes of a palette that the flags of a screen or frame announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def gif_extent(data: bytes) -> tuple[int, int]:
    """Width and height of what holds the screen and every frame of a GIF file: decoders make room for that."""
    width, height = struct.unpack_from("<HH", data, 6) if len(data) >= 10 else (0, 0)
    for kind, start, _ in gif_parts(data):
        if kind == b",":
            left, top, across, down = struct.unpack_from("<4H", data, start)
            width, height = max(width, left + across), max(height, top + down)
    return width, height


def tiff_pages(data: bytes, most: int) -> int:
    """How many pages a TIFF has, as far as its directories can be followed; counted up to `most`."""
    order = "<" if data[:2] == b"II" else ">"
    large = data[2:4] in (b"+\0", b"\0+")
    count, entry, pointer = ("Q", 20, "Q") if large else ("H", 12, "I")
    seen: set[int] = set()
    place = 8 if large else 4
    while len(seen) < most and place + struct.calcsize(pointer) <= len(data):
        (at,) = struct.unpack_from(order + pointer, data, place)
        if not at or at in seen or at + struct.calcsize(count) > len(data):
            break
        seen.add(at)
        (number,) = struct.unpack_from(order + count, data, at)
        place = at + struct.calcsize(count) + number * entry
    return len(seen)


# ---- XMP in GIF and JPEG 2000, where Pillow neither reads nor writes it ----------------------

_GIF_XMP = b"\xff\x0bXMP DataXMP"
_GIF_END = b"\x01" + bytes(range(255, -1, -1)) + b"\0"  # leads readers that count blocks out of the packet
_JP2_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")


def xmp_of_gif(data: bytes) -> bytes:
    """The packet in a GIF file, or nothing."""
    for kind, start, end in gif_parts(data):
        if kind == b"!" and data[start : start + len(_GIF_XMP)] == _GIF_XMP and data.endswith(_GIF_END, start, end):
            return data[start + len(_GIF_XMP) : end - len(_GIF_END)]
    return b""


def gif_with_xmp(data: bytes, xmp: bytes) -> bytes:
    """A GIF file with a packet before its end; an XMP packet holds no byte that a GIF reader could take for one."""
    return data[:-1] + b"!" + _GIF_XMP + xmp + _GIF_END + data[-1:] if xmp else data


def xmp_of_jp2(data: bytes) -> bytes:
    """The packet in a JPEG 2000 file, or nothing."""
    for kind, start, end in boxes(data):
        if kind == b"uuid" and data[start : start + 16] == _JP2_UUID:
            return data[start + 16 : end]
    return b""


def jp2_with_xmp(data: bytes, xmp: bytes) -> bytes:
    """A JPEG 2000 file with a packet in a box behind the others."""
    return data + struct.pack(">I4s", 24 + len(xmp), b"uuid") + _JP2_UUID + xmp if xmp else data
