"""Where the blocks of an interleaved JPEG scan begin and end, found without decoding them to pixels.

Huffman-coded data can only be read from its start, one symbol after the other. To be quick all
the same, many readers start at once at places a few thousand bits apart, most of them in the
middle of a symbol. Codes of this kind fall into step by themselves after a few blocks; a reader
then is started again where the one before it has ended, until no start changes any more.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koalacli.errors import InputError

Bits = NDArray[np.int64]  # offsets or lengths in bits
Steps = NDArray[np.int16]  # (65536,)
CHUNK = 1024  # bits between readers; most of them fall into step before the next one's start
ROUNDS = 200  # after which a scan counts as one that cannot be read this way
BLOCK = 64  # coefficients
LEAP = 13  # bits within which several symbols are read at once
# Of a step: how many bits it takes; above them, how many coefficients it leads on; above that, how many of these come
# before its last symbol.
_BITS, _ADVANCE, _REACH, _BEFORE = 31, 5, 255, 13


@dataclass(frozen=True)
class Code:
    """A Huffman code, as a DHT segment has it.

    Attributes:
        counts: 16 bytes, how many codes there are of each length from 1 on.
        symbols: their symbols in order.
    """

    counts: bytes
    symbols: bytes

    def words(self) -> list[tuple[int, int, int]]:
        """(symbol, length, code word) of each code (ITU-T T.81, annex C).

        Raises:
            InputError: there are more codes than fit.
        """
        found, word, at = [], 0, 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[at : at + count]:
                found.append((symbol, length, word))
                word += 1
            at += count
            if word > 1 << length:
                raise InputError("Huffman tables that make no sense")
            word <<= 1
        return found

    def steps(self, advance: Callable[[int], int]) -> Steps:
        """What reading a symbol and the bits behind it does, by the next 16 bits.

        Args:
            advance: symbol -> how many coefficients further it leads; BLOCK ends the block.
        """
        table = np.full(1 << 16, 1 + (BLOCK << _ADVANCE), np.int16)  # no code: only a reader out of step meets that
        for symbol, length, word in self.words():
            entry = length + (symbol & 15) + (advance(symbol) << _ADVANCE)
            table[word << (16 - length) : (word + 1) << (16 - length)] = entry
        return table


def dc_advance(symbol: int) -> int:
    """A difference of DC is one coefficient, whatever its size."""
    return 1


def dc_only_advance(symbol: int) -> int:
    """The same where nothing else of the block is in the scan."""
    return BLOCK


def ac_advance(symbol: int) -> int:
    """Zeros and the coefficient behind them; without one it is 16 zeros, or the end of the block."""
    return (symbol >> 4) + 1 if symbol & 15 or symbol == 0xF0 else BLOCK


@dataclass(frozen=True)
class Stretch:
    """Entropy-coded data without stuffed bytes and markers.

    Attributes:
        content: uint8, all restart intervals in a row, and a few bytes more.
        begins, ends: bits at which each interval begins and ends.
    """

    content: NDArray[np.uint8]
    begins: Bits
    ends: Bits

    def peek(self, at: Bits) -> Bits:
        """The 16 bits from each offset on."""
        byte = at >> 3
        three = (self.content[byte].astype(np.int64) << 16) | (self.content[byte + 1].astype(np.int64) << 8)
        return ((three | self.content[byte + 2]) >> (8 - (at & 7))) & 0xFFFF


def unstuff(data: bytes) -> Stretch:
    """Take stuffed bytes and restart markers out.

    Raises:
        InputError: there are other markers in it.
    """
    raw = np.frombuffer(data + b"\0", np.uint8)
    marked = np.flatnonzero(raw[:-1] == 0xFF)
    following = raw[marked + 1]
    restart = (following & 0xF8) == 0xD0
    if not np.all(restart | (following == 0)):
        raise InputError("marks inside a scan")
    removed = np.sort(np.concatenate([marked + 1, marked[restart]]))
    removed = removed[removed < len(raw) - 1]
    content = np.concatenate([np.delete(raw[:-1], removed), np.zeros(8, np.uint8)])
    borders = (marked[restart] - np.searchsorted(removed, marked[restart])) * 8
    end = (len(raw) - 1 - len(removed)) * 8
    return Stretch(content, np.append(0, borders), np.append(borders, end))


@dataclass(frozen=True)
class BlockSteps:
    """How the blocks of a plane are read.

    Attributes:
        single: (2 * 65536,) of int32, what one symbol does, by the next 16 bits: for DC, then for what follows it.
        leaps: (2 << LEAP,) of int32, what all symbols do together that are whole within the next LEAP bits and of one
            block; 0 where not one is. Above the fields of a step, advanced without the last symbol.
    """

    single: NDArray[np.int32]
    leaps: NDArray[np.int32]


@functools.lru_cache(16)  # most files have the tables that the standard suggests
def block_steps(dc: Code, ac: Code | None) -> BlockSteps:
    """Steps for blocks with these codes; of DC alone where there is no other."""
    first = dc.steps(dc_advance if ac else dc_only_advance).astype(np.int32)
    rest = ac.steps(ac_advance).astype(np.int32) if ac else first
    return BlockSteps(np.concatenate([first, rest]), np.concatenate([_leaps(first, rest), _leaps(rest, rest)]))


def _leaps(first: NDArray[np.int32], rest: NDArray[np.int32]) -> NDArray[np.int32]:
    windows = np.arange(1 << LEAP, dtype=np.int32) << (16 - LEAP)
    taken, reached = first[windows] & _BITS, first[windows] >> _ADVANCE
    before = np.zeros_like(taken)
    whole = taken <= LEAP
    going = np.flatnonzero(whole & (reached < BLOCK))
    while len(going):
        step = rest[(windows[going] << taken[going]) & 0xFFFF]
        fits = taken[going] + (step & _BITS) <= LEAP
        going, step = going[fits], step[fits]
        before[going] = reached[going]
        taken[going] += step & _BITS
        reached[going] += step >> _ADVANCE
        going = going[reached[going] < BLOCK]
    return np.where(whole, taken | reached << _ADVANCE | before << _BEFORE, np.int32(0))


@dataclass
class _Readers:
    """Readers in step: where each one is."""

    at: Bits
    unit: Bits  # block within the MCU
    place: Bits  # coefficient within the block

    def __getitem__(self, which: NDArray[np.int64]) -> "_Readers":
        return _Readers(self.at[which], self.unit[which], self.place[which])

    def put(self, which: NDArray[np.int64], other: "_Readers") -> None:
        self.at[which], self.unit[which], self.place[which] = other.at, other.unit, other.place

    def differ(self, other: "_Readers") -> NDArray[np.bool_]:
        return (self.at != other.at) | (self.unit != other.unit) | (self.place != other.place)


@dataclass(frozen=True)
class _ScanSteps:
    """What every reader of a scan needs.

    Attributes:
        windows: three bytes from each byte on, as one number.
        units: blocks of an MCU.
        single, leaps: of all of them in a row; see `BlockSteps`.
    """

    windows: NDArray[np.int32]
    units: int
    single: NDArray[np.int32]
    leaps: NDArray[np.int32]

    @classmethod
    def of(cls, stretch: Stretch, units: list[BlockSteps]) -> "_ScanSteps":
        content = stretch.content.astype(np.int32)
        windows = (content[:-2] << 16) | (content[1:-1] << 8) | content[2:]
        single, leaps = np.concatenate([unit.single for unit in units]), np.concatenate([unit.leaps for unit in units])
        return cls(windows, len(units), single, leaps)

    def take(self, now: _Readers) -> NDArray[np.intp]:
        """Let every reader take a step; the numbers of those that have reached the end of a block."""
        ahead = (self.windows[now.at >> 3] >> (8 - (now.at & 7))) & 0xFFFF
        code = now.unit * 2 + (now.place > 0)
        step = self.leaps[(code << LEAP) + (ahead >> (16 - LEAP))]
        alone = np.flatnonzero((step == 0) | (now.place + (step >> _BEFORE) >= BLOCK))
        step[alone] = self.single[(code[alone] << 16) + ahead[alone]]
        now.at += step & _BITS
        now.place += (step >> _ADVANCE) & _REACH
        over = np.flatnonzero(now.place >= BLOCK)
        now.place[over] = 0
        unit = now.unit[over] + 1
        unit[unit == self.units] = 0
        now.unit[over] = unit
        return over


def find_blocks(stretch: Stretch, units: list[BlockSteps], counts: Bits) -> Bits:
    """Offsets at which blocks begin, interval by interval, and after each interval's last the end of that.

    Args:
        stretch: the scan's data.
        units: steps for each block of an MCU.
        counts: blocks of each restart interval.

    Returns:
        (sum of counts + number of intervals,)

    Raises:
        InputError: there are fewer blocks.
    """
    pairs = list(zip(stretch.begins.tolist(), stretch.ends.tolist(), strict=True))
    starts = [np.arange(begin, max(end, begin + 1), CHUNK) for begin, end in pairs]
    interval = np.repeat(np.arange(len(starts)), [len(part) for part in starts])
    begin = np.concatenate(starts)
    is_first = np.append(True, interval[1:] != interval[:-1])
    end = np.where(np.append(is_first[1:], True), stretch.ends[interval], np.append(begin[1:], 0))
    steps = _ScanSteps.of(stretch, units)
    readers = _fall_into_step(steps, begin, end, is_first)
    owner, found = _read(steps, readers, end, record=True)
    order = np.argsort(owner, kind="stable")
    owner, found = interval[owner[order]], found[order]
    firsts = np.searchsorted(owner, np.arange(len(starts)))
    if np.any(np.bincount(owner, minlength=len(starts)) < counts):
        raise InputError("fewer blocks than its size asks for")
    ends = [found[first : first + count] for first, count in zip(firsts.tolist(), counts.tolist(), strict=True)]
    return np.concatenate([np.append(start, part) for start, part in zip(stretch.begins, ends, strict=True)])


def _fall_into_step(steps: _ScanSteps, begin: Bits, end: Bits, is_first: NDArray[np.bool_]) -> _Readers:
    """Where each reader has to start so that the one before it ends there."""
    readers = _Readers(begin.copy(), np.zeros_like(begin), np.zeros_like(begin))
    ended = _Readers(begin.copy(), np.zeros_like(begin), np.zeros_like(begin))
    todo = np.arange(len(begin))
    for _ in range(ROUNDS):
        moving = readers[todo]
        _read(steps, moving, end[todo])
        ended.put(todo, moving)
        before = np.maximum(np.arange(len(begin)) - 1, 0)
        todo = np.flatnonzero(~is_first & readers.differ(ended[before]))
        if not len(todo):
            return readers
        readers.put(todo, ended[todo - 1])
    raise InputError("scans that do not fall into step")


def _read(steps: _ScanSteps, readers: _Readers, end: Bits, *, record: bool = False) -> tuple[Bits, Bits]:
    """Let every reader read up to its end; they are changed in place.

    Returns:
        number of the reader and offset of each end of a block, if they shall be recorded.
    """
    owners: list[Bits] = [np.empty(0, np.int64)]
    found: list[Bits] = [np.empty(0, np.int64)]
    which = np.flatnonzero(readers.at < end)
    now, stop = readers[which], end[which]
    while len(which):
        over = steps.take(now)
        if record:
            owners.append(which[over])
            found.append(now.at[over])
        if np.any(now.at >= stop):
            readers.put(which, now)
            going = np.flatnonzero(now.at < stop)
            which, stop, now = which[going], stop[going], now[going]
    return np.concatenate(owners), np.concatenate(found)
