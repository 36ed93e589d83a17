"""Put luma that was cut out of an interleaved scan back into it; the other way of `luma.split_luma`.

What is not luma of the picture (chroma, blocks beyond its edge, the bits that fill the last byte) comes as it was, with
the lengths of its runs; the blocks of luma come from the scan that they were cut into, and their DC is coded again as
differences in the order of the whole scan.
"""

import struct
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from koalacli.errors import InputError
from koalacli.io.jpeg.entropy import Bits, unstuff
from koalacli.io.jpeg.layout import Layout
from koalacli.io.jpeg.luma import Blocks, Grid, code_levels, find_luma, members_of, tables_of
from koalacli.io.jpeg.state import State

STEP = 1 << 15  # blocks that are put in place at once


@dataclass(frozen=True)
class Scan:
    """A scan with the tables that are in force at it.

    Attributes:
        layout: of its file.
        state: the tables.
        header: payload of its SOS marker.
        data: entropy-coded.
    """

    layout: Layout
    state: State
    header: bytes
    data: bytes = b""


def splice_scan(made: Scan, rest: bytes, own: Scan) -> bytes:
    """The data of the interleaved scan whose luma is here and whose rest is there.

    Args:
        made: the scan, without data.
        rest: of `luma.rest_of_scan`.
        own: the scan that its luma was cut into, or that scan in another file.

    Raises:
        InputError: they do not belong together.
    """
    runs, beyond, borders, other = _unpack(rest)
    grid = Grid.of(made.layout, members_of(made.header), made.state.interval)
    gray = replace(own.layout, components=[(own.header[1], 0x11, 0)])
    stretch = unstuff(own.data)
    _, blocks = find_luma(gray, own.state, own.header, stretch)
    order = grid.order.ravel()
    if len(order) != len(blocks.begins) or len(runs) != len(order) + 1:
        raise InputError("luma of another size")
    words, lengths = np.zeros(len(order), np.uint32), np.zeros(len(order), np.int64)
    if blocks.levels is not None:
        levels = np.zeros(int(grid.is_luma.sum()), np.int64)
        levels[np.setdiff1d(np.arange(len(levels)), order)] = beyond
        levels[order] = blocks.levels
        coded = code_levels(grid.differences(levels), made.state.code(tables_of(made.layout, made.header) >> 4))
        words, lengths = coded[0][np.sort(order)], coded[1][np.sort(order)]
    turned = np.argsort(order)
    blocks = Blocks(blocks.begins[turned], blocks.taken[turned], blocks.ends[turned], None)
    content = _joined(runs, np.unpackbits(other), words, lengths, blocks, stretch.content)
    marks = [b"\xff" + bytes([0xD0 | number % 8]) for number in range(len(borders) - 1)]
    intervals = [
        content[begin:end].replace(b"\xff", b"\xff\0") for begin, end in zip(borders, [*borders[1:], None], strict=True)
    ]
    return b"".join(part for pair in zip(intervals, [*marks, b""], strict=True) for part in pair)


def _unpack(rest: bytes) -> tuple[Bits, Bits, list[int], NDArray[np.uint8]]:
    parts, at = [], 0
    for dtype in ("<u4", "<i2", "<u4", "u1"):
        (size,) = struct.unpack_from("<I", rest, at)
        parts.append(np.frombuffer(rest[at + 4 : at + 4 + size], dtype))
        at += 4 + size
    return parts[0].astype(np.int64), parts[1].astype(np.int64), parts[2].tolist(), parts[3]


def _joined(
    runs: Bits,
    other: NDArray[np.uint8],
    words: NDArray[np.uint32],
    lengths: Bits,
    blocks: Blocks,
    content: NDArray[np.uint8],
) -> bytes:
    """As bytes: in turn a run of the other bits, the code word of DC, what follows it; in the end the last run."""
    firsts = np.cumsum(runs) - runs
    if int(runs.sum()) > len(other):
        raise InputError("bits are missing")
    parts: list[NDArray[np.uint8]] = []
    for first in range(0, len(words), STEP):
        some = slice(first, min(first + STEP, len(words)))
        taken, ends = blocks.taken[some], blocks.ends[some]
        begin, low = int(firsts[first]), int(taken.min()) >> 3
        run = other[begin : int(firsts[some.stop])]
        coded = np.unpackbits(words[some].astype(">u4").view(np.uint8))
        luma = np.unpackbits(content[low : (int(ends.max()) >> 3) + 1])
        own = len(run) + np.arange(len(taken)) * 32
        starts = np.stack([firsts[some] - begin, own, len(run) + len(coded) + taken - low * 8], 1).ravel()
        sizes = np.stack([runs[some], lengths[some], ends - taken], 1).ravel()
        places = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
        parts.append(np.concatenate([run, coded, luma])[places + np.arange(len(places))])
    parts.append(other[int(firsts[-1]) : int(firsts[-1] + runs[-1])])
    return np.packbits(np.concatenate(parts)).tobytes()
