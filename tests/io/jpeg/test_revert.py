"""Undoing a graft: the very gray file comes back, or nothing does."""

import io
from pathlib import Path
from typing import Any

import cv2
import formats_inputs as inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from koalacli.config import ColorizeConfig
from koalacli.errors import InputError
from koalacli.io.jpeg.layout import APP1, read_layout, segment
from koalacli.io.jpeg.revert import MOST_PACKED, has_own_scans, revert_graft
from koalacli.io.picture.graft import Graftable, open_graftable
from koalacli.photograph.canvas import Graft


class Sight:
    """A network that sees everything at 32 by 32."""

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        return 32, 32

    def shrink(self, lightness: Any) -> Any:
        return cv2.resize(lightness, (32, 32), interpolation=cv2.INTER_AREA)[..., None]


def graft(data: bytes, **settings: Any) -> bytes | None:
    """Put color on a JPEG if its luma can be kept."""
    config = ColorizeConfig(**settings)
    found = open_graftable(data, 10**9, config.chroma_subsampling)
    if not isinstance(found, Graftable):
        return None
    canvas = Graft.open(data, found, config, Sight())
    buffer = io.BytesIO()
    canvas.write(buffer, [np.full((8, 8, 2), 20, np.float32)], "test")
    return buffer.getvalue()


def gray(height: int = 61, width: int = 83, planes: str = "", **options: Any) -> bytes:
    """A gray JPEG of noise; `planes` is the sampling of neutral chroma in it, if there shall be any."""
    noise = np.random.default_rng(height).integers(0, 256, (height, width), dtype=np.uint8)
    image = Image.fromarray(noise)
    return inputs.jpeg(image.convert("RGB"), subsampling=planes, **options) if planes else inputs.jpeg(image, **options)


JPEGS = [name for name, (kind, _) in inputs.INPUTS.items() if name.startswith("jpeg-gray")]


@pytest.mark.parametrize("name", JPEGS)
def test_every_grafted_kind_of_the_corpus_comes_back_byte_for_byte(name: str) -> None:
    """Plain, progressive, with restarts, turned, with a profile, with neutral color planes."""
    source = inputs.INPUTS[name][1]()
    color = graft(source)
    assert color is not None
    assert revert_graft(color) == source
    assert color != source


def test_every_grafted_photograph_comes_back_byte_for_byte(shared: Path) -> None:
    """Real scans, as archives hold them."""
    files = sorted((shared / "historical").glob("*.jpg"))
    grafted = [(path, color) for path in files if (color := graft(path.read_bytes()))]
    assert len(grafted) > 2
    for path, color in grafted:
        assert revert_graft(color) == path.read_bytes(), path.name


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    planes=st.sampled_from(["", "4:4:4", "4:2:2", "4:2:0"]),
    progressive=st.booleans(),
    restarts=st.sampled_from([0, 1, 7]),
    tail=st.binary(max_size=300),
    fill=st.integers(0, 3),
)
def test_any_gray_file_comes_back(
    height: int, width: int, planes: str, progressive: bool, restarts: int, tail: bytes, fill: int
) -> None:
    """With fill bytes before markers and whatever stands behind the picture."""
    options = {"restart_marker_blocks": restarts} if restarts else {}
    source = gray(height, width, planes, progressive=progressive, **options)
    source = source[:2] + b"\xff" * fill + source[2:] + tail
    color = graft(source)
    assert color is not None
    assert revert_graft(color) == source


def test_one_changed_bit_of_luma_is_noticed() -> None:
    """What comes back is the source or an error, never something like it."""
    color = bytearray(graft(gray()) or b"")
    at = read_layout(bytes(color)).start + 500
    color[at] ^= 1
    with pytest.raises(InputError, match="no longer what it was"):
        revert_graft(bytes(color))


@pytest.mark.parametrize("settings", [{"revertible": False}, {"strip_metadata": True}])
def test_nothing_travels_that_was_not_to(settings: dict[str, bool]) -> None:
    """A file without metadata does not carry its source's, and says that it cannot be reverted."""
    color = graft(gray(exif=inputs.exif()), **settings) or b""
    with pytest.raises(InputError, match="does not carry its source"):
        revert_graft(color)


def test_a_graft_is_told_from_a_picture_encoded_anew() -> None:
    """By its scans: encoders interleave the planes."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40)).save(buffer, "JPEG")
    assert has_own_scans(read_layout(graft(gray()) or b""))
    assert not has_own_scans(read_layout(buffer.getvalue()))
    assert not has_own_scans(read_layout(gray()))


def test_what_is_too_much_to_carry_stays_behind() -> None:
    """A preview of megabytes behind the picture does not double the file."""
    tail = np.random.default_rng(0).integers(0, 256, 2 * MOST_PACKED, dtype=np.uint8).tobytes()
    assert len(graft(gray() + tail) or b"") < MOST_PACKED


def test_no_carried_bytes_break_it() -> None:
    """Foreign and torn segments are refused as inputs."""
    color = graft(gray()) or b""
    for content in (b"\1", b"\0" * 40, b"\xff" * 200):
        torn = color[:2] + segment(0xEF, b"koala:source\0\1" + content) + segment(APP1, b"x") + color[2:]
        with pytest.raises(InputError):
            revert_graft(torn)
