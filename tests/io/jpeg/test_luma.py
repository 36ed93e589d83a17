"""Gray photographs in JPEGs with color planes: their luma is taken out as it is, or not at all."""

import io
import random
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import cv2
import formats_inputs as inputs
import numpy as np
import pytest
from PIL import Image

from koalacli.errors import InputError
from koalacli.io.jpeg.layout import read_layout
from koalacli.io.jpeg.luma import split_luma
from koalacli.io.picture.graft import Graftable, luma_of_jpeg, open_graftable
from koalacli.io.picture.profiles import SRGB, color_profile_of, convert_gray, is_srgb

LIMIT = 10**8


def photograph(height: int = 93, width: int = 130, seed: int = 0) -> np.ndarray:
    """Gray grain of several sizes, uint8 (H, W)."""
    chance = np.random.default_rng(seed)
    coarse = cv2.resize(chance.integers(40, 210, (height // 9 + 2, width // 9 + 2)).astype(np.uint8), (width, height))
    return np.clip(coarse + chance.normal(0, 6, (height, width)), 0, 255).astype(np.uint8)


def jpeg(rgb: np.ndarray, quality: int = 88, **options: object) -> bytes:
    """A JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def toned(red: float, blue: float) -> np.ndarray:
    """The photograph with a tone."""
    return np.clip(photograph()[..., None] + np.array([red, 0, blue]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 5}, {"optimize": True}])
def test_luma_is_taken_out_of_full_color(subsampling: str, options: dict[str, object]) -> None:
    """Whatever is in the chroma, the gray file decodes to the very luma of the color file."""
    rgb = np.random.default_rng(1).integers(0, 256, (93, 130, 3), dtype=np.uint8)
    source = jpeg(rgb, subsampling=subsampling, **options)
    gray = split_luma(read_layout(source))
    with Image.open(io.BytesIO(gray)) as image:
        assert image.mode == "L"
    assert np.array_equal(luma_of_jpeg(gray), luma_of_jpeg(source))


def test_readers_fall_into_step_in_a_large_file() -> None:
    """Thousands of bits between readers, several of them: the luma is that of one reader from the start."""
    source = jpeg(np.dstack([photograph(700, 900)] * 3), 93, subsampling="4:2:0")
    assert len(source) > 150_000
    assert np.array_equal(luma_of_jpeg(split_luma(read_layout(source))), luma_of_jpeg(source))


@pytest.mark.skipif(not shutil.which("jpegtran"), reason="jpegtran (libjpeg-turbo-progs) is not installed")
def test_luma_in_a_scan_of_its_own_is_taken_as_bytes(tmp_path: Path) -> None:
    """In a baseline file whose planes are not interleaved nothing has to be cut out."""
    source = jpeg(np.dstack([photograph()] * 3))
    (tmp_path / "source.jpg").write_bytes(source)
    (tmp_path / "scans").write_text("0;\n1;\n2;\n")
    command = ["jpegtran", "-scans", str(tmp_path / "scans"), str(tmp_path / "source.jpg")]
    apart = subprocess.run(command, capture_output=True, check=True).stdout
    assert isinstance(open_graftable(apart, LIMIT), Graftable)
    gray = split_luma(read_layout(apart))
    assert np.array_equal(luma_of_jpeg(gray), luma_of_jpeg(source))
    header = apart.index(b"\xff\xda")
    assert apart[header + 10 : header + 500] in gray


def test_a_faint_cast_is_gray_and_toning_is_not() -> None:
    """What a scanner leaves counts as gray; sepia, cyan and color do not."""
    assert isinstance(open_graftable(jpeg(toned(0, 0)), LIMIT), Graftable)
    assert isinstance(open_graftable(jpeg(toned(3, -4)), LIMIT), Graftable)
    for tone in ((18, -25), (-12, 10), (0, -14)):
        assert open_graftable(jpeg(toned(*tone)), LIMIT) == ""
    stamp = np.dstack([photograph()] * 3)
    stamp[10:30, 10:30] = (180, 20, 30)
    assert open_graftable(jpeg(stamp), LIMIT) == ""


def test_a_jpeg_that_holds_rgb_has_no_luma() -> None:
    """Planes named R, G and B are left to the decoder."""
    gray = np.dstack([photograph()] * 3)
    source = jpeg(gray, keep_rgb=True)
    with Image.open(io.BytesIO(source)) as image:
        assert bytes(layer[0] for layer in image.layer) == b"RGB"
    assert open_graftable(source, LIMIT) == ""


def test_an_rgb_profile_with_one_curve_goes_along() -> None:
    """Under Adobe's gamma the codes mean something else; the luma stays, and so does what it means."""
    source = jpeg(np.dstack([photograph()] * 3), icc_profile=SRGB)
    found = open_graftable(source, LIMIT)
    assert isinstance(found, Graftable)
    assert found.meaning is None
    own = color_profile_of(inputs.gray_profile(2.2))
    assert not is_srgb(own)
    found = open_graftable(jpeg(np.dstack([photograph()] * 3), icc_profile=own), LIMIT)
    assert isinstance(found, Graftable)
    assert found.meaning is not None
    assert np.array_equal(found.meaning, convert_gray(np.arange(256, dtype=np.uint8), own))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_damaged_files_are_taken_apart_soundly_or_not_at_all(options: dict[str, object]) -> None:
    """Of a mutated file either the decoder's own luma comes out, or a reason, or an error of the input."""
    source = jpeg(np.dstack([photograph(50, 70)] * 3), subsampling="4:2:0", **options)
    chance = random.Random(3)
    kept = 0
    for number in range(48):
        mutated = bytearray(source[: chance.randrange(len(source))] if number % 6 == 5 else source)
        for _ in range(number % 6):
            mutated[chance.randrange(len(mutated))] ^= 1 << chance.randrange(8)
        with suppress(InputError, OSError, SyntaxError):
            found = open_graftable(bytes(mutated), LIMIT)
            if isinstance(found, Graftable):
                kept += 1
                with suppress(InputError):
                    gray = split_luma(read_layout(bytes(mutated)))
                    assert np.array_equal(luma_of_jpeg(gray), luma_of_jpeg(bytes(mutated)))
    assert 8 < kept < 48


@pytest.mark.parametrize("size", [(90, 130), (91, 130), (90, 131), (2, 2), (1, 9)])
@pytest.mark.parametrize("subsampling", ["444", "420"])
def test_luma_taken_out_is_seen_as_before(size: tuple[int, int], subsampling: str) -> None:
    """For the new chroma it is decoded exactly as Pillow decodes the luma of the file itself, whole or halved."""
    source = jpeg(np.dstack([photograph(*size)] * 3), subsampling="4:2:0")
    found = open_graftable(source, LIMIT, subsampling)
    assert isinstance(found, Graftable)
    assert found.layout is not found.source
    shape = size if subsampling == "444" else (-(-size[0] // 2), -(-size[1] // 2))
    with Image.open(io.BytesIO(source)) as image:
        image.draft("L", shape[::-1])
        seen = np.asarray(image if image.size == shape[::-1] else image.reduce(2))
    assert np.array_equal(found.luma, seen)
