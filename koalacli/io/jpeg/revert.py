"""Undo a graft: out of a color JPEG the very gray file that it was made of.

A graft keeps the luma of its source. All else of the source travels in APP15 segments of the color file, packed, with
the digest of the whole: tables, metadata, what stands behind the picture, and neutral color planes, which are next to
nothing. So the file that comes back is the source, byte for byte, or there is an error.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence

from koalacli.errors import InputError
from koalacli.io.jpeg.layout import Layout, Segment, find_scans, read_layout
from koalacli.io.jpeg.luma import members_of
from koalacli.io.jpeg.splice import Scan, splice_scan
from koalacli.io.jpeg.state import State

APP15 = 0xEF
NAME = b"koala:source\0\1"  # the last byte is the version of what follows
LONGEST = 65000  # bytes in one segment
MOST_PACKED = 1 << 18  # bytes; what stands behind a picture may be as large as the picture itself
MOST = 1 << 27  # bytes, unpacked
DIGEST = 32  # bytes of SHA-256


def source_segments(source: bytes, layout: Layout, digest: bytes, rests: Sequence[bytes] = ()) -> list[Segment]:
    """Segments that hold all of a gray JPEG but its luma; none where that is too much to carry along.

    Args:
        source: a file for which `layout.why_not_graftable` has nothing to say.
        layout: its parts.
        digest: its SHA-256.
        rests: what `luma.split_luma` has left of it, if it has color planes.
    """
    pieces: list[bytes] = []
    at = 0
    for number, (_, begin, end) in enumerate(_luma_scans(layout)):
        pieces += [source[at:begin], rests[number] if rests else b""]
        at = end
    pieces.append(source[at:])
    packed = zlib.compress(b"".join(struct.pack(">I", len(piece)) + piece for piece in pieces))
    if len(packed) > MOST_PACKED:
        return []
    content = digest + packed
    return [(APP15, NAME + content[at : at + LONGEST]) for at in range(0, len(content), LONGEST)]


def _luma_scans(layout: Layout) -> Iterator[tuple[Scan, int, int]]:
    """Scans that luma is in, and the offsets in the file between which their data stands."""
    state = State()
    for item in layout.header:
        state.take(*item)
    for before, header, begin, end in find_scans(layout.scans):
        for item in before:
            state.take(*item)
        if layout.components[0][0] in members_of(header):
            scan = Scan(layout, state, header, layout.scans[begin:end])
            yield scan, layout.start + begin, layout.start + end


def has_own_scans(layout: Layout) -> bool:
    """Whether luma stands in scans of its own, as it does in a graft."""
    heads = [header for _, header, _, _ in find_scans(layout.scans)]
    return len(layout.components) > 1 and bool(heads) and all(header[0] == 1 for header in heads)


def carries_source(layout: Layout) -> bool:
    """Whether `revert_graft` can give the source back, as far as the head of a file tells."""
    return any(marker == APP15 and part.startswith(NAME) for marker, part in layout.header)


def revert_graft(color: bytes) -> bytes:
    """The JPEG that a color one was made of.

    Raises:
        InputError: it was not made so, or its luma or what it carries of its source has changed.
    """
    layout = read_layout(color)
    content = b"".join(part[len(NAME) :] for marker, part in layout.header if marker == APP15 and part.startswith(NAME))
    if not content:
        raise InputError("does not carry its source: only JPEGs do that `koala colorize` made of gray ones")
    try:
        source = _source(layout, content[DIGEST:])
    except (zlib.error, struct.error, IndexError, KeyError, ValueError) as error:
        raise InputError("what it carries of its source is damaged") from error
    if hashlib.sha256(source).digest() != content[:DIGEST]:
        raise InputError("its luma, or what it carries of its source, is no longer what it was")
    return source


def _source(layout: Layout, packed: bytes) -> bytes:
    pieces = list(_unpack(packed))
    texts, rests = pieces[::2], pieces[1::2]
    if not any(rests):  # all luma stands in scans of its own, as in the source
        scans = [scan.data for scan, _, _ in _luma_scans(layout)]
    else:
        # Luma's scans of the source are still empty here, but its tables are all there.
        empty = _luma_scans(read_layout(b"".join(texts)))
        scans = [
            splice_scan(made, rest, own) if rest else own.data
            for (made, _, _), rest, (own, _, _) in zip(empty, rests, _luma_scans(layout), strict=True)
        ]
    return b"".join(part for pair in zip(texts, [*scans, b""], strict=True) for part in pair)


def _unpack(packed: bytes) -> Iterator[bytes]:
    unpacked, at = zlib.decompressobj().decompress(packed, MOST), 0
    while at < len(unpacked):
        (size,) = struct.unpack_from(">I", unpacked, at)
        yield unpacked[at + 4 : at + 4 + size]
        at += 4 + size
