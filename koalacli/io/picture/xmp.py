"""XMP packets: who made the color, packets too long for a JPEG segment, and where GIF and JPEG 2000 keep them."""

import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from xml.dom import minidom
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import quoteattr

from koalacli.errors import InputError


@dataclass(frozen=True)
class Provenance:
    """Who made the color: tool with version, name and digest of the weights."""

    tool: str
    weights: str
    digest: str


DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}">\n' + '{}</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
_DESCRIPTION = (
    f'<rdf:Description rdf:about="" xmlns:rdf="{RDF}"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:koala="urn:koala:colorization#"'
    " Iptc4xmpExt:DigitalSourceType={source} koala:Tool={tool} koala:Weights={weights}"
    " koala:WeightsDigest={digest}/>\n"
)
_OURS = re.compile(r'<rdf:Description [^<>]*xmlns:koala="urn:koala:colorization#"[^<>]*/>\n?')
_PROPERTY = (
    r"""\s[\w.-]+:{0}\s*=\s*("[^"]*"|'[^']*')"""
    r"""|<([\w.-]+:{0})\b[^>]*(/>|>.*?</\2\s*>)"""
)
_SOURCE_TYPE = re.compile(_PROPERTY.format("DigitalSourceType"), re.DOTALL)
_TURNED = [
    re.compile(_PROPERTY.format(name), re.DOTALL)
    for name in ("Orientation", "ImageWidth", "ImageLength", "PixelXDimension", "PixelYDimension")
]
_END_OF_RDF = re.compile(r"</[\w.-]+:RDF\s*>")


def is_packet(xmp: bytes) -> bool:
    """Whether these bytes are XMP as koala can carry it: UTF-8 with an RDF element."""
    return _END_OF_RDF.search(_text(xmp)) is not None


def with_provenance(xmp: bytes, provenance: Provenance) -> bytes:
    """An XMP packet that says the color is a guess, and whose; all else in it stays.

    A packet that is no XMP is replaced.
    """
    description = _DESCRIPTION.format(
        source=quoteattr(DIGITAL_SOURCE),
        tool=quoteattr(provenance.tool),
        weights=quoteattr(provenance.weights),
        digest=quoteattr(provenance.digest),
    )
    return _with_description(_SOURCE_TYPE.sub("", _OURS.sub("", _text(xmp))), description)


def upright(xmp: bytes) -> bytes:
    """A packet that does not say its picture is turned; sizes from before the turn go with that."""
    text = _text(xmp)
    turned = [match for match in _TURNED[0].finditer(text) if not re.search(r"""["'>]\s*1\s*["'<]""", match[0])]
    if not turned:
        return xmp
    for pattern in _TURNED:
        text = pattern.sub("", text)
    return text.encode()


def _text(xmp: bytes) -> str:
    try:
        return xmp.decode("utf-8").rstrip("\0")
    except UnicodeDecodeError:
        return ""


def _with_description(text: str, description: str) -> bytes:
    ends = [match.start() for match in _END_OF_RDF.finditer(text)]
    if not ends:
        return _PACKET.format(description).encode()
    return (text[: ends[-1]] + description + text[ends[-1] :]).encode()


# ---- JPEG: what does not fit into one segment goes into an extension (XMP part 3, 1.1.3.1) ----

XMP_HEADER, EXTENSION_HEADER = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
LONGEST = 65000  # bytes of a packet, or of a part of its extension, in one segment
_NOTE = (
    f'<rdf:Description rdf:about="" xmlns:rdf="{RDF}" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
    ' xmpNote:HasExtendedXMP="{}"/>\n'
)
_HAS_EXTENSION = re.compile(_PROPERTY.format("HasExtendedXMP"), re.DOTALL)
_INSTRUCTION = re.compile(r"<\?xpacket[^>]*\?>")


def xmp_payloads(xmp: bytes) -> list[bytes]:
    """APP1 payloads that hold a packet; of a long one, who made the color stays in the first."""
    if len(xmp) > LONGEST:
        xmp = re.sub(rb"\s{64,}(?=<\?xpacket end)", b"\n", xmp)  # room for editing in place
    if len(xmp) <= LONGEST:
        return [XMP_HEADER + xmp] if xmp else []
    text = _text(xmp)
    extension = _INSTRUCTION.sub("", _OURS.sub("", text)).strip().encode()
    digest = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
    first = _PACKET.format("".join(_OURS.findall(text)) + _NOTE.format(digest)).encode()
    head = EXTENSION_HEADER + digest.encode() + struct.pack(">I", len(extension))
    places = range(0, len(extension), LONGEST)
    return [XMP_HEADER + first, *(head + struct.pack(">I", at) + extension[at : at + LONGEST] for at in places)]


def join_extension(xmp: bytes, payloads: Iterable[bytes]) -> bytes:
    """A packet with its extension, if it has one, put into it.

    Args:
        xmp: the packet of the first segment.
        payloads: of all APP1 segments.

    Raises:
        InputError: the extension is not there as a whole, or is no XML.
    """
    text = _text(xmp)
    found = _HAS_EXTENSION.search(text)
    if not found:
        return xmp
    named = re.search(rb"[0-9A-Fa-f]{32}", found[0].encode())
    head = EXTENSION_HEADER + (named[0] if named else b"-")
    parts = sorted(payload[len(head) + 4 :] for payload in payloads if payload.startswith(head))
    whole = b"".join(part[4:] for part in parts)
    offsets = [int.from_bytes(part[:4], "big") for part in parts]
    if offsets != [sum(len(part) - 4 for part in parts[:number]) for number in range(len(parts))] or not whole:
        raise InputError("its XMP extension is incomplete")
    return _with_description(text.replace(found[0], "", 1), _descriptions(whole))


def without_extension(xmp: bytes) -> bytes:
    """A packet that no longer says that it has one."""
    return _HAS_EXTENSION.sub("", _text(xmp)).encode()


def _descriptions(packet: bytes) -> str:
    """The descriptions of a packet as text that can stand in another one."""
    try:
        document = minidom.parseString(packet)
    except (ExpatError, ValueError) as error:
        raise InputError("its XMP extension is no XML") from error
    texts = []
    for rdf in document.getElementsByTagNameNS(RDF, "RDF"):
        outer = [document.documentElement, rdf]
        names = {name: value for node in outer if node for name, value in node.attributes.items()}
        for child in [node for node in rdf.childNodes if node.nodeType == node.ELEMENT_NODE]:
            for name, value in names.items():
                if name.startswith("xmlns") and not child.hasAttribute(name):
                    child.setAttribute(name, value)
            texts.append(child.toxml())
    return "".join(text + "\n" for text in texts)


# ---- GIF and JPEG 2000: containers for which Pillow neither reads nor writes it ----------------

_GIF_HEADER = b"\x21\xff\x0bXMP DataXMP"
_GIF_END = b"\x01" + bytes(range(255, -1, -1)) + b"\0"  # leads readers that count blocks out of the packet
_JP2_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")


def xmp_of_gif(data: bytes) -> bytes:
    """The packet in a GIF file, or nothing."""
    start = data.find(_GIF_HEADER)
    end = data.find(_GIF_END, start)
    return data[start + len(_GIF_HEADER) : end] if 0 <= start < end else b""


def gif_with_xmp(data: bytes, xmp: bytes) -> bytes:
    """A GIF file with a packet before its end; an XMP packet holds no byte that a GIF reader could take for one."""
    return data[:-1] + _GIF_HEADER + xmp + _GIF_END + data[-1:] if xmp else data


def xmp_of_jp2(data: bytes) -> bytes:
    """The packet in a JPEG 2000 file, or nothing."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"uuid" and data[at + 8 : at + 24] == _JP2_UUID:
            return data[at + 24 : at + size if size else len(data)]
        if size < 8:  # to the end of the file, or 64 bits long: the picture itself
            break
        at += size
    return b""


def jp2_with_xmp(data: bytes, xmp: bytes) -> bytes:
    """A JPEG 2000 file with a packet in a box behind the others."""
    return data + struct.pack(">I4s", 24 + len(xmp), b"uuid") + _JP2_UUID + xmp if xmp else data
