"""ICC profiles: from whatever a file's numbers mean to sRGB.

LittleCMS converts color, of 8 bits through Pillow and of 16 through imagecodecs. A gray profile is no more than a
curve, which is read here from the profile itself (ICC.1:2010): a file that gets color may keep it.
"""

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from koalacli.color.lab import lightness_to_luminance, linear_to_srgb
from koalacli.errors import InputError

_MADE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# LittleCMS writes the time of day into a new profile; the same input must give the same output.
SRGB = _MADE[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + _MADE[36:]
# Linear sRGB to XYZ under D50, the profile connection space (IEC 61966-2-1, Bradford-adapted).
XYZ_D50_FROM_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_POWERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # parametric curve type -> number of parameters


def is_srgb(profile: bytes) -> bool:
    """Whether a profile is sRGB or says that it is, so that converting would only add rounding."""
    if not profile or profile == SRGB:
        return True
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return False
    return "srgb" in name.lower() and "linear" not in name.lower() and profile[16:20] == b"RGB "


def color_space(profile: bytes) -> str:
    """GRAY, RGB, CMYK, LAB, ... or nothing if these bytes are no profile."""
    return profile[16:20].decode("latin-1").strip() if profile[36:40] == b"acsp" else ""


def convert_8bit(image: Image.Image, profile: bytes) -> Image.Image:
    """An RGB or CMYK image as sRGB; relative colorimetric with black point compensation.

    Raises:
        InputError: the profile cannot be used for this picture.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(SRGB)),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise InputError(f"its color profile cannot be used ({error})") from error
    if converted is None:
        raise InputError("its color profile cannot be used")
    return converted


def convert_gray(pixels: NDArray[Any], profile: bytes) -> NDArray[Any]:
    """Gray pixels of a profile, gray or rgb with one curve for all, as sRGB codes of the same dtype.

    Raises:
        InputError: it has no such curve.
    """
    top = np.iinfo(pixels.dtype).max
    codes = np.arange(top + 1) / top
    linear = _curve(_tone(profile), codes).astype(np.float32)
    if profile[20:24] == b"Lab ":
        linear = lightness_to_luminance(linear * 100)
    table = np.rint(np.clip(linear_to_srgb(linear), 0, 1) * top).astype(pixels.dtype)
    converted: NDArray[Any] = table[pixels]
    return converted


def color_profile_of(profile: bytes) -> bytes:
    """The rgb profile with sRGB's primaries and the curve of another profile.

    Gray codes mean under it what they mean under the other one, so a file that gets color may
    keep its luma. Nothing if there is no such profile: the curve is one of L* instead of light.
    """
    if profile[20:24] != b"XYZ ":
        return b""
    curve = _tone(profile)
    _curve(curve, np.zeros(1))  # raises if it is unusable
    tags: list[tuple[tuple[bytes, ...], bytes]] = [
        ((b"desc",), _text(profile, b"desc", "Gray's own curve, primaries of Rec. 709")),
        ((b"cprt",), _text(profile, b"text", "No copyright, use freely")),
        ((b"wtpt",), _xyz_tag(np.array([0.9642, 1.0, 0.8249]))),
        *(((name,), _xyz_tag(XYZ_D50_FROM_SRGB[:, at])) for at, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))),
        ((b"rTRC", b"gTRC", b"bTRC"), curve),
    ]
    start = 132 + 12 * sum(len(names) for names, _ in tags)
    table, body = b"", b""
    for names, content in tags:
        for name in names:
            table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    count = struct.pack(">I", sum(len(names) for names, _ in tags))
    head = struct.pack(">I", start + len(body)) + profile[4:12] + b"mntrRGB XYZ " + profile[24:84]
    return head.ljust(128, b"\0") + count + table + body


def _tone(profile: bytes) -> bytes:
    """The tag with the curve of gray."""
    if color_space(profile) == "GRAY":
        return _tag(profile, b"kTRC")
    curves = {_tag(profile, name) for name in (b"rTRC", b"gTRC", b"bTRC")}
    if len(curves) > 1:
        raise InputError("its color profile has a curve for each channel")
    return curves.pop()


def _text(profile: bytes, kind: bytes, text: str) -> bytes:
    """A text tag in the way of the profile's version."""
    if profile[8] >= 4:
        wide = text.encode("utf-16-be")
        return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(wide), 28) + wide
    plain = text.encode() + b"\0"
    return (
        b"text\0\0\0\0" + plain
        if kind == b"text"
        else (b"desc\0\0\0\0" + struct.pack(">I", len(plain)) + plain + b"\0" * 78)
    )


def _xyz_tag(xyz: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in xyz))


def convert_16bit(pixels: NDArray[np.uint16], profile: bytes) -> NDArray[np.uint16]:
    """Rgb uint16 (H, W, 3) of an rgb profile as sRGB, clipped to its gamut; relative colorimetric.

    Each pixel goes through the profile's own curves, matrices or tables: LittleCMS would otherwise put a coarse
    table in their place.

    Raises:
        InputError: the profile cannot be used for this picture.
    """
    try:
        converted: NDArray[np.uint16] = imagecodecs.cms_transform(
            pixels,
            profile,
            SRGB,
            colorspace="rgb",
            outcolorspace="rgb",
            outdtype="uint16",
            intent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=imagecodecs.CMS.FLAGS.NOOPTIMIZE,
        )
    except (imagecodecs.CmsError, ValueError) as error:
        raise InputError(f"its color profile cannot be used ({error})") from error
    return converted


def _tag(profile: bytes, name: bytes) -> bytes:
    """Content of a tag.

    Raises:
        InputError: it is not there.
    """
    if len(profile) >= 132 and profile[36:40] == b"acsp":
        (count,) = struct.unpack_from(">I", profile, 128)
        for at in range(132, min(132 + 12 * count, len(profile) - 11), 12):
            signature, offset, size = struct.unpack_from(">4sII", profile, at)
            if signature == name and offset + size <= len(profile) and size >= 12:
                return profile[offset : offset + size]
    raise InputError(f"its color profile has no usable {name.decode()}; convert the picture to sRGB first")


def _curve(tag: bytes, codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a `curv` or `para` tag at codes 0..1."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        values = np.frombuffer(tag, ">u2", offset=12)[:count].astype(np.float64)
        if count == 0:
            return codes
        if len(values) == 1:
            return np.asarray(np.power(codes, values[0] / 256))
        if len(values) > 1:
            return np.interp(codes, np.linspace(0, 1, len(values)), values / 65535)
    kind = int.from_bytes(tag[8:10], "big")
    if tag[:4] != b"para" or kind not in _POWERS or len(tag) < 12 + 4 * _POWERS[kind]:
        raise InputError("its color profile has a curve of an unknown kind; convert the picture to sRGB first")
    return _parametric(kind, np.array(struct.unpack_from(f">{_POWERS[kind]}i", tag, 12)) / 65536, codes)


def _parametric(kind: int, given: NDArray[np.float64], codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """ICC.1:2010, table 65: g, a, b, c, d, e, f of Y = (aX + b)^g + e from d on, cX + f below."""
    g, a, b, c, d, e, f = np.concatenate([given, np.zeros(7 - len(given))])
    if kind == 0:
        a, d = 1.0, 0.0
    elif kind in (1, 2):
        e = f = c if kind == 2 else 0.0
        c, d = 0.0, -b / a if a else 0.0
    power = np.power(np.maximum(a * codes + b, 0), g) + e
    return np.asarray(np.where(codes >= d, power, c * codes + f))
