"""What a file holds is found by following its parts: letters that stand elsewhere decide nothing."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import formats_inputs as inputs
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from koalacli.errors import InputError, UnsupportedError
from koalacli.io.jpeg.layout import read_layout
from koalacli.io.picture.codecs import encode
from koalacli.io.picture.containers import avif_depth, gif_extent, read_codestream, webp_chunks, xmp_of_gif
from koalacli.io.picture.graft import Graftable, open_graftable
from koalacli.io.picture.read import read_picture
from koalacli.io.picture.sequences import open_animation

WORDS = "scan of VP8 and VP8L, pixi, \xff\x4f\xff\x51 and XMP DataXMP"


def said(words: str = WORDS) -> Image.Exif:
    """EXIF whose description holds the letters that containers name their parts by."""
    exif = Image.Exif()
    exif[0x010E] = words
    return exif


def saved(format: str, **options: object) -> bytes:
    """A small picture with those words."""
    buffer = io.BytesIO()
    Image.fromarray(inputs.tinted()).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("lossless", [True, False])
def test_words_in_exif_do_not_make_a_webp_lossy_or_lossless(lossless: bool) -> None:
    """Its kind is that of its chunks, and it is written in the same kind."""
    for words in ("VP8 ", "VP8L"):
        picture = read_picture(saved("WEBP", lossless=lossless, exif=said(words)))
        assert picture.lossless == lossless
        kinds = {kind for kind, _, _ in webp_chunks(encode(picture, "webp", 90)[0])}
        assert (b"VP8L" in kinds, b"VP8 " in kinds) == (lossless, not lossless)


def test_an_animated_webp_is_as_lossless_as_its_frames() -> None:
    """The chunks of its frames lie inside others."""
    assert read_picture(inputs.animated("WEBP", lossless=True)).lossless
    assert not read_picture(inputs.animated("WEBP", quality=80)).lossless


def test_the_depth_of_an_avif_is_that_of_its_boxes() -> None:
    """Whatever its EXIF holds; ten bits are found in the decoder's own box, too."""
    data = saved("AVIF", exif=said("pixi\0\0\0\0\x01\x10"))
    assert avif_depth(data) == 8
    assert read_picture(data).pixels.dtype == np.uint8
    deep = bytearray(data)
    at = data.index(b"av1C") + 4
    deep[at + 2] |= 0x40
    assert avif_depth(bytes(deep)) == 10


def test_a_jpeg_2000_is_read_from_its_codestream() -> None:
    """Its size, depth and kind of wavelets stand in one header; other boxes may hold anything."""
    data = inputs.jp2(inputs.tinted())
    words = struct.pack(">I4s", 8 + 60, b"xml ") + b"\xff\x4f\xff\x51" + b"\x2f" * 56  # read as a header: 48 bits
    first = 12 + struct.unpack_from(">I", data, 12)[0]
    for file in (data, data[:first] + words + data[first:]):
        found = read_codestream(file)
        assert found is not None
        assert (found.width, found.height, found.depth, found.channels) == (inputs.WIDTH, inputs.HEIGHT, 8, 3)
        assert found.reversible
        assert read_picture(file).lossless
    assert not read_picture(saved("JPEG2000", irreversible=True)).lossless


def test_a_size_stated_in_two_ways_is_refused() -> None:
    """A small picture in the outer header and a large one in the codestream would be decoded as the large one."""
    data = bytearray(inputs.jp2(inputs.scene()))
    at = data.index(b"\xff\x4f\xff\x51")
    data[at + 8 : at + 16] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(InputError, match="two ways, 83x61 and 60000x60000"):
        read_picture(bytes(data))


def test_the_extents_of_a_gifs_frames_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen of 2 x 2 with a frame of 65535 x 65535 is refused before the decoder makes room for it."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    small = b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\x02\x03\x84\x51\x05\x00"
    large = b"," + struct.pack("<HHHHB", 9, 9, 65_526, 65_526, 0) + b"\x02\x03\x84\x51\x05\x00"
    assert gif_extent(screen + small + large + b";") == (65_535, 65_535)
    monkeypatch.setattr(Image, "open", None)  # opening is enough for Pillow to make room for the first frame
    for data in (screen + large + b";", screen + small + large + b";"):
        (tmp_path / "a.gif").write_bytes(data)
        for read in (read_picture, open_animation):
            with pytest.raises(UnsupportedError, match="--max-pixels"):
                read(tmp_path / "a.gif")


def test_many_small_frames_are_refused_with_a_way_out() -> None:
    """However small they are, each has lightness and color of the network's size; films are read frame by frame."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"!\xf9\x04\x08\x01\0\0\0," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\x02\x03\x84\x51\x05\x00"
    with pytest.raises(UnsupportedError, match="--max-pixels 500000000; koala video takes it frame by frame"):
        read_picture(screen + frame * 3000 + b";")


def test_xmp_of_a_gif_stands_in_its_own_block() -> None:
    """Not in a comment that holds the same letters."""
    data = inputs.pillow_gif(Image.fromarray(inputs.scene()))
    comment = b"!\xfe\x0f" + b"\xff\x0bXMP DataXMP." + b"\0"
    assert xmp_of_gif(data[:-1] + comment + b";") == b""


def test_a_color_profile_of_megabytes_is_taken() -> None:
    """Printers' profiles have tables; in PNG they are packed."""
    large = inputs.SRGB + bytes(8 << 20)
    for format in ("PNG", "TIFF"):
        assert read_picture(saved(format, icc_profile=large)).pixels.shape == (inputs.HEIGHT, inputs.WIDTH, 3)
    with pytest.raises(InputError, match="a text or color profile in it is too long"):
        read_picture(saved("PNG", icc_profile=inputs.SRGB + bytes(20 << 20)))


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        (b"\0\0\0\x18ftypmp42" + bytes(500), "a film of 512 bytes behind the picture is left out"),
        (b"\0" * 99, ""),
        (b"a note", "data of 6 bytes behind the picture is left out"),
    ],
)
def test_what_stands_behind_a_jpeg_is_named(tail: bytes, told: str) -> None:
    """Films of phones and whatever else; padding is nothing. XMP does not promise it any more."""
    promise = inputs.XMP.replace(b"photoshop:City", b'g:MotionPhoto="1" xmlns:g="urn:g" photoshop:City')
    gray = inputs.jpeg(Image.fromarray(inputs.scene()), xmp=promise)
    toned = inputs.jpeg(Image.fromarray(inputs.tinted()), xmp=promise)
    grafted = open_graftable(gray + tail, 10**6)
    assert isinstance(grafted, Graftable)
    for metadata in (grafted.metadata, read_picture(toned + tail).metadata):
        assert metadata.lost == told
        assert (b"MotionPhoto" in metadata.xmp) == (not told)


def test_pictures_behind_a_jpeg_are_named_and_its_luma_is_kept() -> None:
    """Gain maps and previews stand there, with or without an index of them; a film may follow."""
    gray = inputs.jpeg(Image.fromarray(inputs.scene()))
    assert read_layout(gray + gray).end == len(gray)
    found = open_graftable(gray + gray + b"\0\0\0\x18ftypmp42", 10**6)
    assert isinstance(found, Graftable)
    assert [part.split(" of ")[0] for part in found.metadata.lost.split("; ")] == [
        "another picture, such as a gain map or a preview,",
        "a film",
    ]
    buffer = io.BytesIO()
    image = Image.fromarray(inputs.scene()).convert("RGB")
    image.save(buffer, "MPO", save_all=True, append_images=[image.resize((20, 20))])
    assert isinstance(open_graftable(buffer.getvalue(), 10**6), Graftable)


@pytest.mark.parametrize("key", ["transparency", "exif", "icc_profile", "dpi", "duration", "loop", "xmp", "Title"])
@pytest.mark.parametrize("behind", [True, False])
def test_a_text_is_a_text_whatever_it_is_called(key: str, behind: bool) -> None:
    """A PNG's text called transparency makes nothing transparent, one called exif is no EXIF."""
    info = PngInfo()
    info.add(b"iTXt", key.encode() + b"\0\0\0\0\0some words", after_idat=behind)
    buffer = io.BytesIO()
    Image.fromarray(inputs.scene()).save(buffer, "PNG", pnginfo=info, dpi=(300, 300), exif=said())
    picture = read_picture(buffer.getvalue())
    assert np.array_equal(picture.pixels, inputs.scene())
    assert picture.alpha is None
    again = read_picture(encode(picture, "png", 95)[0])
    assert again.metadata == replace(picture.metadata, icc=again.metadata.icc)
    assert dict(again.metadata.text).get(key) == (None if key == "exif" else "some words")
