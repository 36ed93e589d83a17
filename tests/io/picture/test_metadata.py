"""Metadata: kept, made true, and never the reason for a failure."""

import io
import json
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from koalacli.io.jpeg.layout import read_layout, segment
from koalacli.io.picture.codecs import encode
from koalacli.io.picture.graft import Graftable, open_graftable
from koalacli.io.picture.metadata import Metadata, jpeg_segments, too_long_for_jpeg
from koalacli.io.picture.picture import Frame, Picture
from koalacli.io.picture.read import read_picture
from koalacli.io.picture.xmp import (
    DIGITAL_SOURCE,
    XMP_HEADER,
    Provenance,
    join_extension,
    upright,
    with_provenance,
    xmp_payloads,
)

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


def jpeg_with_exif(exif: Image.Exif, size: tuple[int, int] = (40, 20), *, gray: bool = False) -> bytes:
    """A color JPEG, which is encoded anew, or one with color planes that is gray."""
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    pixels = np.dstack([pixels[..., 0]] * 3) if gray else pixels
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


def test_xmp_does_not_turn_the_picture_again() -> None:
    """Orientation and sizes in XMP go when the pixels are turned; an upright packet stays as it is."""
    packet = FOREIGN.replace(
        b'p:City="Tulare"',
        b'p:City="Tulare" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" tiff:ImageWidth="40"',
    )
    assert set(properties(upright(packet))) == {"about", "City", "DigitalSourceType"}
    assert upright(packet.replace(b'"6"', b'"1"')) == packet.replace(b'"6"', b'"1"')
    element = FOREIGN.replace(
        b"</rdf:RDF>", b"<rdf:Description><tiff:Orientation>8</tiff:Orientation></rdf:Description></rdf:RDF>"
    )
    assert b"Orientation" not in upright(element)


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


def test_long_metadata_goes_into_many_segments_or_is_named() -> None:
    """A profile and an XMP packet are split; EXIF, IPTC and comments that no JPEG can hold are told by name."""
    long = b"x" * 70_000
    metadata = Metadata(exif=long, iptc=long, xmp=long_packet(), icc=long * 2, text=(("Comment", "y" * 70_000),))
    segments = jpeg_segments(metadata)
    assert max(len(payload) for _, payload in segments) < 65_534
    assert sum(payload.startswith(b"ICC_PROFILE") for _, payload in segments) == 3
    assert [remark.split(" of ")[0] for remark in too_long_for_jpeg(metadata)] == ["EXIF", "IPTC", "comment"]
    assert len(too_long_for_jpeg(metadata)) == 3
    _, remarks = encode(Picture(np.zeros((4, 4, 3), np.uint8), metadata=metadata), "jpeg", 90)
    assert sum("does not fit" in remark for remark in remarks) == 3


def long_packet() -> bytes:
    """An XMP packet of 150 kB."""
    history = b'<rdf:Description rdf:about="" xmlns:h="urn:h"><h:History>' + b"turned; " * 19_000 + b"</h:History>"
    return FOREIGN.replace(b"</rdf:RDF>", history + b"</rdf:Description></rdf:RDF>")


def test_a_long_packet_is_read_back_whole_and_tells_of_the_color_in_its_first_segment() -> None:
    """150 kB of XMP survive JPEG after JPEG, in the extension that the standard has for it."""
    packet = with_provenance(long_packet(), PROVENANCE)
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    for _ in range(2):
        data, _ = encode(Picture(pixels, metadata=Metadata(xmp=packet)), "jpeg", 90)
        first = next(
            payload for _, payload in read_layout(data).header if payload.startswith(b"http://ns.adobe.com/xap")
        )
        assert DIGITAL_SOURCE.encode() in first
        packet = read_picture(data).metadata.xmp
        assert packet.count(b"turned; ") == 19_000
        assert b"HasExtendedXMP" not in packet
        said = properties(packet)
        assert (said["City"], said["Tool"]) == ("Tulare", PROVENANCE.tool)


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
def test_exiftool_finds_the_extension(tmp_path: Path) -> None:
    """Another program reads what koala has split."""
    packet = with_provenance(long_packet(), PROVENANCE)
    data, _ = encode(Picture(np.zeros((4, 4, 3), np.uint8), metadata=Metadata(xmp=packet)), "jpeg", 90)
    (tmp_path / "long.jpg").write_bytes(data)
    command = ["exiftool", "-j", "-api", "RequestAll=3", "-XMP:all", "-Warning", str(tmp_path / "long.jpg")]
    (found,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["City"] == "Tulare"
    assert found["DigitalSourceType"]
    assert "152000 bytes" in found["History"]
    assert "Warning" not in found


@pytest.mark.parametrize("harm", [b"", b"\0" * 40])
def test_a_torn_extension_costs_only_itself(harm: bytes) -> None:
    """Of an extension that is not there as a whole the picture and the packet are kept, and it is told."""
    packet = with_provenance(long_packet(), PROVENANCE)
    data, _ = encode(Picture(np.zeros((4, 4, 3), np.uint8), metadata=Metadata(xmp=packet)), "jpeg", 90)
    segments = [
        payload for _, payload in read_layout(data).header if payload.startswith(b"http://ns.adobe.com/xmp/ext")
    ]
    torn = data.replace(segments[1], harm[: len(segments[1])].ljust(len(segments[1]), b"?"))
    found = read_picture(torn).metadata
    assert found.lost == "the extension of XMP is damaged and left out"
    assert properties(found.xmp)["Tool"] == PROVENANCE.tool


@pytest.mark.parametrize("format", ["gif", "jp2"])
@pytest.mark.parametrize("frames", [1, 3])
def test_gif_and_jpeg_2000_tell_of_the_color_too(format: str, frames: int, tmp_path: Path) -> None:
    """They hold XMP where other programs look for it, and stay files that decoders read."""
    if format == "jp2" and frames > 1:
        pytest.skip("JPEG 2000 holds one frame")
    levels = [Frame(np.full((9, 11, 3), 60 * number, np.uint8), None, 100.0) for number in range(frames)]
    packet = with_provenance(FOREIGN, PROVENANCE)
    picture = Picture(levels[0].pixels, metadata=Metadata(xmp=packet), more=tuple(levels[1:]), milliseconds=100.0)
    data, remarks = encode(picture, format, 90)
    assert remarks == []
    found = read_picture(data)
    assert len(found.frames) == frames
    assert found.metadata.xmp == packet
    if shutil.which("exiftool"):
        (tmp_path / f"a.{format}").write_bytes(data)
        command = ["exiftool", "-j", "-XMP:all", "-Warning", str(tmp_path / f"a.{format}")]
        (said,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert (said["City"], said.get("Warning")) == ("Tulare", None)


def test_what_a_format_has_no_place_for_is_told() -> None:
    """Another --format may lose metadata, never without a word."""
    metadata = Metadata(exif=b"x", xmp=FOREIGN, iptc=b"x", dpi=(300, 300), text=(("Title", "a"),))
    picture = Picture(np.zeros((4, 4, 3), np.uint8), metadata=metadata)
    assert encode(picture, "bmp", 90)[1] == ["bmp has no place for EXIF, XMP, IPTC, texts"]
    assert encode(replace(picture, metadata=replace(metadata, exif=b"")), "webp", 90)[1] == [
        "webp has no place for IPTC, resolution, texts"
    ]


def test_text_of_a_png_is_kept() -> None:
    """Keys and values of text chunks are in the output, long and foreign ones too."""
    text = (("Title", "Größe " * 50), ("Author", "x"))
    picture = Picture(np.zeros((4, 4, 3), np.uint8), metadata=Metadata(text=text))
    with Image.open(io.BytesIO(encode(picture, "png", 90)[0])) as image:
        image.load()
        assert image.text == dict(text)


HEAD, TAIL = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="urn:r">', b"</rdf:RDF></x:xmpmeta>"
TRAPS = {
    "tags that are never closed": HEAD + b"<a:Orientation>" * 60_000 + TAIL,
    "tags that never end": HEAD + b"<a:Orientation " * 60_000 + TAIL,
    "source types that are never closed": HEAD + b"<a:DigitalSourceType>" * 45_000 + TAIL,
    "entities in entities": b'<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]>' + HEAD + b"<d:t>&b;</d:t>" + TAIL,
    "a packet of 20 million bytes": HEAD + b"<d:x>" + b"x" * 20_000_000 + b"</d:x>" + TAIL,
    "200,000 elements": HEAD + b"<d:x/>" * 200_000 + TAIL,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("trap", TRAPS)
def test_no_packet_holds_up_a_batch(trap: str) -> None:
    """Strangers' text is followed once, up to a limit; what is no XMP that koala can carry is named and left out."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(buffer, "TIFF", tiffinfo={700: TRAPS[trap]})
    found = read_picture(buffer.getvalue()).metadata
    assert (found.xmp, found.lost.endswith("it is left out")) == (b"", True)


@pytest.mark.timeout(20)
def test_blanks_and_instructions_are_no_trap() -> None:
    """A long packet of blanks, and one of instructions in instructions, are written in a moment."""
    room = HEAD + b" " * 900_000 + TAIL
    assert DIGITAL_SOURCE.encode() in b"".join(xmp_payloads(with_provenance(room, PROVENANCE)))
    nested = HEAD + b"<?xpacket " * 90_000 + b">?>" + TAIL
    assert xmp_payloads(with_provenance(nested, PROVENANCE))


def test_all_else_in_a_packet_stays_byte_for_byte() -> None:
    """Comments, quotes with brackets, CDATA, an XML head behind the wrapper and a trail of zeros are no obstacle."""
    inside = b'<rdf:Description d:a="x > y" d:b=""><!-- <a:Orientation>6</a:Orientation> --><d:c><![CDATA[</rdf:RDF>]]>'
    packet = b'<?xpacket begin=""?><?xml version="1.0"?>' + HEAD + inside + b"</d:c></rdf:Description>"
    turned = b'<b:D c:Orientation="8" e:f="g"/>'
    assert upright(packet + turned + TAIL + b"\0\0") == packet + b'<b:D e:f="g"/>' + TAIL
    told = with_provenance(packet + TAIL, PROVENANCE)
    assert told.startswith(packet + b"<rdf:Description")
    assert told.endswith(TAIL)


def test_a_turned_gray_jpeg_keeps_two_megabytes_of_xmp() -> None:
    """Luma, orientation and the packet's extension go together, as they do for a small packet."""
    words = b"<d:t>" + bytes(np.random.default_rng(5).integers(97, 122, 2_000_000, dtype=np.uint8)) + b"</d:t>"
    packet = HEAD + b"<rdf:Description>" + words + b"</rdf:Description>" + TAIL
    exif = Image.Exif()
    exif[0x0112] = 6
    gray = jpeg_with_exif(exif, (40, 20), gray=True)
    metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), xmp=packet)
    long = gray[:2] + b"".join(segment(*item) for item in jpeg_segments(metadata)) + gray[2:]
    found = open_graftable(long, 10**6)
    assert isinstance(found, Graftable)
    assert (found.orientation, found.metadata.lost) == (6, "")
    assert words in found.metadata.xmp
    again = join_extension(
        xmp_payloads(found.metadata.xmp)[0].removeprefix(XMP_HEADER), xmp_payloads(found.metadata.xmp)
    )
    assert words in again
