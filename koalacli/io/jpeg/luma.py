"""The luma of a JPEG with color planes, as a gray JPEG of its own with the same coefficients.

Scans of luma alone are taken over as bytes. Where a scan interleaves luma with chroma, the bits
of the luma blocks are cut out of it; only DC, which is coded as difference to the block before,
is coded anew, as blocks follow one another in another order then.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koalacli.errors import InputError
from koalacli.io.jpeg.entropy import Bits, BlockSteps, Code, Stretch, block_steps, find_blocks, unstuff
from koalacli.io.jpeg.layout import DHT, DQT, DRI, PROGRESSIVE, SOS, Layout, iterate_scans, segment
from koalacli.io.jpeg.state import State

# ITU-T T.81, table K.3: it has a code for every size that DC can have in 8 bits.
DC_CODE = Code(bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]), bytes(range(12)))


def split_luma(layout: Layout, rests: list[bytes] | None = None) -> bytes:
    """A gray JPEG with the luma of a YCbCr one.

    Args:
        layout: of a baseline, extended or progressive file in which luma is the largest plane.
        rests: takes, for each scan that luma is in, what else is in it; see `rest_of_scan`.

    Raises:
        InputError: its scans cannot be taken apart.
    """
    try:
        return b"".join(_parts(layout, [] if rests is None else rests))
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise InputError("scans that make no sense") from error


def _parts(layout: Layout, rests: list[bytes]) -> Iterator[bytes]:
    state = State()
    for item in layout.header:
        state.take(*item)
    luma, _, table = layout.components[0]
    begun = False
    for before, header, data in iterate_scans(layout.scans):
        for item in before:
            state.take(*item)
        members = members_of(header)
        if luma not in members:
            continue
        if not begun:  # a table is in force from the first scan of its plane on
            begun = True
            yield b"\xff\xd8" + segment(DQT, state.tables[table])
            frame = struct.pack(">BHHB", 8, layout.height, layout.width, 1)
            yield segment(layout.frame, frame + bytes([1, 0x11, table]))
        if len(members) == 1:
            rests.append(b"")
            yield from _own_scan(state, header, data)
        else:
            yield from _cut_scan(layout, state, header, data, rests)
    if not begun:
        raise InputError("no scan of luma")
    yield b"\xff\xd9"


def _own_scan(state: State, header: bytes, data: bytes) -> Iterator[bytes]:
    """A scan of luma alone, as it is."""
    for number in (header[2] >> 4, 16 | header[2] & 15):
        if number in state.codes:
            yield segment(DHT, bytes([number]) + state.codes[number])
    yield segment(DRI, struct.pack(">H", state.interval))
    yield segment(SOS, bytes([1, 1]) + header[2:]) + data


def _cut_scan(layout: Layout, state: State, header: bytes, data: bytes, rests: list[bytes]) -> Iterator[bytes]:
    """Luma's part of a scan of several planes."""
    numbers, spectral = tables_of(layout, header), header[1 + 2 * header[0] :]
    stretch = unstuff(data)
    grid, blocks = find_luma(layout, state, header, stretch)
    rests.append(rest_of_scan(stretch, grid, blocks))
    words, lengths = np.zeros(grid.order.size, np.uint32), np.zeros(grid.order.size, np.int64)
    if blocks.levels is not None:
        words, lengths = code_levels(np.diff(blocks.levels[grid.order].ravel(), prepend=0), DC_CODE)
    shape = grid.order.shape
    cut = _Cut(words.reshape(shape), lengths.reshape(shape), blocks.taken[grid.order], blocks.ends[grid.order])
    yield segment(DHT, bytes([numbers >> 4]) + DC_CODE.counts + DC_CODE.symbols)
    if layout.frame != PROGRESSIVE:
        yield segment(DHT, bytes([16 | numbers & 15]) + state.codes[16 | numbers & 15])
    yield segment(DRI, b"\0\0")
    yield segment(SOS, bytes([1, 1, numbers]) + spectral)
    yield _packed(stretch, cut, grid.down)


def _steps(frame: int, state: State, tables: int) -> BlockSteps:
    """Steps for blocks with these numbers of tables."""
    ac = None if frame == PROGRESSIVE else state.code(16 | tables & 15)  # there AC has scans of its own
    return block_steps(state.code(tables >> 4), ac)


@dataclass(frozen=True)
class Grid:
    """How blocks follow one another in a scan of several planes.

    Attributes:
        units: identifier of the plane of each block of an MCU.
        is_luma: (blocks of the scan,), which of them are luma.
        mcus: MCUs of each restart interval.
        across, down: luma blocks in an MCU.
        order: (rows, columns), the place among the luma blocks of the scan of each block of the picture.
    """

    units: list[int]
    is_luma: NDArray[np.bool_]
    mcus: Bits
    across: int
    down: int
    order: Bits

    @classmethod
    def of(cls, layout: Layout, members: dict[int, int], interval: int) -> "Grid":
        """The grid of a scan with these members."""
        luma, sampling, _ = layout.components[0]
        across, down = sampling >> 4, sampling & 15
        units = [
            name for name, factors, _ in layout.components if name in members
            for _ in range((factors >> 4) * (factors & 15))
        ]  # fmt: skip
        width, height = -(-layout.width // (8 * across)), -(-layout.height // (8 * down))
        count = width * height
        mcus = np.minimum(interval or count, count - np.arange(0, count, interval or count))
        order = np.arange(count * across * down).reshape(height, width, down, across).swapaxes(1, 2)
        order = order.reshape(height * down, width * across)[: -(-layout.height // 8), : -(-layout.width // 8)]
        is_luma = np.tile(np.array([name == luma for name in units]), count)
        return cls(units, is_luma, mcus, across, down, order)

    def levels(self, differences: Bits) -> Bits:
        """DC of the luma blocks of the scan; each restart interval begins anew."""
        blocks = self.mcus * self.across * self.down
        firsts = np.cumsum(blocks) - blocks
        sums = np.cumsum(differences)
        return np.asarray(sums - np.repeat(sums[firsts] - differences[firsts], blocks))

    def differences(self, levels: Bits) -> Bits:
        """The other way of `levels`."""
        blocks = self.mcus * self.across * self.down
        firsts = np.cumsum(blocks) - blocks
        found = np.diff(levels, prepend=0)
        found[firsts] = levels[firsts]
        return found


@dataclass(frozen=True)
class Blocks:
    """The luma blocks of a scan, in its order: offsets in bits.

    Attributes:
        begins, ends: of each block.
        taken: where its DC has been read: what follows can be taken over as it is.
        levels: its DC; None in a scan that only adds a bit to it.
    """

    begins: Bits
    taken: Bits
    ends: Bits
    levels: Bits | None


def members_of(header: bytes) -> dict[int, int]:
    """Planes of a scan, and the numbers of their Huffman tables: that of DC in the upper four bits."""
    return {header[at]: header[at + 1] for at in range(1, 1 + 2 * header[0], 2)}


def tables_of(layout: Layout, header: bytes) -> int:
    """Those numbers for luma."""
    return members_of(header)[layout.components[0][0]]


def find_luma(layout: Layout, state: State, header: bytes, stretch: Stretch) -> tuple[Grid, Blocks]:
    """Where the luma blocks of a scan are.

    Raises:
        InputError: its data makes no sense.
    """
    members = members_of(header)
    grid = Grid.of(layout, members, state.interval)
    if len(stretch.begins) != len(grid.mcus):
        raise InputError("restart markers that make no sense")
    counts = grid.mcus * len(grid.units)
    if layout.frame == PROGRESSIVE and header[-1] >> 4:  # refinement of DC: a bit per block
        offsets = np.arange(len(grid.is_luma)) - np.repeat(np.cumsum(counts) - counts, counts)
        begins = (np.repeat(stretch.begins, counts) + offsets)[grid.is_luma]
        if np.any(stretch.begins + counts > stretch.ends):
            raise InputError("fewer blocks than its size asks for")
        return grid, Blocks(begins, begins, begins + 1, None)
    steps = {name: _steps(layout.frame, state, tables) for name, tables in members.items()}
    found = find_blocks(stretch, [steps[name] for name in grid.units], counts)
    is_block = np.ones(len(found), bool)
    is_block[np.cumsum(counts + 1) - 1] = False  # the ends of restart intervals
    which = np.flatnonzero(is_block)[grid.is_luma]
    differences, taken = _dc(stretch, state.code(tables_of(layout, header) >> 4), found[which])
    return grid, Blocks(found[which], taken, found[which + 1], grid.levels(differences))


@dataclass(frozen=True)
class _Cut:
    """What the luma blocks of a picture become, all (rows, columns).

    Attributes:
        words: uint32, new code words of DC, from the highest bit on.
        lengths: how many bits each of them has.
        begins, ends: offsets of what is taken over behind them.
    """

    words: NDArray[np.uint32]
    lengths: Bits
    begins: Bits
    ends: Bits


def rest_of_scan(stretch: Stretch, grid: Grid, blocks: Blocks) -> bytes:
    """What of an interleaved scan is not luma of the picture; `splice.py` puts them together again."""
    kept = np.sort(grid.order.ravel())
    firsts = np.append(0, blocks.ends[kept])
    runs = np.append(blocks.begins[kept], stretch.ends[-1]) - firsts
    places = np.repeat(firsts - (np.cumsum(runs) - runs), runs)
    places += np.arange(len(places))
    bits = stretch.content[places >> 3] >> (7 - (places & 7)).astype(np.uint8) & 1
    levels = np.empty(0, np.int64)
    if blocks.levels is not None:
        levels = blocks.levels[np.setdiff1d(np.arange(len(blocks.levels)), kept)]
    parts = [runs.astype("<u4"), levels.astype("<i2"), (stretch.begins // 8).astype("<u4"), np.packbits(bits)]
    return b"".join(struct.pack("<I", part.nbytes) + part.tobytes() for part in parts)


def _dc(stretch: Stretch, code: Code, starts: Bits) -> tuple[Bits, Bits]:
    """Differences of DC in the order of the scan, and where the rest of each block begins."""
    table = np.zeros(1 << 16, np.int16)
    for symbol, length, word in code.words():
        table[word << (16 - length) : (word + 1) << (16 - length)] = length | (symbol & 15) << 8
    entry = table[stretch.peek(starts)].astype(np.int64)
    at, size = starts + (entry & 255), entry >> 8
    raw = stretch.peek(at) >> (16 - size)
    values = np.where((size > 0) & (raw < 1 << np.maximum(size - 1, 0)), raw - (1 << size) + 1, raw)
    return values, at + size


def code_levels(differences: Bits, code: Code) -> tuple[NDArray[np.uint32], Bits]:
    """Code words of DC differences, from the highest bit of 32 on, and their lengths."""
    size = np.frexp(np.abs(differences).astype(np.float64))[1].astype(np.int64)
    known = np.zeros((2, 32), np.int64)  # length and code word of each size
    for symbol, length, word in code.words():
        known[:, symbol & 31] = length, word
    if size.max(initial=0) >= 12 or not np.all(known[0][size]):
        raise InputError("luma out of range")
    lengths = known[0][size]
    bits = (known[1][size] << size) | np.where(differences < 0, differences + (1 << size) - 1, differences)
    return (bits << (32 - lengths - size)).astype(np.uint32), lengths + size


def _packed(stretch: Stretch, cut: _Cut, together: int) -> bytes:
    """Entropy-coded data of the blocks; `together` rows at a time, which is how they lie in the scan."""
    parts: list[bytes] = []
    left = np.empty(0, np.uint8)
    for row in range(0, len(cut.words), together):
        rows = slice(row, row + together)
        begins, ends = cut.begins[rows].ravel(), cut.ends[rows].ravel()
        words = np.unpackbits(cut.words[rows].astype(">u4").ravel().view(np.uint8))
        first = int(begins.min()) >> 3
        source = np.unpackbits(stretch.content[first : (int(ends.max()) >> 3) + 1])
        starts = np.stack([np.arange(len(begins)) * 32, len(words) + begins - first * 8], 1).ravel()
        lengths = np.stack([cut.lengths[rows].ravel(), ends - begins], 1).ravel()
        places = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        bits = np.concatenate([left, np.concatenate([words, source])[places + np.arange(len(places))]])
        whole = len(bits) // 8 * 8
        parts.append(np.packbits(bits[:whole]).tobytes())
        left = bits[whole:]
    if len(left):
        parts.append(np.packbits(np.append(left, np.ones(8 - len(left), np.uint8))).tobytes())
    return b"".join(parts).replace(b"\xff", b"\xff\0")
