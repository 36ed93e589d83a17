"""What a file says about its picture, carried from input to output and kept true on the way.

EXIF loses its thumbnail (it would show the gray picture) and tells the size and color space of
the output; what XMP tells of the color is in `io.xmp`.
"""

import io
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from koalacli.errors import InputError
from koalacli.io.jpeg.layout import APP1, APP13, Layout, Segment, read_layout
from koalacli.io.picture.containers import xmp_of_gif, xmp_of_jp2
from koalacli.io.picture.iptc import IPTC_RESOURCE, photoshop_iptc
from koalacli.io.picture.packet import read_packet
from koalacli.io.picture.xmp import (
    join_extension,
    source_digest,
    told_settings,
    upright,
    without,
    without_extension,
    xmp_payloads,
)

ORIENTATION = 0x0112  # EXIF tag
_EXIF_FOLDER, _WIDTH, _HEIGHT, _COLOR_SPACE = 0x8769, 0xA002, 0xA003, 0xA001
# Tags of IFD0 that describe the picture rather than the way it is stored.
_DESCRIPTIVE = {
    0x010D, 0x010E, 0x010F, 0x0110, 0x0112, 0x011D, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298,
    0x8769, 0x8825, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
}  # fmt: skip
_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP, _TIFF_INSIDE = 700, 33723, 34377, 330  # the last are SubIFDs
_TELLS_OF_MORE = ("MotionPhoto", "MicroVideo", "MicroVideoOffset", "Directory")  # in XMP: of what stands behind
_PADDING = b"\0 \r\n"  # between pictures
_MOST_BEHIND, _START = 8, 64  # pictures there that are told one by one; bytes in which a film says that it is one
_PNG_STRUCTURE = {"exif", "XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1", "Raw profile type icc"}
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
        lost: what could not be read and is not carried over, in words.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    icc: bytes = b""
    dpi: tuple[float, float] | None = None
    text: tuple[tuple[str, str], ...] = ()
    lost: str = ""

    @property
    def comment(self) -> bytes:
        """A JPEG or GIF comment, UTF-8, or nothing."""
        return dict(self.text).get("Comment", "").encode()


def forget_texts(image: Image.Image) -> None:
    """Take texts of a PNG out of what Pillow says about the picture: it puts a text called dpi where it puts dpi."""
    for key in getattr(image, "text", {}):
        if isinstance(image.info.get(key), str):
            del image.info[key]


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


def told_source(data: bytes) -> str:
    """SHA-256, hexadecimal, of the file that a picture was made of, as its XMP tells it; empty where it does not."""
    return source_digest(_own_xmp(data)).removeprefix("sha256:")


def is_layer(data: bytes) -> bool:
    """Whether a picture is color alone, as its XMP tells it."""
    return told_settings(_own_xmp(data)).get("layer") is True


def _own_xmp(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        found = image.info.get("xmp", b"")
    return found.encode() if isinstance(found, str) else found


def read_metadata(
    image: Image.Image, data: bytes, size: tuple[int, int], orientation: int, layout: Layout | None = None
) -> Metadata:
    """Collect metadata of an opened image.

    Args:
        image: as Pillow opened and loaded it.
        data: the file's bytes.
        size: width and height of the output, for the tags that state it.
        orientation: what the EXIF tag shall say; 1 where it was applied to the pixels.
        layout: of a JPEG, where it is known already.
    """
    lost: list[str] = []
    if image.format in ("JPEG", "MPO"):
        layout = layout or read_layout(data)
    xmp = _xmp(image, data, layout, lost, turned=orientation != 1)
    if layout and (behind := _behind(data[layout.end :])):
        lost += behind
        xmp = without(xmp, _TELLS_OF_MORE) if xmp else b""
    if image.format == "TIFF" and (inside := getattr(image, "tag_v2", {}).get(_TIFF_INSIDE)):
        count = len(inside) if isinstance(inside, tuple) else 1
        lost.append(f"smaller copies inside the page are left out: {count}")
    return Metadata(
        exif=_exif(image, size, orientation, lost),
        xmp=xmp,
        iptc=_iptc(image, layout),
        dpi=_dpi(image.info.get("dpi")),
        text=tuple(_texts(image, lost)),
        lost="; ".join(lost),
    )


def _xmp(image: Image.Image, data: bytes, layout: Layout | None, lost: list[str], *, turned: bool) -> bytes:
    """The packet, with its extension; one for an upright picture does not say that it is turned."""
    reader = {"GIF": xmp_of_gif, "JPEG2000": xmp_of_jp2}.get(str(image.format))
    found = reader(data) if reader else image.info.get("xmp", b"")
    xmp = found.encode() if isinstance(found, str) else bytes(found or b"")
    if not xmp:
        return b""
    try:
        read_packet(xmp)
    except InputError as error:
        lost.append(f"{error}; it is left out")
        return b""
    if layout:
        try:
            xmp = join_extension(xmp, [payload for marker, payload in layout.header if marker == APP1])
        except InputError:
            lost.append("the extension of XMP is damaged and left out")
            xmp = without_extension(xmp)
    return xmp if turned else upright(xmp)


def _behind(rest: bytes) -> list[str]:
    """What stands behind the picture in a JPEG file, in words: it is not carried over."""
    told: list[str] = []
    while rest.strip(_PADDING):
        start = rest.lstrip(_PADDING)
        if start.startswith(b"\xff\xd8\xff") and len(told) < _MOST_BEHIND:
            kind, size, rest = "another picture, such as a gain map or a preview,", _length(start), start
        else:
            kind, size = "a film" if b"ftyp" in rest[:_START] else "data", len(rest)
        told.append(f"{kind} of {size} bytes behind the picture is left out")
        rest = rest[size:]
    return told


def _length(data: bytes) -> int:
    try:
        return read_layout(data).end
    except InputError:
        return len(data)


def _exif(image: Image.Image, size: tuple[int, int], orientation: int, lost: list[str]) -> bytes:
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
        exif.bigtiff = False  # every container but BigTIFF itself wants the classic form
        written = exif.tobytes() if len(exif) else b""
    # Pillow raises whatever it meets in a damaged block: struct.error, KeyError, SyntaxError, ...
    except Exception:
        lost.append("EXIF is damaged and left out")
        return b""
    return written.removeprefix(b"Exif\0\0")


def _iptc(image: Image.Image, layout: Layout | None) -> bytes:
    if layout:
        found = [payload for marker, payload in layout.header if marker == APP13]
        return next((iptc for payload in found if (iptc := photoshop_iptc(payload[14:]))), b"")
    tags: Any = getattr(image, "tag_v2", {})
    value = tags.get(_TIFF_IPTC, b"")
    if isinstance(value, bytes) and value:
        return value
    resources = tags.get(_TIFF_PHOTOSHOP, b"")
    return photoshop_iptc(resources) if isinstance(resources, bytes) else b""


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = float(value[0]), float(value[1])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    usable = all(math.isfinite(number) and 1 < number < 65535 for number in (across, down))
    return (across, down) if usable else None


def _texts(image: Image.Image, lost: list[str]) -> Iterable[tuple[str, str]]:
    texts = {key: str(value) for key, value in getattr(image, "text", {}).items() if key not in _PNG_STRUCTURE}
    comment = image.info.get("comment", b"")
    text = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)
    if text and not texts and not text.startswith("Created by OpenJPEG"):  # which signs whatever it encodes
        texts = {"Comment": text}
    for key, value in texts.items():
        if len(value) <= LONGEST_TEXT:
            yield key, value
        else:
            lost.append(f"the text {key} of {len(value)} characters is too long and left out")


# ---- writing ------------------------------------------------------------------------------

LONGEST_SEGMENT = 65000  # bytes of one piece of metadata in a JPEG segment, its own header not counted


def jpeg_segments(metadata: Metadata) -> list[Segment]:
    """APPn and COM segments that carry metadata in a JPEG file, JFIF's first; see `too_long_for_jpeg`."""
    across, down = metadata.dpi or (0, 0)
    density = (1, round(across), round(down)) if metadata.dpi else (0, 1, 1)
    segments: list[Segment] = [(0xE0, b"JFIF\0" + struct.pack(">BBBHHBB", 1, 2, *density, 0, 0))]
    if metadata.exif and len(metadata.exif) <= LONGEST_SEGMENT:
        segments.append((APP1, b"Exif\0\0" + metadata.exif))
    segments += [(APP1, payload) for payload in xmp_payloads(metadata.xmp)]
    chunks = [metadata.icc[at : at + LONGEST_SEGMENT] for at in range(0, len(metadata.icc), LONGEST_SEGMENT)]
    segments += [
        (0xE2, b"ICC_PROFILE\0" + bytes([number, len(chunks)]) + chunk) for number, chunk in enumerate(chunks, 1)
    ]
    if metadata.iptc and len(metadata.iptc) <= LONGEST_SEGMENT:
        padding = b"\0" * (len(metadata.iptc) % 2)
        resource = struct.pack(">4sHHI", b"8BIM", IPTC_RESOURCE, 0, len(metadata.iptc))
        segments.append((APP13, b"Photoshop 3.0\0" + resource + metadata.iptc + padding))
    comment = metadata.comment
    if comment and len(comment) <= LONGEST_SEGMENT:
        segments.append((0xFE, comment))
    return segments


def too_long_for_jpeg(metadata: Metadata) -> list[str]:
    """What `jpeg_segments` leaves out, in words."""
    found = {"EXIF": metadata.exif, "IPTC": metadata.iptc, "comment": metadata.comment}
    return [
        f"{name} of {len(content)} bytes does not fit into a JPEG and is left out"
        for name, content in found.items()
        if len(content) > LONGEST_SEGMENT
    ]


def without_place(metadata: Metadata, holds: Iterable[str]) -> list[str]:
    """Kinds of metadata that are there and that a format, which holds the named ones, cannot take."""
    found = {
        "EXIF": metadata.exif,
        "XMP": metadata.xmp,
        "IPTC": metadata.iptc,
        "resolution": metadata.dpi,
        "comment": metadata.comment,
        "texts": [key for key, _ in metadata.text if key != "Comment"],
    }
    return [name for name, content in found.items() if content and name not in holds]
