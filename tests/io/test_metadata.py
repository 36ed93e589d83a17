"""Metadata: kept, made true, and never the reason for a failure."""

import io
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from koalacli.io.codecs import encode
from koalacli.io.images import Picture, read_picture
from koalacli.io.metadata import DIGITAL_SOURCE, Metadata, Provenance, jpeg_segments, with_provenance

PROVENANCE = Provenance('koala 1.0 <"&>', "koala", "sha256:00")
FOREIGN = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    b'xmlns:p="http://ns.adobe.com/photoshop/1.0/" rdf:about="" p:City="Tulare" '
    b'i:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def properties(xmp: bytes) -> dict[str, str]:
    """Attributes of all descriptions, by local name; fails if the packet is no XML."""
    root = ElementTree.fromstring(xmp[xmp.index(b"<x:") : xmp.rindex(b"<?xpacket")])
    found: dict[str, str] = {}
    for description in root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"):
        for name, value in description.attrib.items():
            key = name.split("}")[-1]
            assert key not in found or key == "about", f"{key} is stated twice"
            found[key] = value
    return found


@pytest.mark.parametrize("before", [b"", b"no xmp at all", b"\xff\xfe\x00<"])
def test_provenance_makes_a_packet_where_there_is_none(before: bytes) -> None:
    """What is no XMP is replaced by a packet that is."""
    said = properties(with_provenance(before, PROVENANCE))
    assert said["DigitalSourceType"] == DIGITAL_SOURCE
    assert said["Tool"] == PROVENANCE.tool
    assert said["WeightsDigest"] == "sha256:00"


def test_provenance_joins_what_is_there() -> None:
    """Foreign properties stay; the source type is stated once, and it is the new one."""
    said = properties(with_provenance(FOREIGN, PROVENANCE))
    assert said["City"] == "Tulare"
    assert said["DigitalSourceType"] == DIGITAL_SOURCE


def test_provenance_twice_is_provenance_once() -> None:
    """A picture colorized again tells of the last time."""
    once = with_provenance(FOREIGN, PROVENANCE)
    assert with_provenance(once, PROVENANCE) == once
    again = properties(with_provenance(once, Provenance("koala 2.0", "other", "sha256:11")))
    assert (again["Tool"], again["Weights"]) == ("koala 2.0", "other")


@given(st.binary(max_size=300))
def test_no_bytes_break_provenance(noise: bytes) -> None:
    """Whatever a file calls XMP, provenance gets in."""
    assert DIGITAL_SOURCE.encode() in with_provenance(noise, PROVENANCE)


def jpeg_with_exif(exif: Image.Exif, size: tuple[int, int] = (40, 20)) -> bytes:
    """A color JPEG, which is encoded anew."""
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def written_exif(data: bytes, format: str = "jpeg") -> Image.Exif:
    """EXIF of what koala writes of a file, still gray or not."""
    encoded, _ = encode(read_picture(data), format, 90)
    with Image.open(io.BytesIO(encoded)) as image:
        return image.getexif()


def test_orientation_is_applied_and_sizes_are_true() -> None:
    """A turned picture comes out upright, its tag gone, with the sizes of what is written."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0xA002: 40, 0xA003: 20, 0xA001: 65535})
    picture = read_picture(jpeg_with_exif(exif))
    assert picture.pixels.shape == (40, 20, 3)
    found = written_exif(jpeg_with_exif(exif))
    assert 0x0112 not in found
    assert (found.get_ifd(0x8769)[0xA002], found.get_ifd(0x8769)[0xA003]) == (20, 40)
    assert found.get_ifd(0x8769)[0xA001] == 1


def test_the_gray_thumbnail_is_dropped() -> None:
    """No gray preview stays inside a colored file."""
    entries = struct.pack(">H", 1) + struct.pack(">HHI4s", 0x010E, 2, 4, b"abc\0") + struct.pack(">I", 26)
    thumbnail = struct.pack(">H", 2) + struct.pack(">HHII", 0x0201, 4, 1, 60) + struct.pack(">HHII", 0x0202, 4, 1, 4)
    raw = b"Exif\0\0MM\0*\0\0\0\x08" + entries + thumbnail + struct.pack(">I", 0) + b"\0" * 8 + b"JPEG"
    data = jpeg_with_exif(Image.Exif())
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(raw) + 2) + raw + data[2:]
    exif = read_picture(data).metadata.exif
    assert b"abc" in exif
    assert b"JPEG" not in exif


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff"])
def test_capture_time_and_place_survive_every_container(format: str) -> None:
    """Tags inside the EXIF and GPS folders are carried, whatever the format."""
    exif = Image.Exif()
    exif[0x8298] = "public domain"
    exif.get_ifd(0x8769)[0x9003] = "1936:03:06 12:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    found = written_exif(jpeg_with_exif(exif), format)
    assert found[0x8298] == "public domain"
    assert found.get_ifd(0x8769)[0x9003] == "1936:03:06 12:00:00"
    assert found.get_ifd(0x8825)[1] == "N"


def test_damaged_exif_does_not_cost_the_picture() -> None:
    """A folder that points out of the file is passed over; the pixels are read all the same."""
    data = jpeg_with_exif(Image.Exif())
    raw = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\xff\xff\xff\xf0"
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(raw) + 2) + raw + data[2:]
    picture = read_picture(data)
    assert picture.pixels.shape == (20, 40, 3)


def test_long_metadata_does_not_break_a_jpeg() -> None:
    """A profile of many segments is split; an XMP packet too long for one is left out."""
    metadata = Metadata(xmp=b"x" * 70_000, icc=b"p" * 150_000)
    sizes = [len(payload) for _, payload in jpeg_segments(metadata)]
    assert max(sizes) < 65_534
    assert sum(payload.startswith(b"ICC_PROFILE") for _, payload in jpeg_segments(metadata)) == 3


def test_text_of_a_png_is_kept() -> None:
    """Keys and values of text chunks are in the output, long and foreign ones too."""
    text = (("Title", "Größe " * 50), ("Author", "x"))
    picture = Picture(np.zeros((4, 4, 3), np.uint8), metadata=Metadata(text=text))
    with Image.open(io.BytesIO(encode(picture, "png", 90)[0])) as image:
        image.load()
        assert image.text == dict(text)
