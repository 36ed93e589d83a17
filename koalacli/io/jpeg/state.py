"""What is in force where a JPEG scan begins: codes, quantization tables, the restart interval."""

import struct
from dataclasses import dataclass, field

from koalacli.io.jpeg.entropy import Code
from koalacli.io.jpeg.layout import DHT, DQT, DRI, quantization_tables


@dataclass
class State:
    """What is in force when a scan begins."""

    codes: dict[int, bytes] = field(default_factory=dict)  # class and number as in DHT -> counts and symbols
    tables: dict[int, bytes] = field(default_factory=dict)
    interval: int = 0

    def take(self, marker: int, payload: bytes) -> None:
        if marker == DRI:
            (self.interval,) = struct.unpack(">H", payload)
        elif marker == DQT:
            self.tables |= quantization_tables([(marker, payload)])
        at = 0
        while marker == DHT and at < len(payload):
            size = 17 + sum(payload[at + 1 : at + 17])
            self.codes[payload[at]] = payload[at + 1 : at + size]
            at += size

    def code(self, number: int) -> Code:
        content = self.codes[number]
        return Code(content[:16], content[16:])
