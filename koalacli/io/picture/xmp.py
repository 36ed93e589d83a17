"""XMP packets: who made the color, what is true of a picture no more, packets too long for a JPEG segment.

A packet is followed once by an XML parser, which tells where things stand; what goes is cut out of the text, so all
else stays byte for byte. Packets are strangers' text: they are bounded, and nothing in them is expanded.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from koalacli.errors import InputError
from koalacli.io.picture.packet import LONGEST_PACKET, RDF, Packet, Span, cut, read_packet


@dataclass(frozen=True)
class Provenance:
    """Who made the color.

    Attributes:
        tool: with its version.
        weights, digest: name and digest of the weights.
        hints: what a person told of the colors, in words; empty without any.
        reviewer: that person, where known.
    """

    tool: str
    weights: str
    digest: str
    hints: str = ""
    reviewer: str = ""


DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
OURS = "urn:koala:colorization#"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}">\n' + '{}</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
_DESCRIPTION = (
    f'<rdf:Description rdf:about="" xmlns:rdf="{RDF}"'
    f' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:koala="{OURS}"'
    " Iptc4xmpExt:DigitalSourceType={source} koala:Tool={tool} koala:Weights={weights}"
    " koala:WeightsDigest={digest}{more}/>\n"
)
_SOURCE_TYPE = "DigitalSourceType"
_SIZES = ("ImageWidth", "ImageLength", "PixelXDimension", "PixelYDimension")


def with_provenance(xmp: bytes, provenance: Provenance) -> bytes:
    """An XMP packet that says the color is a guess, and whose; all else in it stays.

    A packet that is no XMP is replaced.
    """
    description = _DESCRIPTION.format(
        source=quoteattr(DIGITAL_SOURCE),
        tool=quoteattr(provenance.tool),
        weights=quoteattr(provenance.weights),
        digest=quoteattr(provenance.digest),
        more="".join(
            f" koala:{name}={quoteattr(value)}"
            for name, value in (("Hints", provenance.hints), ("Reviewer", provenance.reviewer))
            if provenance.hints and value
        ),
    ).encode()
    try:
        packet = read_packet(xmp, (_SOURCE_TYPE,))
    except InputError:
        return _PACKET.format(description.decode()).encode()
    gone = [found.span for found in packet.properties] + _ours(packet)
    return cut(packet.text, gone, {packet.end: description})


def _ours(packet: Packet) -> list[Span]:
    """Where a packet says who made the color, with the end of the line."""
    spans = [child.span for child in packet.children if child.says(OURS)]
    return [(start, end + packet.text.startswith(b"\n", end)) for start, end in spans]


def upright(xmp: bytes) -> bytes:
    """A packet that does not say its picture is turned; sizes from before the turn go with that."""
    if not xmp:
        return xmp
    packet = read_packet(xmp, ("Orientation", *_SIZES))
    if all(found.value == b"1" for found in packet.properties if found.name == "Orientation"):
        return xmp
    return cut(packet.text, [found.span for found in packet.properties])


def without(xmp: bytes, names: Iterable[str]) -> bytes:
    """A packet without the properties of these names."""
    packet = read_packet(xmp, tuple(names))
    return cut(packet.text, [found.span for found in packet.properties])


# ---- JPEG: what does not fit into one segment goes into an extension (XMP part 3, 1.1.3.1) ----

XMP_HEADER, EXTENSION_HEADER = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
LONGEST = 65000  # bytes of a packet, or of a part of its extension, in one segment
_HAS_EXTENSION = "HasExtendedXMP"
_NOTE = (
    f'<rdf:Description rdf:about="" xmlns:rdf="{RDF}" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
    ' xmpNote:HasExtendedXMP="{}"/>\n'
)


def xmp_payloads(xmp: bytes) -> list[bytes]:
    """APP1 payloads that hold a packet; of a long one, who made the color stays in the first."""
    if len(xmp) > LONGEST:
        xmp = _without_room(xmp)
    if len(xmp) <= LONGEST:
        return [XMP_HEADER + xmp] if xmp else []
    packet = read_packet(xmp)
    ours = _ours(packet)
    extension = cut(packet.text, [*packet.instructions, *ours]).strip()
    digest = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
    told = b"".join(packet.text[slice(*span)] for span in ours).decode()
    first = _PACKET.format(told + _NOTE.format(digest)).encode()
    head = EXTENSION_HEADER + digest.encode() + struct.pack(">I", len(extension))
    places = range(0, len(extension), LONGEST)
    return [XMP_HEADER + first, *(head + struct.pack(">I", at) + extension[at : at + LONGEST] for at in places)]


def _without_room(xmp: bytes) -> bytes:
    """A packet without the blanks before its end, which are room for editing in place."""
    at = xmp.rfind(b"<?xpacket end")
    return xmp if at < 0 else xmp[:at].rstrip() + b"\n" + xmp[at:]


def join_extension(xmp: bytes, payloads: Iterable[bytes]) -> bytes:
    """A packet with its extension, if it has one, put into it.

    Args:
        xmp: the packet of the first segment.
        payloads: of all APP1 segments.

    Raises:
        InputError: the extension is not there as a whole, is no XML or too long.
    """
    packet = read_packet(xmp, (_HAS_EXTENSION,))
    if not packet.properties:
        return xmp
    head = EXTENSION_HEADER + packet.properties[0].value
    parts = sorted(payload[len(head) + 4 :] for payload in payloads if payload.startswith(head))
    whole = b"".join(part[4:] for part in parts)
    at = 0
    for part in parts:
        if int.from_bytes(part[:4], "big") != at:
            raise InputError("its XMP extension is incomplete")
        at += len(part) - 4
    if not whole:
        raise InputError("its XMP extension is incomplete")
    if len(xmp) + len(whole) > LONGEST_PACKET:
        raise InputError(f"its XMP extension of {len(whole)} bytes is too long")
    extension = read_packet(whole)
    return cut(packet.text, [packet.properties[0].span], {packet.end: _descriptions(extension)})


def without_extension(xmp: bytes) -> bytes:
    """A packet that no longer says that it has one."""
    return without(xmp, (_HAS_EXTENSION,))


def _descriptions(packet: Packet) -> bytes:
    """The descriptions of a packet as text that can stand in another one."""
    texts = []
    for child in packet.children:
        missing = {name: value for name, value in packet.namespaces.items() if name not in child.attributes}
        told = "".join(f" {name}={quoteattr(value)}" for name, value in missing.items()).encode()
        texts.append(cut(packet.text[slice(*child.span)], [], {1 + len(child.name.encode()): told}) + b"\n")
    return b"".join(texts)
