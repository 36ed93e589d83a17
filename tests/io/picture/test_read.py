"""Reading: modes, depth and profiles become pixels that mean one thing; what cannot is refused by name."""

import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import formats_inputs as inputs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from koalacli.color.lab import lightness_of
from koalacli.errors import InputError, UnsupportedError
from koalacli.io.picture.codecs import encode
from koalacli.io.picture.picture import Picture, turn, turn_back
from koalacli.io.picture.profiles import convert_8bit, convert_16bit, convert_gray
from koalacli.io.picture.read import read_picture


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """A file of Pillow's making."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in inputs.INPUTS
        if name.startswith(("png-gray", "tiff-gray", "bmp", "jp2-gray", "gif.", "tiff-p")) and "inverted" not in name
    ],
)
def test_gray_pixels_are_read_bit_for_bit(name: str) -> None:
    """Every lossless gray file gives back the very pixels that were put in, at its depth."""
    picture = read_picture(inputs.INPUTS[name][1]())
    assert np.array_equal(picture.pixels, inputs.scene(16 if "16" in name else 8))


@pytest.mark.parametrize("name", ["png-rgb.png", "png-rgba.png", "png-rgb16.png", "tiff-rgb16.tif", "tiff-rgba16.tif"])
def test_color_pixels_are_read_bit_for_bit(name: str) -> None:
    """Channels come in the order red, green, blue, whatever the decoder's."""
    picture = read_picture(inputs.INPUTS[name][1]())
    depth = 16 if "16" in name else 8
    assert np.array_equal(picture.pixels, inputs.tinted(depth))
    assert picture.alpha is None or np.array_equal(picture.alpha, inputs.alpha(depth))


@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "predictor": True}, {"photometric": "miniswhite"}])
def test_gray_with_alpha_of_16_bits(options: dict[str, Any]) -> None:
    """What neither Pillow nor OpenCV decodes is decoded to the last bit, alpha too."""
    gray, alpha = inputs.scene(16), inputs.alpha(16)
    stored = np.dstack([~gray if "photometric" in options else gray, alpha])
    settings = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"], **options}
    picture = read_picture(inputs.tiff(stored, **settings))
    assert np.array_equal(picture.pixels, gray)
    assert np.array_equal(picture.alpha, alpha)


def test_premultiplied_alpha_of_16_bits_is_taken_out_of_the_pixels() -> None:
    """As in 8 bits: what a TIFF has multiplied with its transparency is divided again."""
    gray, alpha = inputs.scene(16), np.maximum(inputs.alpha(16), 20_000)
    multiplied = (gray.astype(np.uint32) * alpha // 65535).astype(np.uint16)
    settings = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["assocalpha"]}
    picture = read_picture(inputs.tiff(np.dstack([multiplied, alpha]), **settings))
    assert np.abs(picture.pixels.astype(int) - gray).max() <= 4


def test_animations_keep_frames_times_and_loop() -> None:
    """All frames are there, in order, with their own times."""
    for format in ("GIF", "PNG", "WEBP"):
        picture = read_picture(inputs.animated(format, **({"lossless": True} if format == "WEBP" else {})))
        assert [frame.milliseconds for frame in picture.frames] == [80, 120, 200]
        assert picture.loop == 0
        assert np.abs(picture.frames[2].pixels.astype(int) - np.roll(inputs.scene(), 10, 1)).max() <= 1


def test_the_cover_of_an_animated_png_stays_one() -> None:
    """What viewers show that cannot play it is no frame of the animation, before and after."""
    one, two = inputs.frames()[:2]
    times = {"save_all": True, "append_images": [one, two], "duration": [80, 120]}
    picture = read_picture(encoded(one, "PNG", default_image=True, **times))
    assert picture.cover
    again = read_picture(encode(picture, "png", 95)[0])
    assert again.cover
    assert [frame.milliseconds for frame in again.frames] == [0, 80, 120]
    assert not read_picture(inputs.animated("PNG")).cover


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_frames_that_repeat_the_one_before_are_joined(format: str) -> None:
    """Encoders do that, too; the time for which they are shown stays, and the record tells of it."""
    one, two = inputs.frames()[:2]
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    if format == "PNG":  # Pillow itself joins frames unless their blending differs
        options = {"blend": [0, 1, 0]}
    repeated = encoded(one, format, save_all=True, append_images=[one, two], duration=[80, 120, 200], **options)
    picture = read_picture(repeated)
    assert [frame.milliseconds for frame in picture.frames] == [200, 200]
    assert ("joined" in picture.remark) == (format == "PNG")
    again = read_picture(encode(picture, picture.format, 95)[0])
    assert [frame.milliseconds for frame in again.frames] == [200, 200]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda: encoded(Image.new("F", (5, 5)), "TIFF"), "floating-point TIFF"),
        (lambda: encoded(Image.new("I", (5, 5)), "TIFF"), "32-bit or signed TIFF"),
        (lambda: inputs.tiff(np.dstack([inputs.tinted(16), inputs.scene(16)]), photometric="separated"), "16-bit CMYK"),
        (lambda: inputs.tiff(inputs.scene().astype(np.float16)), "TIFF of 1 x 16 bits, minisblack float16"),
        (lambda: inputs.tiff(np.dstack([inputs.tinted(16), *[inputs.alpha(16)] * 2])), "TIFF of 5 x 16 bits"),
        (lambda: b"\xff\x0a" + bytes(50), "JPEG XL"),
        (lambda: encoded(Image.new("LAB", (5, 5)), "TIFF"), "CIELAB TIFF"),
        (lambda: encoded(Image.new("L", (5, 5)), "TGA"), "TGA pictures"),
        (lambda: encoded(Image.new("L", (5, 5)), "ICO", sizes=[(5, 5)]), "ICO pictures"),
        (lambda: b"", "empty"),
        (lambda: b"no picture", "not a picture"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(data: Any, reason: str) -> None:
    """The message starts with the file's name and says what kind it is."""
    with pytest.raises(InputError, match=f"^a.bin: .*{reason}"):
        read_picture(data(), "a.bin")


def test_bombs_are_refused_from_their_header() -> None:
    """Pixels are counted before they are decoded, over all frames."""
    with pytest.raises(UnsupportedError, match="has 10000 pixels"):
        read_picture(encoded(Image.new("L", (100, 100)), "PNG"), max_pixels=9999)
    assert read_picture(encoded(Image.new("L", (100, 100)), "PNG"), max_pixels=10000)
    with pytest.raises(UnsupportedError, match="--max-pixels"):
        read_picture(inputs.animated("GIF"), max_pixels=inputs.HEIGHT * inputs.WIDTH * 2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_what_pillow_does_and_can_be_undone(orientation: int) -> None:
    """All eight orientations, checked against Pillow's transposition."""
    from PIL import ImageOps

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(encoded(Image.fromarray(pixels), "PNG", exif=exif))) as image:
        assert np.array_equal(turn(pixels, orientation), np.asarray(ImageOps.exif_transpose(image)))
    assert np.array_equal(turn_back(turn(pixels, orientation), orientation), pixels)


def turned_tiff(pixels: NDArray[Any], orientation: int, **options: Any) -> bytes:
    """A TIFF that says it is turned."""
    buffer = io.BytesIO()
    tags = [(0x0112, 3, 1, orientation, True)]
    tifffile.imwrite(buffer, pixels, photometric="minisblack", metadata=None, extratags=tags, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "TIFF LZW", "TIFF 16", "BigTIFF"])
def test_every_format_comes_out_upright_once(format: str, orientation: int) -> None:
    """Whether the decoder turns by itself or not; and nothing is left in the output that would turn it again."""
    stored = np.zeros((12, 20), np.uint8)
    stored[:4, :6], stored[8:, :3] = 200, 90
    exif = Image.Exif()
    exif[0x0112] = orientation
    if "TIFF" in format:
        deep = stored.astype(np.uint16) * 257
        options = {"compression": "lzw" if "LZW" in format else None, "bigtiff": "Big" in format}
        data = turned_tiff(deep if "16" in format else stored, orientation, **options)
    else:
        options = {"WEBP": {"lossless": True}, "PNG": {}}.get(format, {"quality": 100})
        data = encoded(
            Image.fromarray(stored).convert("L" if format != "AVIF" else "RGB"), format, exif=exif, **options
        )
    picture = read_picture(data)
    pixels = picture.pixels if picture.pixels.ndim == 2 else picture.pixels[..., 0]
    found = pixels >> 8 if "16" in format else pixels
    assert found.shape == turn(stored, orientation).shape
    assert np.abs(found.astype(int) - turn(stored, orientation)).mean() < 4
    colored = replace(picture, pixels=np.dstack([pixels] * 3))
    with Image.open(io.BytesIO(encode(colored, picture.format, 100)[0])) as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == found.shape[::-1]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_gray_profiles_are_followed(depth: int, gamma: float) -> None:
    """A gray profile's curve decides what a code means; L* afterwards is that of the curve."""
    codes = np.linspace(0, (1 << depth) - 1, 200).astype(np.uint8 if depth == 8 else np.uint16)[None]
    converted = convert_gray(codes, inputs.gray_profile(gamma))
    luminance = (codes / ((1 << depth) - 1)) ** gamma
    expected = np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)
    error = np.abs(lightness_of(converted)[..., 0] - expected)
    assert error.max() < (0.35 if depth == 8 else 0.02)


def test_wide_gamut_of_16_bits_agrees_with_littlecms() -> None:
    """The conversion of 16-bit rgb is that of LittleCMS at 8 bits, but for its rounding."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = bytearray(profile.tobytes())
    rgb = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    at = data.index(b"rXYZ")  # make it another profile: red and green trade places
    swapped = data.index(b"gXYZ")
    data[at : at + 4], data[swapped : swapped + 4] = b"gXYZ", b"rXYZ"
    other = ImageCms.ImageCmsProfile(io.BytesIO(bytes(data)))
    expected = np.asarray(ImageCms.profileToProfile(Image.fromarray(rgb), other, profile, renderingIntent=1))
    converted = convert_16bit(rgb.astype(np.uint16) * 257, bytes(data))
    assert np.abs(converted / 257 - expected).max() < 1.5
    assert np.abs(expected.astype(int) - rgb).mean() > 10


def table_profile() -> bytes:
    """An rgb profile whose colors stand in a table of CIELAB corners instead of curves and a matrix (ICC.1:2001)."""
    corners = [(red * 60 + green * 30 + blue * 10, (red - green) * 80, (green - blue) * 80)
               for red in (0, 1) for green in (0, 1) for blue in (0, 1)]  # fmt: skip
    codes = [(round(light * 652.8), round((a + 128) * 256), round((b + 128) * 256)) for light, a, b in corners]
    matrix = struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    ends = struct.pack(">2H", 0, 65535)
    table = b"mft2\0\0\0\0" + bytes([3, 3, 2, 0]) + matrix + struct.pack(">2H", 2, 2) + ends * 3
    table += b"".join(struct.pack(">3H", *code) for code in codes) + ends * 3
    head = struct.pack(">I4sI4s4s4s", 144 + len(table), b"none", 0x02100000, b"scnr", b"RGB ", b"Lab ")
    head = (head + b"\0" * 12 + b"acsp").ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def test_profiles_made_of_tables_are_taken_at_16_bits() -> None:
    """As at 8 bits, where the same profile gives the same colors."""
    flat = inputs.tinted().astype(np.uint16) * 257
    deep = read_picture(inputs.tiff(flat, iccprofile=table_profile())).pixels
    shallow = np.asarray(convert_8bit(Image.fromarray(inputs.tinted()), table_profile()))
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - shallow).mean() < 1
    assert np.abs(deep.astype(int) - flat).mean() > 1000


def test_16_bit_profiles_are_followed_to_the_last_bits() -> None:
    """Codes of sRGB under another name come back as they were, in the dark and in strong colors too."""
    rgb = np.random.default_rng(2).integers(0, 65536, (50, 60, 3), dtype=np.uint16)
    assert np.abs(convert_16bit(rgb, inputs.SRGB).astype(int) - rgb).max() <= 1


def test_a_useless_profile_is_an_input_error() -> None:
    """A profile that cannot be applied is not passed over: the picture would mean something else."""
    deep = inputs.tiff(inputs.tinted(16), iccprofile=inputs.gray_profile(2.2)[:16] + b"RGB " + bytes(200))
    assert read_picture(deep).pixels.dtype == np.uint16  # no profile at all: it lacks the signature
    broken = inputs.gray_profile(2.2)[:16] + b"RGB " + inputs.gray_profile(2.2)[20:]
    with pytest.raises(InputError, match="profile"):
        read_picture(inputs.tiff(inputs.tinted(16), iccprofile=broken))


def test_cmyk_goes_through_its_profile_or_says_so() -> None:
    """Without a profile inks are taken as plain, and the record will tell."""
    cmyk = encoded(Image.fromarray(inputs.tinted()).convert("CMYK"), "JPEG", quality=95)
    picture = read_picture(cmyk)
    assert "CMYK" in picture.remark
    assert np.abs(picture.pixels.astype(int) - inputs.tinted()).mean() < 4


def test_inverted_16_bit_is_read_as_it_looks() -> None:
    """Where 0 is white, codes are turned round: OpenCV leaves them as they are."""
    data = inputs.tiff(inputs.scene(16), photometric="miniswhite")
    raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read_picture(data).pixels, 65535 - raw)
    assert np.array_equal(read_picture(data).pixels, 65535 - tifffile.imread(io.BytesIO(data)))


def test_premultiplied_and_palette_alpha_are_read() -> None:
    """Transparency given as a palette index becomes an alpha plane."""
    image = Image.fromarray(inputs.scene()).quantize(16)
    data = encoded(image, "PNG", transparency=3)
    alpha: NDArray[Any] | None = read_picture(data).alpha
    assert alpha is not None
    assert set(np.unique(alpha)) == {0, 255}


def test_heic_is_read_and_written_with_the_extra() -> None:
    """With pillow-heif, 8 bits are carried through, and 10 bits refused: they would become 8."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="the heic extra is not installed")
    data = encoded(Image.fromarray(inputs.tinted()), "HEIF", quality=90, exif=inputs.exif())
    picture = read_picture(data)
    again = read_picture(encode(picture, "heic", 95)[0])
    assert np.abs(again.pixels.astype(int) - picture.pixels).mean() < 1
    assert inputs.DESCRIPTION.encode() in again.metadata.exif
    size = (inputs.WIDTH, inputs.HEIGHT)
    deep = pillow_heif.from_bytes(mode="RGB;16", size=size, data=inputs.tinted(16).tobytes())
    buffer = io.BytesIO()
    deep.save(buffer, quality=90)
    with pytest.raises(UnsupportedError, match="10 bits"):
        read_picture(buffer.getvalue())


def test_only_one_of_several_pictures_in_a_jpeg_is_a_remark() -> None:
    """Of a multi-picture file the first is kept, and the record says so."""
    images = [Image.fromarray(inputs.tinted()), Image.fromarray(inputs.tinted())]
    found = read_picture(encoded(images[0], "MPO", save_all=True, append_images=images[1:]))
    assert "another picture" in found.metadata.lost


@pytest.mark.parametrize("format", ["png", "tiff", "jp2"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_is_written_as_it_stands(tmp_path: Path, format: str, dtype: type) -> None:
    """A picture without color comes back with its left on the left, with transparency if it has some."""
    gray = (np.arange(40 * 50).reshape(40, 50) * 31).astype(dtype)
    data, _ = encode(Picture(gray, 3 * gray), format, 90)
    path = tmp_path / f"gray.{format}"
    path.write_bytes(data)
    found = read_picture(path)
    assert (found.pixels == gray).all()
    assert found.alpha is not None
    assert (found.alpha == 3 * gray).all()
