"""Lossless luma: what is put behind a gray JPEG's luma, and that the luma stays."""

import io
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import formats_inputs as inputs
import jpeglib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from koalacli.color.lab import lightness_of
from koalacli.config import ColorizeConfig
from koalacli.errors import InputError
from koalacli.io.jpeg.layout import read_layout, why_not_graftable
from koalacli.io.picture.graft import Graftable, luma_of_jpeg, open_graftable
from koalacli.io.picture.profiles import convert_8bit, convert_gray
from koalacli.io.picture.read import read_picture
from koalacli.photograph.canvas import Graft

LIMIT = 10**8


class Sight:
    """A network that sees everything at 32 by 32."""

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        return 32, 32

    def shrink(self, lightness: NDArray[Any]) -> NDArray[Any]:
        return cv2.resize(lightness, (32, 32), interpolation=cv2.INTER_AREA)[..., None]


def gray_jpeg(height: int, width: int, quality: int, seed: int = 0, planes: str = "", **options: Any) -> bytes:
    """A gray JPEG of blurred noise; `planes` is the sampling of neutral chroma in it, if there shall be any."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 3 + 1, width // 3 + 1), dtype=np.uint8)
    image = Image.fromarray(cv2.resize(noise, (width, height)))
    if planes:
        image, options = image.convert("RGB"), {**options, "subsampling": planes}
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def graft(data: bytes, seed: int = 0, **settings: Any) -> bytes:
    """Put random color on a gray JPEG."""
    config = ColorizeConfig(**settings)
    found = open_graftable(data, LIMIT, config.chroma_subsampling)
    assert isinstance(found, Graftable), found
    canvas = Graft.open(data, found, config, Sight())
    ab = np.random.default_rng(seed).normal(0, 30, (8, 8, 2)).astype(np.float32)
    buffer = io.BytesIO()
    canvas.write(buffer, [ab], "test")
    return buffer.getvalue()


def jpegtran(data: bytes) -> NDArray[Any]:
    """Pixels of `jpegtran -grayscale`."""
    done = subprocess.run(["jpegtran", "-grayscale"], input=data, capture_output=True, check=True)
    assert not done.stderr
    return np.asarray(Image.open(io.BytesIO(done.stdout)))


@pytest.mark.skipif(not shutil.which("jpegtran"), reason="jpegtran (libjpeg-turbo-progs) is not installed")
@settings(max_examples=300)
@given(
    planes=st.sampled_from(["", "4:4:4", "4:2:2", "4:2:0"]),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    quality=st.integers(1, 100),
    subsampling=st.sampled_from(["420", "444"]),
    progressive=st.booleans(),
    restarts=st.sampled_from([0, 1, 7]),
)
def test_jpegtran_finds_the_same_gray_picture(
    planes: str, height: int, width: int, quality: int, subsampling: str, progressive: bool, restarts: int
) -> None:
    """libjpeg's own tool, made to drop color, gives identical pixels for input and output."""
    options = {"restart_marker_blocks": restarts} if restarts else {}
    source = gray_jpeg(height, width, quality, height * width, planes, progressive=progressive, **options)
    colored = graft(source, quality, chroma_subsampling=subsampling)
    assert np.array_equal(jpegtran(source), jpegtran(colored))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["420", "444"])
@pytest.mark.parametrize("planes", ["", "4:2:0", "4:4:4"])
def test_coefficients_and_table_are_bit_for_bit_the_sources(
    tmp_path: Path, progressive: bool, subsampling: str, planes: str
) -> None:
    """jpeglib reads the same luma coefficients and the same quantization table from both files."""
    (tmp_path / "source.jpg").write_bytes(gray_jpeg(61, 83, 71, planes=planes, progressive=progressive))
    colored = graft((tmp_path / "source.jpg").read_bytes(), chroma_subsampling=subsampling)
    (tmp_path / "colored.jpg").write_bytes(colored)
    source, result = (jpeglib.read_dct(str(tmp_path / f"{name}.jpg")) for name in ("source", "colored"))
    assert np.array_equal(source.Y[: result.Y.shape[0], : result.Y.shape[1]], result.Y)  # without what pads an MCU
    assert np.array_equal(source.get_component_qt(0), result.get_component_qt(0))
    assert np.abs(result.Cb).max() > 0
    assert result.Cb.shape[:2] == ((4, 6) if subsampling == "420" else (8, 11))


def test_every_decoder_sees_color_at_full_size() -> None:
    """Pillow and OpenCV decode the grafted file to the same rgb, and it is colored."""
    colored = graft(gray_jpeg(61, 83, 90))
    with Image.open(io.BytesIO(colored)) as image:
        assert image.mode == "RGB"
        pillow = np.asarray(image).astype(int)
    opencv = cv2.imdecode(np.frombuffer(colored, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert pillow.shape == (61, 83, 3)
    assert np.abs(pillow - opencv).max() <= 3
    assert pillow.std(axis=-1).mean() > 3


def test_decoded_color_keeps_the_luma_although_rgb_is_clipped() -> None:
    """Chroma stays where rgb can hold it: the luma of the decoded rgb is the luma in the file."""
    source = gray_jpeg(120, 160, 95)
    with Image.open(io.BytesIO(graft(source, chroma_subsampling="444"))) as image:
        rgb = np.asarray(image).astype(float)
    luma = rgb @ (0.299, 0.587, 0.114)
    difference = np.abs(luma - luma_of_jpeg(source))
    assert difference.mean() < 0.8
    assert np.percentile(difference, 99.5) < 5


def test_orientation_is_carried_and_the_network_sees_it_upright() -> None:
    """A turned file gets the color that belongs to its upright picture, at the right places."""
    upright = cv2.resize(np.array([[30, 220], [120, 60]], np.uint8), (64, 64), interpolation=cv2.INTER_NEAREST)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(np.rot90(upright)).save(buffer, "JPEG", quality=95, exif=exif)
    found = open_graftable(buffer.getvalue(), LIMIT)
    assert isinstance(found, Graftable)
    canvas = Graft.open(buffer.getvalue(), found, ColorizeConfig(), Sight())
    assert np.abs(canvas.guides[0][..., 0] - cv2.resize(canvas.guides[0], (32, 32))).max() < 1
    assert canvas.guides[0][4, 4, 0] < canvas.guides[0][4, 28, 0]  # dark at the upper left, as upright
    ab = np.zeros((8, 8, 2), np.float32)
    ab[:4, :, 0] = 40  # the upper half turns red
    written = io.BytesIO()
    canvas.write(written, [ab], "test")
    with Image.open(written) as image:
        assert image.getexif()[0x0112] == 6
        turned = np.rot90(np.asarray(image).astype(int), -1)
    redness = turned[..., 0] - turned[..., 1]
    assert redness[:24].mean() > redness[40:].mean() + 10


def test_a_dirty_end_or_a_second_scan_falls_back_with_a_reason() -> None:
    """Files whose scans are not what they should be are left to the decoder, and the reason is said."""
    data = gray_jpeg(40, 40, 90)
    assert why_not_graftable(read_layout(data)) == ""
    assert "irregular" in why_not_graftable(read_layout(data[:-2]))
    start = data.index(b"\xff\xda")
    assert "irregular" in why_not_graftable(read_layout(data[:-2] + data[start:]))


@pytest.mark.parametrize("code", [0xC9, 0xCA, 0xC3, 0xC5])
def test_other_kinds_of_jpeg_fall_back_by_name(code: int) -> None:
    """Arithmetic, lossless and hierarchical files are named, not grafted."""
    data = bytearray(gray_jpeg(40, 40, 90))
    data[data.index(b"\xff\xc0") + 1] = code
    assert "JPEG" in why_not_graftable(read_layout(bytes(data)))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_break_the_parser(noise: bytes, at: int) -> None:
    """Whatever is in a file, it is taken apart or refused as an input."""
    data = bytearray(gray_jpeg(24, 24, 60))
    data[at : at + len(noise)] = noise
    with suppress(InputError):
        layout = read_layout(bytes(data))
        assert layout.width <= 65535


@pytest.mark.skipif(not shutil.which("jpegtran"), reason="jpegtran (libjpeg-turbo-progs) is not installed")
def test_arithmetic_coding_is_read_but_not_grafted() -> None:
    """A real arithmetic-coded JPEG is named as the reason for encoding anew, and can be decoded."""
    command = ["jpegtran", "-arithmetic"]
    data = subprocess.run(command, input=gray_jpeg(40, 40, 90), capture_output=True, check=True).stdout
    assert open_graftable(data, LIMIT) == "arithmetic JPEG"
    assert luma_of_jpeg(data).shape == (40, 40)


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_a_gray_profile_goes_along_as_one_of_color(gamma: float) -> None:
    """Luma stays although the file's curve is its own: LittleCMS finds the same gray under the new profile."""
    profile = inputs.gray_profile(gamma)
    source = gray_jpeg(61, 83, 95, icc_profile=profile)
    colored = graft(source, chroma_subsampling="444")
    assert np.array_equal(luma_of_jpeg(source), luma_of_jpeg(colored))
    made = read_picture(colored)
    with Image.open(io.BytesIO(colored)) as image:
        own = image.info["icc_profile"]
    codes = np.arange(256, dtype=np.uint8)
    neutral = np.asarray(convert_8bit(Image.fromarray(np.dstack([codes[None]] * 3)), own)).astype(int)
    assert np.abs(neutral - convert_gray(codes, profile)[None, :, None]).max() <= 1
    before, after = lightness_of(read_picture(source).pixels), lightness_of(made.pixels)
    assert np.abs(before - after).mean() < 2
    assert made.pixels.astype(int).std(axis=-1).mean() > 3
