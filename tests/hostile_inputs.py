"""Mutated and hostile files: damaged ones of every kind that koala reads, small ones that ask for much."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_inputs as inputs
import numpy as np
from hostile_films import FILMS, HOSTILE_FILMS
from PIL import Image
from PIL.PngImagePlugin import PngInfo

MUTATIONS = 4  # per kind of file
Maker = Callable[[], bytes]


def write_hostile(folder: Path, every: int = 1, seed: int = 0) -> None:
    """All of them, or every nth, into folders `stills` and `films`; another seed damages other bytes."""
    stills = {name: maker for name, (_, maker) in inputs.INPUTS.items()}
    _write(folder / "stills", HOSTILE, stills, every, seed)
    _write(folder / "films", HOSTILE_FILMS, FILMS, every, seed)


def _write(folder: Path, hostile: dict[str, Maker], sound: dict[str, Maker], every: int, seed: int) -> None:
    folder.mkdir(parents=True)
    makers = dict(hostile)
    for name, maker in sound.items():
        for number in range(MUTATIONS):
            chance = random.Random(f"{name}{number + seed * MUTATIONS}")
            makers[f"mutated{number}-{name}"] = lambda maker=maker, chance=chance: mutated(maker(), chance)
    for number, (name, maker) in enumerate(makers.items()):
        if number % every == 0:
            (folder / name).write_bytes(maker())


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes turned over, cut off, set to zero or put in twice."""
    damaged = bytearray(data)
    at, length = chance.randrange(4, len(data)), chance.randrange(1, 60)
    kind = chance.randrange(4)
    if kind == 0:
        for _ in range(chance.randrange(1, 9)):
            damaged[chance.randrange(4, len(data))] = chance.randrange(256)
    elif kind == 1:
        del damaged[at:]
    elif kind == 2:
        damaged[at : at + length] = bytes(length)
    else:
        damaged[at:at] = damaged[at : at + length]
    return bytes(damaged)


def saved(format: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """A small picture in some format."""
    buffer = io.BytesIO()
    (image or Image.fromarray(inputs.scene())).save(buffer, format, **options)
    return buffer.getvalue()


# ---- files that ask for more than they hold --------------------------------------------------


def png(width: int, height: int, rows: bytes, extra: bytes = b"", depth: int = 8) -> bytes:
    """A gray PNG that may lie about its size."""
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def small_png(extra: bytes) -> bytes:
    """A PNG of 9 x 8 pixels with some more chunks."""
    return png(9, 8, bytes(10 * 8), extra)


def gif(*frames: tuple[int, int, int, int]) -> bytes:
    """A GIF with a screen of 2 x 2 and frames at left, top, width, height."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    blocks = [b"," + struct.pack("<HHHHB", *frame, 0) + b"\x02\x03\x84\x51\x05\x00" for frame in frames]
    return screen + b"".join(b"!\xf9\x04\x08\x01\0\0\0" + block for block in blocks) + b";"


def directory(tags: dict[int, int], following: int = 0) -> bytes:
    """A TIFF directory of 32-bit values."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def tiff(following: int = 0, content: bytes = bytes(64), pages: int = 1, **changed: int) -> bytes:
    """A gray TIFF of 8 x 8 pixels, or of what some changed tags say; pages of one size are linked."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: len(content)}
    tags |= {int(name[1:]): value for name, value in changed.items()}
    first = 8 + len(content)
    size = len(directory(tags))
    places = [first + size * (number + 1) for number in range(pages - 1)] + [following]
    body = b"".join(directory(tags, place) for place in places)
    return b"II*\0" + struct.pack("<I", first) + content + body


def patched(data: bytes, mark: bytes, distance: int, new: bytes) -> bytes:
    """A file with other bytes at some distance behind a mark."""
    at = data.index(mark) + distance
    return data[:at] + new + data[at + len(new) :]


def exif_jpeg(structure: bytes) -> bytes:
    """A gray JPEG with some bytes as EXIF."""
    payload = b"Exif\0\0" + structure
    data = saved("JPEG")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    """EXIF of one entry."""
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", 1)
    return head + struct.pack("<HHII", tag, kind, count, value) + struct.pack("<I", 8)


PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    b"</rdf:RDF></x:xmpmeta>",
)
ENTITIES = b"<!DOCTYPE x [" + b"".join(
    b'<!ENTITY l%d "%s">' % (number, b"&l%d;" % (number - 1) * 10 if number else b"lol") for number in range(10)
)
PACKETS: dict[str, bytes] = {
    "unclosed": b"<a:Orientation>" * 60_000,
    "unended": b"<a:Orientation " * 60_000,
    "sources": b"<a:DigitalSourceType>" * 45_000,
    "blank": b" " * 900_000,
    "nested": b"<d:x>" * 90_000 + b"</d:x>" * 90_000,
    "instructions": b"<?xpacket " * 90_000 + b">?>",
    "long": b"<d:x>" + b"x" * 40_000_000 + b"</d:x>",
    "attributes": b"<d:x " + b"".join(b'a%d="" ' % number for number in range(60_000)) + b"/>",
}


def with_packet(format: str, content: bytes, head: bytes = b"") -> bytes:
    """A small picture with an XMP packet."""
    packet = head + PACKET[0] + content + PACKET[1]
    if format == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
        return saved("PNG", pnginfo=info)
    if format == "TIFF":
        return saved("TIFF", tiffinfo={700: packet})
    return saved(format, xmp=packet)


def bad_profiles() -> dict[str, Maker]:
    """Pictures of 8 and 16 bits whose color profile is damaged in one place."""
    made: dict[str, Maker] = {}
    for at in (0, 8, 16, 36, 128, 132, 140, 144, 300, 700):
        profile = inputs.SRGB[:at] + b"\xff\xff\xff\xff" + inputs.SRGB[at + 4 :]
        toned = Image.fromarray(inputs.tinted())
        made[f"profile{at}.png"] = lambda toned=toned, profile=profile: saved("PNG", toned, icc_profile=profile)
        made[f"profile{at}.jpg"] = lambda toned=toned, profile=profile: saved("JPEG", toned, icc_profile=profile)
        made[f"profile{at}.tif"] = lambda profile=profile: inputs.tiff(inputs.tinted(16), iccprofile=profile)
    return made


HOSTILE: dict[str, Maker] = {
    "bomb.png": lambda: png(30_000, 30_000, bytes(30_001)),
    "bomb16.png": lambda: png(30_000, 30_000, bytes(60_001), depth=16),
    "empty-rows.png": lambda: png(4_000, 4_000, bytes(4_001)),
    "two-headers.png": lambda: small_png(chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))),
    "text-bomb.png": lambda: small_png(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000)))),
    "text-many.png": lambda: small_png(
        b"".join(chunk(b"zTXt", b"k%d\0\0" % number + zlib.compress(b"A" * 2_000_000)) for number in range(60))
    ),
    "text-names.png": lambda: small_png(
        b"".join(chunk(b"iTXt", key + b"\0\0\0\0\0words") for key in (b"exif", b"transparency", b"loop", b"dpi"))
    ),
    "profile-bomb.png": lambda: small_png(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(100_000_000)))),
    "profile-8mb.png": lambda: saved("PNG", icc_profile=inputs.SRGB + bytes(8 << 20)),
    "frames-2g.png": lambda: small_png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "frame-outside.png": lambda: small_png(
        chunk(b"acTL", struct.pack(">II", 2, 0))
        + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 9, 8, 99, 99, 1, 1, 0, 0))
    ),
    "extents.gif": lambda: gif((0, 0, 65_535, 65_535)),
    "extents-later.gif": lambda: gif((0, 0, 2, 2), (65_000, 65_000, 500, 500)),
    "frames-3000.gif": lambda: gif(*[(0, 0, 2, 2)] * 3_000),
    "frames-500.gif": lambda: gif(*[(0, 0, 2, 2)] * 500),
    "screen.gif": lambda: b"GIF89a" + b"\xff" * 7 + gif((0, 0, 2, 2))[13:],
    "cut.gif": lambda: gif((0, 0, 2, 2))[:-5],
    "itself.tif": lambda: tiff(following=72),
    "cycle.tif": lambda: tiff(following=72, pages=3),
    "pages-20000.tif": lambda: tiff(pages=20_000),
    "pages-300.tif": lambda: tiff(pages=300),
    "bomb.tif": lambda: tiff(t256=60_000, t257=60_000),
    "strips.tif": lambda: tiff(t256=20_000, t257=20_000),
    "no-rows.tif": lambda: tiff(t278=0),
    "tile.tif": lambda: tiff(t322=60_000, t323=60_000, t324=8, t325=64),
    "samples.tif": lambda: tiff(t277=60_000),
    "packed-bomb.tif": lambda: tiff(content=zlib.compress(bytes(100_000_000)), t259=8),
    "lzma.tif": lambda: tiff(content=b"\xfd7zXZ\0" + bytes(90), t259=34925),
    "reduced.tif": lambda: tiff(t254=1, t330=8),
    "mask.tif": lambda: tiff(t254=4, pages=3),
    "float.tif": lambda: inputs.tiff(inputs.scene().astype(np.float32)),
    "offset.tif": lambda: b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**62),
    "count.tif": lambda: b"MM\0*\0\0\0\x08\xff\xff" + bytes(99),
    "size.jp2": lambda: patched(inputs.jp2(inputs.scene()), b"\xff\x4f\xff\x51", 8, struct.pack(">II", 60_000, 60_000)),
    "tiles.jp2": lambda: patched(inputs.jp2(inputs.scene()), b"\xff\x4f\xff\x51", 24, struct.pack(">II", 1, 1)),
    "box.jp2": lambda: inputs.jp2(inputs.scene())[:12] + struct.pack(">I4s", 1, b"jp2h") + b"\xff" * 50,
    "size.avif": lambda: patched(saved("AVIF"), b"ispe", 8, struct.pack(">II", 60_000, 60_000)),
    "box.avif": lambda: patched(saved("AVIF"), b"iprp", -4, b"\xff\xff\xff\xff"),
    "canvas.webp": lambda: b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + b"\xff" * 6 + bytes(10),
    "word.webp": lambda: inputs.pillow(Image.fromarray(inputs.tinted()), "WEBP", lossless=True).replace(
        b"barn", b"VP8 "
    ),
    "size.bmp": lambda: patched(saved("BMP"), b"BM", 18, struct.pack("<ii", 2**31 - 1, -(2**31))),
    "offset.bmp": lambda: patched(saved("BMP"), b"BM", 10, b"\xff\xff\xff\xff"),
    "size.jpg": lambda: patched(saved("JPEG"), b"\xff\xc0", 5, b"\xff\xff\xff\xff"),
    "no-size.jpg": lambda: patched(saved("JPEG"), b"\xff\xc0", 5, bytes(4)),
    "fill.jpg": lambda: saved("JPEG")[:2] + b"\xff" * 3_000_000 + saved("JPEG")[2:],
    "segments.jpg": lambda: saved("JPEG")[:2] + b"\xff\xfe\0\x03a" * 50_000 + saved("JPEG")[2:],
    "many.jpg": lambda: saved("JPEG") * 200,
    "film.jpg": lambda: saved("JPEG") + b"\0\0\0\x18ftypmp42" + bytes(5_000),
    "zip.jpg": lambda: saved("JPEG") + b"PK\x03\x04" + bytes(99),
    "exif-cycle.jpg": lambda: exif_jpeg(entry(0x8769, 4, 1, 8)),
    "exif-count.jpg": lambda: exif_jpeg(entry(0x010E, 2, 2**32 - 1, 8)),
    "exif-turned.jpg": lambda: exif_jpeg(entry(0x0112, 3, 1, 99)),
    "exif-noise.jpg": lambda: exif_jpeg(random.Random(3).randbytes(900)),
    "thin.png": lambda: saved("PNG", Image.new("L", (60_000, 1), 99)),
    "thin.jpg": lambda: saved("JPEG", Image.new("L", (1, 60_000), 99)),
    "thin.tif": lambda: saved("TIFF", Image.new("L", (200_000, 1), 99)),
    "one.png": lambda: saved("PNG", Image.new("L", (1, 1), 99)),
    "page.jpg": lambda: (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    ),
    "script.jpg": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) run\nshowpage\n",
    "paper.jpg": lambda: b"%PDF-1.4\n1 0 obj<<>>endobj",
    "icon.png": lambda: saved("ICO"),
    "targa.jpg": lambda: saved("TGA"),
    "png.jpg": lambda: saved("PNG"),
    "jpeg.gif": lambda: saved("JPEG"),
    "text.png": lambda: "only words, ü too".encode() * 50,
    "nothing.png": lambda: b"",
    "zeros.tif": lambda: bytes(5_000),
    "noise.webp": lambda: b"RIFF\xff\xff\xff\xffWEBP" + random.Random(4).randbytes(3_000),
    **bad_profiles(),
    **{
        f"packet-{name}.{suffix}": lambda format=format, content=content: with_packet(format, content)
        for format, suffix in (("PNG", "png"), ("TIFF", "tif"), ("WEBP", "webp"))
        for name, content in PACKETS.items()
        if not (format == "PNG" and name == "long")
    },
    "packet-entities.png": lambda: with_packet("PNG", b"<d:t>&l9;</d:t>", ENTITIES + b"]>"),
    "packet-entities.jpg": lambda: with_packet("JPEG", b"<d:t>&l9;</d:t>", ENTITIES + b"]>"),
}
