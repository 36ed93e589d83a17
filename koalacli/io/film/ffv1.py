"""Digests of FFV1, the codec of film archives: FFmpeg replaces a slice that does not fit its own, and only logs it.

Formats are those of RFC 9043, section 4.9; version 3, which closes every slice with its size and, usually, its digest.
"""

import zlib

_SIZE = 3  # bytes of a slice's size, big-endian, at its end
_DIGEST = 5  # bytes behind the size: a state of errors, and a CRC of all before it
_MIRRORED = bytes(int(f"{number:08b}"[::-1], 2) for number in range(256))


def is_damaged(packet: bytes) -> bool:
    """Whether a slice of a picture does not fit its digest; False where slices have none."""
    slices = _slices(packet, _SIZE + _DIGEST)
    if not slices or _slices(packet, _SIZE):  # sizes that fit together tell how a slice ends
        return False
    return any(_remainder(part) for part in slices)


def _slices(packet: bytes, trailer: int) -> list[bytes]:
    """The slices of a picture, last one first; none where sizes do not add up."""
    found, end = [], len(packet)
    while end >= trailer:
        begin = end - trailer - int.from_bytes(packet[end - trailer : end - trailer + _SIZE], "big")
        if begin < 0:
            return []
        found.append(packet[begin:end])
        end = begin
    return found if end == 0 else []


def _remainder(part: bytes) -> int:
    """CRC-32 from the highest bit on, begun with 0, as FFV1 has it: 0 if all is well.

    That of zlib begins with the lowest bit and is inverted before and after; bits are mirrored for it.
    """
    return zlib.crc32(part.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
