"""Where things stand in an XMP packet: found by an XML parser in one pass, whatever the packet is made of."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from koalacli.errors import InputError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
LONGEST_PACKET = 1 << 24  # bytes; depth maps and edit histories of a few million are known
MOST_ELEMENTS = 100_000
Span = tuple[int, int]
_QUOTE_OR_END = re.compile(rb"""[>"']""")
_ATTRIBUTE = re.compile(rb"""\s*([^\s=<>"'/]+)\s*=\s*("[^"]*"|'[^']*')""")


@dataclass(frozen=True)
class Property:
    """An attribute or element.

    Attributes:
        name: without prefix.
        span: where it stands.
        value: the text in it without blanks around it.
        own: whether it says something of the picture itself, and is no part of another property.
    """

    name: str
    span: Span
    value: bytes
    own: bool = False


@dataclass(frozen=True)
class Child:
    """A child of the RDF element, mostly a Description: its name, attributes as written, and where it stands."""

    name: str
    attributes: dict[str, str]
    span: Span

    def says(self, namespace: str) -> bool:
        """Whether it declares a namespace."""
        return any(name.startswith("xmlns:") and value == namespace for name, value in self.attributes.items())


@dataclass
class Packet:
    """An XMP packet.

    Attributes:
        text: UTF-8; all offsets are into it.
        properties: the ones that were asked for.
        children: of the RDF element.
        namespaces: declarations of the RDF element and those around it.
        instructions: where processing instructions stand, the packet's wrapper among them.
        end: where the end tag of the RDF element starts.
    """

    text: bytes
    properties: list[Property] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    namespaces: dict[str, str] = field(default_factory=dict)
    instructions: list[Span] = field(default_factory=list)
    end: int = 0


def read_packet(xmp: bytes, names: Iterable[str] = ()) -> Packet:
    """Follow a packet from its start to its end.

    Args:
        xmp: UTF-8.
        names: of the properties to look for, without prefix: an attribute or an element that has one.

    Raises:
        InputError: it is no UTF-8, no XML, without an RDF element that has an end, too long, or declares entities.
    """
    if len(xmp) > LONGEST_PACKET:
        raise InputError(f"XMP of {len(xmp)} bytes is too long")
    packet = Packet(xmp.rstrip(b"\0 \t\r\n"))
    _Reader(packet, frozenset(names)).read()
    if not packet.end:
        raise InputError("XMP without an RDF element")
    return packet


def cut(text: bytes, spans: Iterable[Span], put: Mapping[int, bytes] | None = None) -> bytes:
    """A text without some spans of it, which may overlap, and with other text put in at some offsets."""
    edits = [(start, end, b"") for start, end in spans] + [(at, at, new) for at, new in (put or {}).items()]
    parts, at = [], 0
    for start, end, new in sorted(edits):
        if start >= at:
            parts += [text[at:start], new]
        at = max(at, end)
    return b"".join([*parts, text[at:]])


@dataclass(frozen=True)
class _Open:
    """An element whose end has not come yet: where its start tag starts and ends."""

    name: str
    attributes: dict[str, str]
    start: int
    inside: int


class _Reader:
    """Fills a Packet with what the parser meets."""

    def __init__(self, packet: Packet, names: frozenset[str]):
        self.packet, self.names = packet, names
        self.open: list[_Open] = []
        self.count = 0
        self.parser = expat.ParserCreate("UTF-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.ProcessingInstructionHandler = self._instruct
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.rdf = 0  # depth of the RDF element

    def read(self) -> None:
        try:
            self.parser.Parse(_without_head(self.packet.text), True)
        except (expat.ExpatError, ValueError) as error:
            raise InputError(f"XMP that is no XML ({error})") from error

    def _refuse(self, *_declared: object) -> None:
        raise InputError("XMP that declares entities")

    def _instruct(self, *_content: str) -> None:
        at = self.parser.CurrentByteIndex
        self.packet.instructions.append((at, self.packet.text.index(b"?>", at) + 2))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST_ELEMENTS:
            raise InputError(f"XMP of more than {MOST_ELEMENTS} elements is too long")
        at, text = self.parser.CurrentByteIndex, self.packet.text
        self.open.append(_Open(name, attributes, at, _end_of_tag(text, at)))
        if not self.names.isdisjoint(map(_local, attributes)):
            self._take_attributes(at + 1 + len(name.encode()))
        if not self.rdf:
            declared = {key: value for key, value in attributes.items() if key.startswith("xmlns")}
            self.packet.namespaces.update(declared)
            self.rdf = len(self.open) if _local(name) == "RDF" else 0

    def _take_attributes(self, at: int) -> None:
        while found := _ATTRIBUTE.match(self.packet.text, at):
            if (name := _local(found[1].decode())) in self.names and b":" in found[1]:
                own = len(self.open) == self.rdf + 1
                self.packet.properties.append(Property(name, found.span(), found[2][1:-1].strip(), own))
            at = found.end()

    def _end(self, name: str) -> None:
        opened, text, depth = self.open.pop(), self.packet.text, len(self.open) + 1
        inside = self.parser.CurrentByteIndex
        empty = text[opened.inside - 2 : opened.inside] == b"/>"
        span = (opened.start, opened.inside if empty else text.index(b">", inside) + 1)
        if _local(name) in self.names and ":" in name:
            value = b"" if empty else text[opened.inside : inside].strip()
            self.packet.properties.append(Property(_local(name), span, value, depth == self.rdf + 2))
        if depth == self.rdf and not empty and not self.packet.end:
            self.packet.end = inside
        elif depth == self.rdf + 1 and self.rdf and not self.packet.end:
            self.packet.children.append(Child(name, opened.attributes, span))


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _end_of_tag(text: bytes, at: int) -> int:
    """Offset behind a start tag; a > may stand in the quotes of its attributes."""
    while (found := _QUOTE_OR_END.search(text, at)) and found[0] != b">":
        at = text.index(found[0], found.end()) + 1
    return found.end() if found else len(text)


def _without_head(text: bytes) -> bytes:
    """The text with blanks in place of what stands before its first element: wrappers come before XML's own head."""
    mark = b"\xef\xbb\xbf"
    at = len(mark) if text.startswith(mark) else 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        end = text.find(b"?>", at)
        if text[at : at + 2] != b"<?" or end < 0:
            return b" " * at + text[at:]
        at = end + 2
