"""TIFF: pages and channels that say what they are get no color; they are kept, or named."""

import io
import struct
from dataclasses import replace
from typing import Any

import formats_inputs as inputs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from koalacli.errors import UnsupportedError
from koalacli.io.picture.codecs import encode
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.read import read_picture

GRAY, INFRARED = inputs.scene(16), 65535 - inputs.scene(16)


def colored(picture: Picture) -> Picture:
    """The picture as it is written: rgb."""
    first, *more = (
        replace(frame, pixels=frame.pixels if frame.pixels.ndim == 3 else np.dstack([frame.pixels] * 3))
        for frame in picture.frames
    )
    return replace(picture, pixels=first.pixels, more=tuple(more))


def rewritten(data: bytes) -> list[tuple[dict[str, Any], NDArray[Any]]]:
    """Tags and channels of each page of what koala writes of a file."""
    written, _ = encode(colored(read_picture(data)), "tiff", 95)
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        pages = [page.aspage() for page in file.pages]
        return [({tag.name: tag.value for tag in page.tags}, page.asarray()) for page in pages]


def marked(*pages: tuple[NDArray[Any], int], orientation: int = 1) -> bytes:
    """A TIFF of gray pages, each with its NewSubfileType."""
    buffer = io.BytesIO()
    turned = [(274, 3, 1, orientation, True)]
    with tifffile.TiffWriter(buffer) as writer:
        for pixels, _ in pages:
            writer.write(pixels, photometric="minisblack", subfiletype=2, extratags=turned, metadata=None)
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as file:
        for page, (_, kind) in zip(file.pages, pages, strict=True):
            page.aspage().tags["NewSubfileType"].overwrite(kind)
    return buffer.getvalue()


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colors", [1, 3, 4])
@pytest.mark.parametrize("said", [["unspecified"], []])
def test_channels_without_a_meaning_are_kept_and_no_transparency(depth: int, colors: int, said: list[str]) -> None:
    """Infrared as a last channel, a spot color beside CMYK: the same numbers come out, under the same word."""
    if (colors == 4 and depth == 16) or (colors != 3 and not said):
        pytest.skip("refused by name")
    gray, other = inputs.scene(depth), np.invert(inputs.scene(depth))
    kind = {1: "minisblack", 3: "rgb", 4: "separated"}[colors]
    planes = np.dstack([gray] * colors + [other])
    data = inputs.tiff(planes, photometric=kind, planarconfig="contig", extrasamples=["unspecified"])
    if not said:  # the tag goes under a number that means nothing
        data = data.replace(struct.pack("<HHI", 338, 3, 1), struct.pack("<HHI", 65000, 3, 1))
    picture = read_picture(data)
    assert picture.alpha is None
    assert colors == 4 or np.array_equal(picture.pixels, gray)
    ((tags, pixels),) = rewritten(data)
    assert np.array_equal(pixels[..., 3], other)
    assert tags["ExtraSamples"] == (0,)


def test_transparency_and_a_further_channel_are_told_apart() -> None:
    """Each keeps its word, whichever comes first."""
    data = inputs.tiff(
        np.dstack([inputs.tinted(), inputs.alpha(), inputs.scene()]), extrasamples=["unassalpha", "unspecified"]
    )
    picture = read_picture(data)
    assert np.array_equal(picture.alpha, inputs.alpha())
    ((tags, pixels),) = rewritten(data)
    assert tags["ExtraSamples"] == (2, 0)
    assert np.array_equal(pixels[..., 4], inputs.scene())


def test_what_another_format_has_no_place_for_is_named() -> None:
    """PNG takes neither infrared channels nor infrared pages."""
    planes = inputs.tiff(np.dstack([GRAY, INFRARED]), planarconfig="contig", extrasamples=["unspecified"],
                         photometric="minisblack")  # fmt: skip
    assert "png has no place for channels beyond color, such as infrared" in encode(read_picture(planes), "png", 95)[1]
    pages = marked((GRAY, 0), (INFRARED, 4))
    assert "png has no place for pages that are no pictures: 1" in encode(read_picture(pages), "png", 95)[1]


@pytest.mark.parametrize("kinds", [(0, 4), (4, 0), (2, 4), (0, 12)])
def test_masks_and_infrared_pages_are_kept_as_they_are(kinds: tuple[int, int]) -> None:
    """The page that says it is a picture gets color; the other one keeps its pixels, its place and its word."""
    planes = [INFRARED if kind & 4 else GRAY for kind in kinds]
    data = marked(*zip(planes, kinds, strict=True))
    assert np.array_equal(read_picture(data).pixels, GRAY)
    assert len(read_picture(data).frames) == 1
    for (tags, pixels), plane, kind in zip(rewritten(data), planes, kinds, strict=True):
        assert (pixels.ndim, tags.get("NewSubfileType", 0)) == ((2, kind) if kind & 4 else (3, 0))
        assert np.array_equal(pixels if kind & 4 else pixels[..., 0], plane)


def test_a_mask_is_turned_with_its_picture() -> None:
    """Where the picture comes out upright, so does its infrared plane."""
    pages = rewritten(marked((GRAY, 0), (INFRARED, 4), orientation=6))
    assert np.array_equal(pages[0][1][..., 0], np.rot90(GRAY, -1))
    assert np.array_equal(pages[1][1], np.rot90(INFRARED, -1))


def test_a_mask_of_one_bit_is_kept() -> None:
    """Transparency masks of TIFF 6.0 have one bit and a photometric of their own."""
    buffer = io.BytesIO()
    mask = inputs.alpha() > 99
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(inputs.scene(), photometric="minisblack", metadata=None)
        writer.write(mask, photometric=4, subfiletype=4, metadata=None)
    (_, _), (tags, pixels) = rewritten(buffer.getvalue())
    assert np.array_equal(pixels, mask)
    assert (tags["PhotometricInterpretation"], tags["NewSubfileType"]) == (4, 4)


@pytest.mark.parametrize("first", [True, False])
def test_smaller_copies_are_named_and_get_no_color(first: bool) -> None:
    """A thumbnail is not taken for the picture, even where it stands first."""
    pages = [(GRAY, 0), (np.ascontiguousarray(GRAY[::4, ::4]), 1)]
    picture = read_picture(marked(*(reversed(pages) if first else pages)))
    assert np.array_equal(picture.pixels, GRAY)
    assert len(picture.frames) == 1
    assert picture.remark == "smaller copies of the picture are left out: 1"


def test_a_page_that_is_all_there_is_is_the_picture() -> None:
    """A lone thumbnail, and a lone mask, are pictures to whoever brings them."""
    for kind in (1, 4):
        assert np.array_equal(read_picture(marked((GRAY, kind))).pixels, GRAY)


def test_pyramids_inside_a_page_are_named() -> None:
    """Their levels would be gray: they are left out, and the record says so."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(GRAY, subifds=2, subfiletype=2, tile=(16, 16), photometric="minisblack")
        for step in (2, 4):
            writer.write(GRAY[::step, ::step], subfiletype=1, tile=(16, 16), photometric="minisblack")
    assert read_picture(buffer.getvalue()).metadata.lost == "smaller copies inside the page are left out: 2"
    reduced = buffer.getvalue().replace(struct.pack("<HHII", 254, 4, 1, 2), struct.pack("<HHII", 254, 4, 1, 1))
    with pytest.raises(UnsupportedError, match="raw files"):
        read_picture(reduced)


def test_many_pages_are_refused_for_the_memory_they_take() -> None:
    """However small a page is, its lightness and color are as large as the network sees them."""
    one = struct.pack("<H", 9) + b"".join(
        struct.pack("<HHII", *tag)
        for tag in [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
                    (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]
    )  # fmt: skip
    size = len(one) + 4
    pages = b"".join(one + struct.pack("<I", 72 + size * (number + 1)) for number in range(20_000))
    data = b"II*\0" + struct.pack("<I", 72) + bytes(64) + pages
    with pytest.raises(UnsupportedError, match=r"frames take the memory of .* --max-pixels"):
        read_picture(data)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (8, 8)


def test_a_tile_larger_than_its_picture_counts() -> None:
    """Decoders make room for whole tiles."""
    data = bytearray(inputs.tiff(inputs.scene(), tile=(64, 64)))
    for tag in (322, 323):
        at = data.find(struct.pack("<HHI", tag, 4, 1)) if struct.pack("<HHI", tag, 4, 1) in data else -1
        at = at if at >= 0 else data.find(struct.pack("<HHI", tag, 3, 1))
        data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 60_000)
    with pytest.raises(UnsupportedError, match="has 3600000000 pixels"):
        read_picture(bytes(data))
