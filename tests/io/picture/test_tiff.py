"""TIFF in strips: reading and writing large scans without ever holding them."""

import io
import random
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from koalacli.config import ColorizeConfig
from koalacli.errors import InputError, UnsupportedError
from koalacli.io.picture import scans, tiff
from koalacli.io.picture.metadata import Metadata
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.read import decoder_errors, read_picture
from koalacli.photograph.canvas import Scroll, Still

KINDS = {
    "plain": {},
    "strips": {"rowsperstrip": 7, "compression": "adobe_deflate"},
    "one strip": {"rowsperstrip": 500, "compression": "adobe_deflate"},
    "predictor": {"rowsperstrip": 16, "compression": "adobe_deflate", "predictor": True},
    "tiles": {"tile": (32, 48), "compression": "adobe_deflate"},
    "lzw": {"rowsperstrip": 7, "compression": "lzw"},
    "lzw predictor": {"tile": (48, 32), "compression": "lzw", "predictor": True},
    "zstd": {"rowsperstrip": 20, "compression": "zstd"},
    "plain tiles": {"tile": (64, 32)},
    "packed": {"rowsperstrip": 5},
    "other byte order": {"byteorder": ">", "rowsperstrip": 9},
    "inverted": {"photometric": "miniswhite", "rowsperstrip": 11},
}


class Sight:
    """A network that sees everything at 64 by 64."""

    def network_shape(self, height: int, width: int) -> tuple[int, int]:
        return 64, 64

    def shrink(self, lightness: NDArray[Any]) -> NDArray[Any]:
        return cv2.resize(lightness, (64, 64), interpolation=cv2.INTER_AREA)[..., None]


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every TIFF in strips."""
    monkeypatch.setattr(scans, "LARGE", 1)


def scene(dtype: str, channels: int = 1, shape: tuple[int, int] = (203, 151)) -> NDArray[Any]:
    """Smooth blobs, of which no two strips are alike."""
    small = np.random.default_rng(3).uniform(0.1, 0.9, (9, 7, channels)).astype(np.float32)
    large = cv2.resize(small, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return (large * np.iinfo(dtype).max).astype(dtype)


def save(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """A TIFF."""
    byteorder = options.pop("byteorder", "<")
    with tifffile.TiffWriter(path, byteorder=byteorder) as writer:
        kind = "rgb" if pixels.ndim == 3 else "minisblack"
        writer.write(pixels, metadata=None, **{"photometric": kind, **options})
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint16", 1), ("uint8", 3), ("uint16", 3)])
def test_strips_are_the_picture(tmp_path: Path, kind: str, dtype: str, channels: int) -> None:
    """Put together, strips of any height are what the whole file decodes to."""
    if kind == "inverted" and channels == 3:
        pytest.skip("rgb has no inverted kind")
    path = save(tmp_path / "scan.tif", scene(dtype, channels), **KINDS[kind])
    scan = scans.open_scan(path, 10**8)
    assert scan is not None
    whole = read_picture(path).pixels
    for rows in (1, 10, 64, 1000):
        strips = list(scan.strips(rows))
        assert {len(strip) for strip in strips[:-1]} <= {rows}
        assert np.array_equal(np.concatenate(strips), whole)


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint16", 1), ("uint16", 3)])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_scroll_writes_what_a_still_would(tmp_path: Path, dtype: str, channels: int, compressed: bool) -> None:
    """Colorized strip by strip or as a whole, under one guide, the pixels are the same: there are no seams."""
    options = {"compression": "adobe_deflate"} if compressed else {}
    path = save(tmp_path / "scan.tif", scene(dtype, channels), rowsperstrip=13, **options)
    scan = scans.open_scan(path, 10**8)
    assert scan is not None
    config = ColorizeConfig(verify=True)
    scroll = Scroll.open(scan, scan.metadata, config, Sight())
    still = Still.open(read_picture(path), "tiff", config, Sight())
    assert np.abs(scroll.guides[0] - still.guides[0]).max() < 2.5
    still.guides = scroll.guides
    ab = np.random.default_rng(0).normal(0, 20, (16, 16, 2)).astype(np.float32)
    written = []
    for canvas in (scroll, still):
        buffer = io.BytesIO()
        assert "verified" in canvas.write(buffer, [ab], "test")[-1]
        written.append(tifffile.imread(io.BytesIO(buffer.getvalue())))
    assert written[0].dtype == dtype
    assert np.array_equal(*written)


def test_a_scan_keeps_its_tags(tmp_path: Path) -> None:
    """EXIF folders, resolution and description are in the output, and Pillow reads it."""
    exif = Image.Exif()
    exif[0x010E] = "a survey"
    exif.get_ifd(0x8769)[0x9003] = "1936:03:06 12:00:00"
    metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), dpi=(600, 600))
    (tmp_path / "scan.tif").write_bytes(tiff.encode_tiff(Picture(scene("uint8", 3), metadata=metadata)))
    scan = scans.open_scan(tmp_path / "scan.tif", 10**8)
    assert scan is not None
    scroll = Scroll.open(scan, scan.metadata, ColorizeConfig(), Sight())
    with (tmp_path / "out.tif").open("w+b") as file:
        scroll.write(file, [np.zeros((16, 16, 2), np.float32)], "test")
    with Image.open(tmp_path / "out.tif") as image:
        assert image.getexif()[0x010E] == "a survey"
        assert image.getexif().get_ifd(0x8769)[0x9003] == "1936:03:06 12:00:00"
        assert image.info["dpi"] == (600, 600)
        image.load()


def test_too_many_pixels_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    """A header that promises 4 gigapixels is refused by its name, not tried."""
    path = save(tmp_path / "bomb.tif", scene("uint8"))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["ImageWidth"].overwrite(65000)
        file.pages.first.tags["ImageLength"].overwrite(65000)
    with pytest.raises(UnsupportedError, match="--max-pixels"):
        scans.open_scan(path, 10**8)
    with pytest.raises(UnsupportedError, match="--max-pixels"):
        read_picture(path)


def test_a_scan_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    """Between the two readings of a scan nobody may write to it."""
    path = save(tmp_path / "scan.tif", scene("uint8"), rowsperstrip=10)
    scan = scans.open_scan(path, 10**8)
    assert scan is not None
    scroll = Scroll.open(scan, scan.metadata, ColorizeConfig(), Sight())
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match="changed"):
        scroll.write(io.BytesIO(), [np.zeros((16, 16, 2), np.float32)], "test")


def test_what_cannot_be_read_in_strips_is_read_whole(tmp_path: Path) -> None:
    """Pages, turned scans and lossy compressions take the other way."""
    pages = tmp_path / "pages.tif"
    with tifffile.TiffWriter(pages) as writer:
        for _ in range(2):
            writer.write(scene("uint8"), photometric="minisblack", metadata=None)
    Image.fromarray(scene("uint8")).save(tmp_path / "jpeg.tif", compression="jpeg")
    for path in (pages, tmp_path / "jpeg.tif"):
        assert scans.open_scan(path, 10**8) is None
        assert read_picture(path).pixels.shape == (203, 151)


@pytest.mark.parametrize("kind", ["plain", "strips", "predictor", "tiles", "lzw"])
def test_damaged_scans_are_refused_or_read_as_the_other_decoder_reads_them(tmp_path: Path, kind: str) -> None:
    """Strips of a mutated file are never silently other pixels than the whole file decodes to."""
    data = save(tmp_path / "scan.tif", scene("uint8"), **KINDS[kind]).read_bytes()
    chance = random.Random(2)
    read = 0
    for number in range(60):
        mutated = bytearray(data[: chance.randrange(len(data))] if number % 5 == 4 else data)
        for _ in range(number % 5):  # none at times: an undamaged file must be read
            mutated[chance.randrange(len(mutated))] ^= 1 << chance.randrange(8)
        (tmp_path / "mutated.tif").write_bytes(mutated)
        if (strips := read_in_strips(tmp_path / "mutated.tif")) is not None:
            assert np.array_equal(strips, read_picture(tmp_path / "mutated.tif").pixels)
            read += 1
    assert 10 < read < 60


def read_in_strips(path: Path) -> NDArray[Any] | None:
    """All strips of a file, put together; None if it is refused."""
    with suppress(InputError), decoder_errors(str(path)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scan = scans.open_scan(path, 10**7)
        return np.concatenate(list(scan.strips(16))) if scan else None
    return None
