"""What a file says about its picture, carried from input to output and kept true on the way.

EXIF loses its thumbnail (it would show the gray picture) and tells the size and color space of
the output; XMP tells that the color is a guess, and whose.
"""

import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from PIL import Image

from koalacli.io.jpeg import APP1, APP13, Segment, read_layout

ORIENTATION = 0x0112  # EXIF tag
_EXIF_FOLDER, _WIDTH, _HEIGHT, _COLOR_SPACE = 0x8769, 0xA002, 0xA003, 0xA001
# Tags of IFD0 that describe the picture rather than the way it is stored.
_DESCRIPTIVE = {
    0x010D, 0x010E, 0x010F, 0x0110, 0x0112, 0x011D, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298,
    0x8769, 0x8825, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
}  # fmt: skip
_IPTC_RESOURCE = 0x0404  # of Photoshop's image resources
_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP = 700, 33723, 34377
_PNG_STRUCTURE = {"XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1", "Raw profile type icc"}
LONGEST_TEXT = 1 << 20  # bytes of one PNG text, one comment


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture.

    Attributes:
        exif: a TIFF structure without the leading `Exif\\0\\0`, or nothing.
        xmp: an XMP packet, UTF-8.
        iptc: an IPTC-IIM record.
        icc: profile of the pixels as held here; empty means sRGB.
        dpi: horizontal and vertical.
        text: PNG's key and value pairs; a JPEG or GIF comment is the value of `Comment`.
        damaged: what could not be read and therefore is not carried over.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    icc: bytes = b""
    dpi: tuple[float, float] | None = None
    text: tuple[tuple[str, str], ...] = ()
    damaged: str = ""


@dataclass(frozen=True)
class Provenance:
    """Who made the color: tool with version, name and digest of the weights."""

    tool: str
    weights: str
    digest: str


def orientation_of(exif: Image.Exif) -> int:
    """EXIF orientation 1..8; 1 where it is absent or makes no sense."""
    value = exif.get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def only_orientation(orientation: int) -> bytes:
    """EXIF that says nothing but an orientation; nothing for 1."""
    if orientation == 1:
        return b""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def read_metadata(image: Image.Image, data: bytes, size: tuple[int, int], orientation: int) -> Metadata:
    """Collect metadata of an opened image.

    Args:
        image: as Pillow opened and loaded it.
        data: the file's bytes.
        size: width and height of the output, for the tags that state it.
        orientation: what the EXIF tag shall say; 1 where it was applied to the pixels.
    """
    damaged: list[str] = []
    info = image.info
    xmp = info.get("xmp", b"")
    return Metadata(
        exif=_exif(image, size, orientation, damaged),
        xmp=xmp.encode() if isinstance(xmp, str) else bytes(xmp or b""),
        iptc=_iptc(image, data),
        dpi=_dpi(info.get("dpi")),
        text=tuple(_texts(image)),
        damaged=", ".join(damaged),
    )


def _exif(image: Image.Image, size: tuple[int, int], orientation: int, damaged: list[str]) -> bytes:
    try:
        exif = image.getexif()
        folder = exif.get_ifd(_EXIF_FOLDER) if _EXIF_FOLDER in exif else {}
        for tag in [tag for tag in exif if tag not in _DESCRIPTIVE]:
            del exif[tag]
        exif.pop(ORIENTATION, None)
        if orientation != 1:
            exif[ORIENTATION] = orientation
        for tag, value in ((_WIDTH, size[0]), (_HEIGHT, size[1]), (_COLOR_SPACE, 1)):
            if tag in folder:
                folder[tag] = value
        written = exif.tobytes() if len(exif) else b""
    # Pillow raises whatever it meets in a damaged block: struct.error, KeyError, SyntaxError, ...
    except Exception:
        damaged.append("EXIF")
        return b""
    return written.removeprefix(b"Exif\0\0")


def _iptc(image: Image.Image, data: bytes) -> bytes:
    if image.format in ("JPEG", "MPO"):
        found = [payload for marker, payload in read_layout(data).header if marker == APP13]
        return next((iptc for payload in found if (iptc := _photoshop_iptc(payload[14:]))), b"")
    tags: Any = getattr(image, "tag_v2", {})
    value = tags.get(_TIFF_IPTC, b"")
    if isinstance(value, bytes) and value:
        return value
    resources = tags.get(_TIFF_PHOTOSHOP, b"")
    return _photoshop_iptc(resources) if isinstance(resources, bytes) else b""


def _photoshop_iptc(resources: bytes) -> bytes:
    """The IPTC record among Photoshop's image resources; the others are thumbnails and print settings."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (kind,) = struct.unpack_from(">H", resources, at + 4)
        name = 1 + resources[at + 6]
        start = at + 6 + name + name % 2
        if start + 4 > len(resources):
            return b""
        (size,) = struct.unpack_from(">I", resources, start)
        if kind == _IPTC_RESOURCE:
            return resources[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2
    return b""


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = float(value[0]), float(value[1])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    usable = all(math.isfinite(number) and 1 < number < 65535 for number in (across, down))
    return (across, down) if usable else None


def _texts(image: Image.Image) -> Iterable[tuple[str, str]]:
    for key, value in getattr(image, "text", {}).items():
        if key not in _PNG_STRUCTURE and len(value) <= LONGEST_TEXT:
            yield key, str(value)
    comment = image.info.get("comment", b"")
    text = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)
    if text and not getattr(image, "text", {}) and len(text) <= LONGEST_TEXT:
        yield "Comment", text


# ---- provenance ----------------------------------------------------------------------------

DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n{}</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
_DESCRIPTION = (
    '<rdf:Description rdf:about="" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:koala="urn:koala:colorization#"'
    " Iptc4xmpExt:DigitalSourceType={source} koala:Tool={tool} koala:Weights={weights}"
    " koala:WeightsDigest={digest}/>\n"
)
_OURS = re.compile(r'<rdf:Description [^<>]*xmlns:koala="urn:koala:colorization#"[^<>]*/>\n?')
_SOURCE_TYPE = re.compile(
    r"""\s[\w.-]+:DigitalSourceType\s*=\s*("[^"]*"|'[^']*')|<([\w.-]+:DigitalSourceType)\b[^>]*(/>|>.*?</\2\s*>)""",
    re.DOTALL,
)
_END_OF_RDF = re.compile(r"</[\w.-]+:RDF\s*>")


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
    try:
        text = xmp.decode("utf-8").rstrip("\0")
    except UnicodeDecodeError:
        text = ""
    text = _SOURCE_TYPE.sub("", _OURS.sub("", text))
    ends = [match.start() for match in _END_OF_RDF.finditer(text)]
    if not ends:
        return _PACKET.format(description).encode()
    return (text[: ends[-1]] + description + text[ends[-1] :]).encode()


def jpeg_segments(metadata: Metadata) -> list[Segment]:
    """APPn and COM segments that carry metadata in a JPEG file, JFIF's first."""
    across, down = metadata.dpi or (0, 0)
    density = (1, round(across), round(down)) if metadata.dpi else (0, 1, 1)
    segments: list[Segment] = [(0xE0, b"JFIF\0" + struct.pack(">BBBHHBB", 1, 2, *density, 0, 0))]
    if metadata.exif and len(metadata.exif) < 65500:
        segments.append((APP1, b"Exif\0\0" + metadata.exif))
    if xmp := _fitting(metadata.xmp):
        segments.append((APP1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))
    chunks = [metadata.icc[at : at + 65000] for at in range(0, len(metadata.icc), 65000)]
    segments += [
        (0xE2, b"ICC_PROFILE\0" + bytes([number, len(chunks)]) + chunk) for number, chunk in enumerate(chunks, 1)
    ]
    if metadata.iptc and len(metadata.iptc) < 65000:
        padding = b"\0" * (len(metadata.iptc) % 2)
        resource = struct.pack(">4sHHI", b"8BIM", _IPTC_RESOURCE, 0, len(metadata.iptc))
        segments.append((APP13, b"Photoshop 3.0\0" + resource + metadata.iptc + padding))
    comment = dict(metadata.text).get("Comment", "").encode()
    if comment:
        segments.append((0xFE, comment[:65000]))
    return segments


def _fitting(xmp: bytes) -> bytes:
    """A packet that one segment can hold; padding goes first, and what is still too long goes whole."""
    if len(xmp) > 65000:
        xmp = re.sub(rb"\s{64,}(?=<\?xpacket end)", b"\n", xmp)
    return xmp if len(xmp) <= 65000 else b""
