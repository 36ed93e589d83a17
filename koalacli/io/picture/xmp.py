"""XMP packets: who made the color, what is true of a picture no more, packets too long for a JPEG segment.

A packet is followed once by an XML parser, which tells where things stand; what goes is cut out of the text, so all
else stays byte for byte. Packets are strangers' text: they are bounded, and nothing in them is expanded.
"""

import hashlib
import json
import re
import struct
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from xml.sax.saxutils import quoteattr, unescape

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
        settings: what shaped the picture besides, as JSON.
        source: digest of the file that it was made of, as `sha256:...`; empty where none shall be named.
        source_name: name of that file, without folders.
        reference: name of the photograph whose colors it takes over, and how far, in words; empty without one.
    """

    tool: str
    weights: str
    digest: str
    hints: str = ""
    reviewer: str = ""
    settings: str = ""
    source: str = ""
    source_name: str = ""
    reference: str = ""

    @property
    def instance(self) -> str:
        """Identity of what is made: the same for the same source, made in the same way."""
        return _identity(json.dumps(asdict(self), sort_keys=True))


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
    " koala:WeightsDigest={digest}{more}>{inside}</rdf:Description>\n"
)
# XMP part 2, namespace xmpMM: what a picture was made of, and that it is another one now.
_DERIVED = (
    '<xmpMM:DerivedFrom xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
    ' xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#"{}/>'
    '<xmpMM:InstanceID xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/">{}</xmpMM:InstanceID>'
)
_IDENTITIES = ("InstanceID", "DerivedFrom", "DocumentID")
_QUOTES = {"&quot;": '"', "&apos;": "'"}
_SOURCE_TYPE = "DigitalSourceType"
_PLAIN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold
_SIZES = ("ImageWidth", "ImageLength", "PixelXDimension", "PixelYDimension")


def with_provenance(xmp: bytes, provenance: Provenance) -> bytes:
    """An XMP packet that says the color is a guess, and whose; all else in it stays.

    A packet that is no XMP is replaced.
    """
    try:
        packet = read_packet(xmp, (_SOURCE_TYPE, *_IDENTITIES))
    except InputError:
        return _PACKET.format(_describe(provenance, {})).encode()
    told = [found for found in packet.properties if found.own and found.name in _IDENTITIES]
    known = {found.name: unescape(found.value.decode(), _QUOTES) for found in told}
    gone = [found.span for found in packet.properties if found.name == _SOURCE_TYPE] + _ours(packet)
    gone += [found.span for found in told if provenance.source and found.name != "DocumentID"]
    return cut(packet.text, gone, {packet.end: _describe(provenance, known).encode()})


def _describe(provenance: Provenance, known: Mapping[str, str]) -> str:
    """The description to put in; `known` are the identities of the source."""
    more = {
        "Reference": provenance.reference,
        "Hints": provenance.hints,
        "Reviewer": provenance.reviewer if provenance.hints else "",
    }
    more |= {"Settings": provenance.settings, "SourceDigest": provenance.source}
    references = {
        "instanceID": known.get("InstanceID") or _identity(provenance.source),
        "documentID": known.get("DocumentID", ""),
        "filePath": provenance.source_name,
    }
    derived = _DERIVED.format(_attributes("stRef", references), provenance.instance) if provenance.source else ""
    return _DESCRIPTION.format(
        source=quoteattr(DIGITAL_SOURCE),
        tool=quoteattr(provenance.tool),
        weights=quoteattr(provenance.weights),
        digest=quoteattr(provenance.digest),
        more=_attributes("koala", more),
        inside=derived,
    )


def _attributes(prefix: str, values: Mapping[str, str]) -> str:
    """Those that are there, as text; bytes of a file name that are no UTF-8 as escapes."""
    texts = {name: value.encode("utf-8", "backslashreplace").decode() for name, value in values.items() if value}
    return "".join(f" {prefix}:{name}={quoteattr(_PLAIN.sub('?', value))}" for name, value in texts.items())


def _identity(text: str) -> str:
    return f"xmp.iid:{uuid.uuid5(uuid.NAMESPACE_URL, OURS + text)}"


def source_digest(xmp: bytes) -> str:
    """Digest of the file that a picture was made of, as its packet tells it; empty where it does not."""
    return _told(xmp, "SourceDigest")


def told_settings(xmp: bytes) -> dict[str, Any]:
    """Settings that a picture was made with and that are not the usual ones, as its packet tells them."""
    try:
        found = json.loads(_told(xmp, "Settings") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _told(xmp: bytes, name: str) -> str:
    try:
        found = [one.value for one in read_packet(xmp, (name,)).properties if one.own]
    except InputError:
        return ""
    return unescape(found[0].decode(), _QUOTES) if found else ""


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
