"""Small pictures of every kind that koala reads, with metadata wherever the format can hold it."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

HEIGHT, WIDTH = 61, 83
DESCRIPTION = "a barn near Tulare"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Tulare"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x5a\x00\x06Tulare"  # record 2, dataset 90: city
DPI = (300, 300)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def scene(depth: int = 8, height: int = HEIGHT, width: int = WIDTH) -> NDArray[Any]:
    """A gray picture with ramps, edges and grain; uint8 or uint16 (H, W)."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    picture = 0.15 + 0.7 * (0.6 * rows + 0.4 * columns)
    picture[(rows - 0.4) ** 2 + (columns - 0.5) ** 2 < 0.05] += 0.12
    picture += np.random.default_rng(7).normal(0, 0.01, picture.shape)
    top = (1 << depth) - 1
    return np.rint(np.clip(picture, 0, 1) * top).astype(np.uint8 if depth == 8 else np.uint16)


def exif() -> bytes:
    """EXIF with a description, an orientation of 1 and sizes that are not true."""
    made = Image.Exif()
    made[0x010E] = DESCRIPTION
    made.get_ifd(0x8769)[0xA002] = 9999
    return made.tobytes()


def iptc_segment() -> bytes:
    """An APP13 segment with the IPTC record."""
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(IPTC)) + IPTC + b"\0" * (len(IPTC) % 2)
    payload = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload


def jpeg(image: Image.Image, **options: Any) -> bytes:
    """A JPEG with all metadata."""
    buffer = io.BytesIO()
    options = {"quality": 88, "exif": exif(), "xmp": XMP, "dpi": DPI, **options}
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()[:2] + iptc_segment() + buffer.getvalue()[2:]


def pillow(image: Image.Image, format: str, **options: Any) -> bytes:
    """Any format Pillow writes, with EXIF and XMP."""
    buffer = io.BytesIO()
    image.save(buffer, format, exif=exif(), xmp=XMP, **options)
    return buffer.getvalue()


def png(image: Image.Image, **options: Any) -> bytes:
    """A PNG of 8 bits with all metadata."""
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_text("Title", "a barn")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, exif=exif(), dpi=DPI, **options)
    return buffer.getvalue()


def png16(planes: NDArray[Any]) -> bytes:
    """A PNG of 16 bits; planes (H, W) or (H, W, 2..4)."""
    channels = 1 if planes.ndim == 2 else planes.shape[2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in planes)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", planes.shape[1], planes.shape[0], 16, kind, 0, 0, 0))]
    chunks += [(b"eXIf", exif()[6:]), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)]
    chunks += [(b"pHYs", struct.pack(">IIB", 11811, 11811, 1)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(*pages: NDArray[Any], **options: Any) -> bytes:
    """A TIFF of any depth with XMP, IPTC, a description and DPI."""
    buffer = io.BytesIO()
    tags = [(700, 1, len(XMP), XMP, True), (33723, 7, len(IPTC), IPTC, True)]
    with tifffile.TiffWriter(buffer) as writer:
        for page in pages:
            kind = "rgb" if page.ndim == 3 else "minisblack"
            writer.write(
                page, description=DESCRIPTION, extratags=tags, resolution=DPI, resolutionunit=2, metadata=None,
                software=False, **{"photometric": kind, **options},
            )  # fmt: skip
    return buffer.getvalue()


def jp2(planes: NDArray[Any]) -> bytes:
    """A lossless JPEG 2000 file."""
    buffer = io.BytesIO()
    Image.fromarray(planes).save(buffer, "JPEG2000", irreversible=False)
    return buffer.getvalue()


def jp2_deep(planes: NDArray[Any]) -> bytes:
    """A lossless JPEG 2000 file of 16-bit rgb."""
    return cv2.imencode(".jp2", planes, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()


def tinted(depth: int = 8) -> NDArray[Any]:
    """The scene with a sepia cast, rgb."""
    gray = scene(depth)
    top = np.iinfo(gray.dtype).max
    return np.dstack([np.minimum(gray * 1.05, top), gray * 0.95, gray * 0.8]).astype(gray.dtype)


def alpha(depth: int = 8) -> NDArray[Any]:
    """A transparency ramp (H, W)."""
    top = (1 << depth) - 1
    ramp = np.linspace(0, top, WIDTH).astype(np.uint8 if depth == 8 else np.uint16)
    return np.broadcast_to(ramp, (HEIGHT, WIDTH)).copy()


def frames() -> list[Image.Image]:
    """Three frames of an animation."""
    return [Image.fromarray(np.roll(scene(), 5 * step, axis=1)) for step in range(3)]


def animated(format: str, **options: Any) -> bytes:
    """Three frames shown for 80, 120 and 200 ms, for ever."""
    first, *rest = frames()
    buffer = io.BytesIO()
    first.save(buffer, format, save_all=True, append_images=rest, duration=[80, 120, 200], loop=0, **options)
    return buffer.getvalue()


def pages16() -> bytes:
    """Pages of different size and depth."""
    return tiff(scene(16), scene(16, 40, 50), scene(8))


def gray_profile(gamma: float) -> bytes:
    """A gray profile with a plain power curve (ICC.1:2001)."""
    curve = struct.pack(">4sIIHH", b"curv", 0, 1, round(gamma * 256), 0)
    white = struct.pack(">4sI3i", b"XYZ ", 0, 63190, 65536, 54061)
    text = b"gamma"
    description = struct.pack(">4sII", b"desc", 0, len(text) + 1) + text + b"\0" * 80
    tags = [(b"kTRC", curve), (b"wtpt", white), (b"desc", description), (b"cprt", b"text\0\0\0\0none\0\0\0\0")]
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, data in tags:
        data += b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    size = at + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", b"GRAY", b"XYZ ") + b"\0" * 12 + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


Maker = Callable[[], bytes]
INPUTS: dict[str, tuple[str, Maker]] = {
    # file name: (what it is, how it is made)
    "jpeg-gray.jpg": ("gray", lambda: jpeg(Image.fromarray(scene()))),
    "jpeg-gray-progressive.jpg": ("gray, progressive", lambda: jpeg(Image.fromarray(scene()), progressive=True)),
    "jpeg-gray-restarts.jpg": ("gray, restarts", lambda: jpeg(Image.fromarray(scene()), restart_marker_blocks=3)),
    "jpeg-gray-turned.jpg": ("gray, EXIF turned", lambda: jpeg(Image.fromarray(scene()), exif=turned_exif(6))),
    "jpeg-gray-gamma.jpg": ("gray, gamma 1.8", lambda: jpeg(Image.fromarray(scene()), icc_profile=gray_profile(1.8))),
    "jpeg-gray-planes.jpg": ("gray as YCbCr", lambda: jpeg(Image.fromarray(scene()).convert("RGB"))),
    "jpeg-gray-planes-progressive.jpg": (
        "gray as YCbCr, progressive",
        lambda: jpeg(Image.fromarray(scene()).convert("RGB"), progressive=True, subsampling="4:4:4"),
    ),
    "jpeg-toned.jpg": ("YCbCr, toned", lambda: jpeg(Image.fromarray(tinted()))),
    "jpeg-cmyk.jpg": ("CMYK", lambda: jpeg(Image.fromarray(tinted()).convert("CMYK"))),
    "png-1bit.png": ("1 bit", lambda: png(Image.fromarray(scene()).convert("1"))),
    "png-gray.png": ("gray", lambda: png(Image.fromarray(scene()))),
    "png-palette.png": ("palette", lambda: png(Image.fromarray(tinted()).quantize(64))),
    "png-gray-alpha.png": ("gray + alpha", lambda: png(Image.fromarray(np.dstack([scene(), alpha()])))),
    "png-rgb.png": ("RGB", lambda: png(Image.fromarray(tinted()))),
    "png-rgba.png": ("RGBA", lambda: png(Image.fromarray(np.dstack([tinted(), alpha()])))),
    "png-gray16.png": ("gray", lambda: png16(scene(16))),
    "png-gray16-alpha.png": ("gray + alpha", lambda: png16(np.dstack([scene(16), alpha(16)]))),
    "png-rgb16.png": ("RGB", lambda: png16(tinted(16))),
    "png-rgba16.png": ("RGBA", lambda: png16(np.dstack([tinted(16), alpha(16)]))),
    "png-animated.png": ("animation", lambda: animated("PNG")),
    "tiff-1bit.tif": ("1 bit", lambda: pillow_tiff(Image.fromarray(scene()).convert("1"), "group4")),
    "tiff-gray.tif": ("gray", lambda: tiff(scene())),
    "tiff-gray-lzw.tif": ("gray, LZW", lambda: pillow_tiff(Image.fromarray(scene()), "tiff_lzw")),
    "tiff-gray-inverted.tif": ("gray, 0 is white", lambda: tiff(scene(), photometric="miniswhite")),
    "tiff-rgb.tif": ("RGB", lambda: tiff(tinted())),
    "tiff-rgba.tif": ("RGBA", lambda: tiff(np.dstack([tinted(), alpha()]), extrasamples=["unassalpha"])),
    "tiff-cmyk.tif": ("CMYK", lambda: pillow_tiff(Image.fromarray(tinted()).convert("CMYK"), "tiff_lzw")),
    "tiff-gray16.tif": ("gray", lambda: tiff(scene(16))),
    "tiff-gray16-lzw.tif": ("gray, LZW", lambda: tiff(scene(16), compression="lzw", predictor=True)),
    "tiff-gray16-alpha.tif": (
        "gray + alpha",
        lambda: tiff(
            np.dstack([scene(16), alpha(16)]),
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=["unassalpha"],
        ),
    ),
    "tiff-gray16-inverted.tif": ("gray, 0 is white", lambda: tiff(scene(16), photometric="miniswhite")),
    "tiff-rgb16.tif": ("RGB", lambda: tiff(tinted(16))),
    "tiff-rgba16.tif": ("RGBA", lambda: tiff(np.dstack([tinted(16), alpha(16)]), extrasamples=["unassalpha"])),
    "tiff-pages.tif": ("pages", lambda: tiff(scene(), scene(8, 40, 50))),
    "tiff-pages16.tif": ("pages of two depths", pages16),
    "webp-lossless.webp": ("RGB, lossless", lambda: pillow(Image.fromarray(tinted()), "WEBP", lossless=True)),
    "webp-lossy.webp": ("RGB, lossy", lambda: pillow(Image.fromarray(tinted()), "WEBP", quality=90)),
    "webp-rgba.webp": (
        "RGBA, lossless",
        lambda: pillow(Image.fromarray(np.dstack([tinted(), alpha()])), "WEBP", lossless=True, exact=True),
    ),
    "webp-animated.webp": ("animation", lambda: animated("WEBP", lossless=True)),
    "gif.gif": ("palette", lambda: pillow_gif(Image.fromarray(scene()))),
    "gif-animated.gif": ("animation", lambda: animated("GIF")),
    "bmp.bmp": ("gray", lambda: pillow(Image.fromarray(scene()), "BMP")),
    "avif.avif": ("RGB", lambda: pillow(Image.fromarray(tinted()), "AVIF", quality=90)),
    "jp2-gray.jp2": ("gray", lambda: jp2(scene())),
    "jp2-rgb16.jp2": ("RGB", lambda: jp2_deep(tinted(16)[..., ::-1])),
}


def turned_exif(orientation: int) -> bytes:
    """EXIF with a description and an orientation."""
    made = Image.Exif()
    made[0x010E], made[0x0112] = DESCRIPTION, orientation
    return made.tobytes()


def pillow_tiff(image: Image.Image, compression: str) -> bytes:
    """A TIFF that Pillow compresses through libtiff."""
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", compression=compression, dpi=DPI, description=DESCRIPTION, tiffinfo={700: XMP})
    return buffer.getvalue()


def pillow_gif(image: Image.Image) -> bytes:
    """A GIF with a comment."""
    buffer = io.BytesIO()
    image.save(buffer, "GIF", comment=DESCRIPTION)
    return buffer.getvalue()


def write_inputs(folder: Path) -> None:
    """All of them, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, maker) in INPUTS.items():
        (folder / name).write_bytes(maker())
