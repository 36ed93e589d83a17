"""Color for a gray JPEG without touching its luma: new scans are added, old ones are kept as bytes.

A JPEG frame may hold its components in separate scans (ITU-T T.81, A.2). The entropy-coded data
of a gray file then is, bit for bit, the Y scan of a color file; Cb and Cr are encoded as gray
pictures of their own, and their scans are put behind it. Nothing is decoded and coded again, so
coefficients, quantization table, restart markers and progressive refinement stay what they were.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from koalacli.errors import InputError

SOI, EOI, SOS, DQT, DHT, DRI, DNL, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xDC, 0xFE
APP0, APP1, APP2, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
PROGRESSIVE = 0xC2
GRAFTED_FRAMES = {0xC0: "baseline", 0xC1: "extended", PROGRESSIVE: "progressive"}
FRAME_NAMES = GRAFTED_FRAMES | {0xC3: "lossless", 0xC9: "arithmetic", 0xCA: "arithmetic progressive"}
SAMPLING = {"420": 0x22, "444": 0x11}  # horizontal and vertical factor of Y
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte, nor fill, nor a restart
Segment = tuple[int, bytes]  # marker code and payload


@dataclass
class Layout:
    """Where things are in a JPEG file.

    Attributes:
        frame: code of the SOF marker.
        precision: bits per sample.
        height, width: pixels.
        components: (identifier, sampling factors as one byte, number of the quantization table).
        header: (marker, payload) of all segments before the first scan, SOF left out.
        scans: bytes from the first SOS up to EOI: scans and the tables between them.
        restarts: whether a restart interval is in force at the end.
        regular: whether all that follows the first SOS is scans and tables and ends with EOI.
        start: offset of the first SOS.
        end: offset behind EOI; the length of the file where that is not found.
    """

    frame: int = 0
    precision: int = 8
    height: int = 0
    width: int = 0
    components: list[tuple[int, int, int]] = field(default_factory=list)
    header: list[Segment] = field(default_factory=list)
    scans: bytes = b""
    restarts: bool = False
    regular: bool = True
    start: int = 0
    end: int = 0


def read_layout(data: bytes) -> Layout:
    """Take a JPEG file apart.

    Raises:
        InputError: the markers make no sense.
    """
    layout = Layout()
    if data[:2] != b"\xff\xd8":
        raise InputError("not a JPEG file: it has no start marker")
    at = 2
    while True:
        marker, start, end = _segment(data, at)
        if marker in FRAMES:
            _take_frame(layout, marker, data[start:end])
        elif marker == SOS:
            break
        elif marker == EOI:
            raise InputError("a JPEG file without a picture")
        else:
            layout.header.append((marker, data[start:end]))
            layout.restarts = data[start:end] != b"\0\0" if marker == DRI else layout.restarts
        at = end
    _take_scans(layout, data, at)
    return layout


def _segment(data: bytes, at: int) -> tuple[int, int, int]:
    """Marker code, start and end of the payload of the segment at an offset."""
    while data[at : at + 2] == b"\xff\xff":  # fill bytes
        at += 1
    if data[at : at + 2] == b"\xff\xd9":
        return EOI, at + 2, at + 2
    if at + 4 > len(data) or data[at] != 0xFF:
        raise InputError("a JPEG file whose markers are damaged")
    marker = data[at + 1]
    (length,) = struct.unpack_from(">H", data, at + 2)
    end = at + 2 + length
    if length < 2 or end > len(data):
        raise InputError("a JPEG file that is cut off")
    return marker, at + 4, end


def _take_frame(layout: Layout, marker: int, payload: bytes) -> None:
    if layout.frame or len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise InputError("a JPEG file whose frame header is damaged")
    layout.frame = marker
    layout.precision, layout.height, layout.width, _ = struct.unpack(">BHHB", payload[:6])
    layout.components = [(payload[at], payload[at + 1], payload[at + 2]) for at in range(6, len(payload), 3)]


def _take_scans(layout: Layout, data: bytes, start: int) -> None:
    """Follow scans and tables to the end marker."""
    at, count = start, 0
    layout.start, layout.end = start, len(data)
    while True:
        try:
            marker, begin, end = _segment(data, at)
        except InputError:
            layout.regular = False
            return
        if marker == EOI:
            break
        if marker == DRI:
            layout.restarts = data[begin:end] != b"\0\0"
        elif marker == SOS:
            count += 1
            end = _end_of_scan(data, end)
        elif marker not in (DHT, DQT, COM) and not APP0 <= marker <= 0xEF:
            layout.regular = False
            return
        at = end
    layout.scans, layout.end = data[start:at], end
    if layout.frame != PROGRESSIVE and len(layout.components) == 1 and count != 1:
        layout.regular = False  # a second scan of the only component: decoders disagree about it


def _end_of_scan(data: bytes, at: int) -> int:
    """Offset of the marker that ends the entropy-coded data."""
    found = _MARKER.search(data, at)
    return found.start() if found else len(data)


def why_not_graftable(layout: Layout) -> str:
    """Why luma cannot be kept as it is; empty if it can be."""
    if layout.frame not in GRAFTED_FRAMES:
        return f"{FRAME_NAMES.get(layout.frame, 'unusual')} JPEG"
    if layout.precision != 8:
        return f"JPEG of {layout.precision} bits"
    if not layout.regular:
        return "JPEG with irregular scans"
    if not layout.height or not layout.width:
        return "JPEG without a size"
    factors = np.array([(sampling >> 4, sampling & 15) for _, sampling, _ in layout.components])
    if len(factors) > 1 and (np.any(factors[0] != factors.max(0)) or factors.min() < 1 or factors.max() > 4):
        return "JPEG of unusual sampling"
    return ""


def graft_cbcr(source: Layout, blue: bytes, red: bytes, subsampling: str, metadata: list[Segment]) -> bytes:
    """A color JPEG whose luma is the source's.

    Args:
        source: a JPEG of one component for which `why_not_graftable` has nothing to say.
        blue, red: Cb and Cr as gray JPEG files of one quantization table and of the source's kind
            (progressive or not), at the source's size for 444, at half of it, rounded up, for 420.
        subsampling: 420 or 444.
        metadata: segments to put in front: APPn and COM.
    """
    luma_table = source.components[0][2]
    chroma_table = 0 if luma_table else 1
    tables = {
        luma_table: quantization_tables(source.header).get(luma_table, b""),
        chroma_table: _renumbered(blue, chroma_table),
    }
    frame = struct.pack(">BHHB", 8, source.height, source.width, 3)
    frame += bytes([1, SAMPLING[subsampling], luma_table, 2, 0x11, chroma_table, 3, 0x11, chroma_table])
    parts = [b"\xff\xd8", *(segment(*item) for item in metadata)]
    parts += [segment(DQT, table) for _, table in sorted(tables.items()) if table]
    parts.append(segment(source.frame, frame))
    parts += [segment(marker, payload) for marker, payload in source.header if marker in (DHT, DRI)]
    parts.append(_retargeted(source.scans, 1))
    if source.restarts:
        parts.append(segment(DRI, b"\0\0"))
    for identifier, file in ((2, blue), (3, red)):
        layout = read_layout(file)
        parts += [segment(marker, payload) for marker, payload in layout.header if marker == DHT]
        parts.append(_retargeted(layout.scans, identifier))
    parts.append(b"\xff\xd9")
    return b"".join(parts)


def segment(marker: int, payload: bytes) -> bytes:
    """A marker segment as bytes."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def quantization_tables(segments: list[Segment]) -> dict[int, bytes]:
    """Quantization tables by number, each with its leading byte; of two with one number the last."""
    found: dict[int, bytes] = {}
    for payload in (payload for marker, payload in segments if marker == DQT):
        at = 0
        while at < len(payload):
            size = 1 + 64 * (2 if payload[at] >> 4 else 1)
            found[payload[at] & 15] = payload[at : at + size]
            at += size
    return found


def _renumbered(file: bytes, number: int) -> bytes:
    """The table of a gray file under another number."""
    layout = read_layout(file)
    table = quantization_tables(layout.header)[layout.components[0][2]]
    return bytes([table[0] & 0xF0 | number]) + table[1:]


def _retargeted(scans: bytes, identifier: int) -> bytes:
    """The scans of a gray file with another component identifier in their headers."""
    parts: list[bytes] = []
    for before, header, data in iterate_scans(scans):
        parts += [segment(marker, payload) for marker, payload in before]
        parts += [segment(SOS, bytes([1, identifier]) + header[2:]), data]
    return b"".join(parts)


def iterate_scans(scans: bytes) -> Iterator[tuple[list[Segment], bytes, bytes]]:
    """(tables before it, payload of its SOS marker, entropy-coded data) of each scan."""
    for before, header, begin, end in find_scans(scans):
        yield before, header, scans[begin:end]


def find_scans(scans: bytes) -> Iterator[tuple[list[Segment], bytes, int, int]]:
    """As `iterate_scans`, with the offsets between which the entropy-coded data stands."""
    at = 0
    before: list[Segment] = []
    while at < len(scans):
        marker, begin, end = _segment(scans, at)
        if marker == SOS:
            at = _end_of_scan(scans, end)
            yield before, scans[begin:end], end, at
            before = []
            continue
        if marker in (DHT, DQT, DRI):
            before.append((marker, scans[begin:end]))
        at = end
