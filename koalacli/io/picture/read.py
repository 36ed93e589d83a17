"""Read pictures: from bytes to pixels that mean one thing, with everything that must be carried over.

Pillow sniffs and decodes; `io.deep` decodes what it would reduce to 8 bits. Whatever goes
wrong inside a decoder is the file's fault and becomes an InputError.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from koalacli.arrays import Pixels
from koalacli.errors import InputError, KoalaError
from koalacli.io.picture.codecs import CODECS
from koalacli.io.picture.metadata import ORIENTATION, forget_texts, orientation_of, read_metadata
from koalacli.io.picture.packet import LONGEST_PACKET
from koalacli.io.picture.pages import alpha_channel, read_apart, tiff_tag
from koalacli.io.picture.picture import Frame, Picture, turn
from koalacli.io.picture.profiles import color_space, convert_8bit, convert_16bit, convert_gray, is_srgb
from koalacli.io.picture.read16 import deep_pages, extra_planes
from koalacli.io.picture.sniff import NO_PICTURE, Pages, check_extent, check_support, format_of, name_unknown
from koalacli.settings import MAX_PIXELS


def read_picture(source: Path | bytes, name: str = "", max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture, with all its frames, from a path or from its bytes.

    Args:
        source: path, or the file's bytes.
        name: for messages, where the source is bytes.
        max_pixels: of all frames together; more are refused before anything is allocated.

    Raises:
        InputError: not a picture, damaged, or unreadable; the message starts with the name.
        UnsupportedError: a picture that koala cannot carry through.
    """
    name = name or (str(source) if isinstance(source, Path) else "standard input")
    with decoder_errors(name):
        data = read_bytes(source) if isinstance(source, Path) else source
        if not data:
            raise InputError("the file is empty")
        check_extent(data, max_pixels)
        with _opened(data) as image:
            forget_texts(image)
            pages = check_support(image, data, max_pixels)
            # Decoders of HEIC and TIFF turn by themselves.
            orientation = 1 if image.format in ("HEIF", "TIFF") else orientation_of(image.getexif())
            # Metadata of the first page stands for the file; later pages have their own only in TIFF.
            remarks: list[str] = []
            frames = _read_frames(image, data, pages, remarks)
            apart = read_apart(data, pages.others, pages.pictures, remarks)
            image.seek(pages.pictures[0])
            if orientation != 1:
                frames = [_turned(frame, orientation) for frame in frames]
            height, width = frames[0].pixels.shape[:2]
            format = format_of(image)
            return Picture(
                frames[0].pixels,
                frames[0].alpha,
                format,
                read_metadata(image, data, (width, height), 1),
                tuple(frames[1:]),
                frames[0].milliseconds,
                image.info.get("loop"),
                CODECS[format].exact(data),
                image.info.get("compression") != "raw",
                frames[0].extra,
                apart,
                _has_cover(image),
                "; ".join(dict.fromkeys(remarks)),
            )


def displayed_size(path: Path) -> tuple[int, int]:
    """Height and width of a picture as it is shown, from its header alone.

    Raises:
        InputError: it cannot be read.
    """
    with decoder_errors(str(path)), Image.open(path) as image:
        width, height = image.size
        turned = image.format not in ("HEIF", "TIFF") and orientation_of(image.getexif()) >= 5
        return (width, height) if turned else (height, width)


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise InputError(f"cannot be read as a picture ({name_unknown(data)})") from error


def read_bytes(path: Path) -> bytes:
    """The whole content of a file that stays what it is while it is read.

    Raises:
        InputError: it changes meanwhile.
    """
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        data = file.read()
        after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise InputError("the file changed while it was read; run again when it is complete")
    return data


@contextmanager
def decoder_errors(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an InputError that names the file."""
    try:
        yield
    except KoalaError as error:
        raise type(error)(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise InputError(f"{name}: the file is gone") from error
    except MemoryError as error:
        raise InputError(f"{name}: the picture does not fit into memory") from error
    # Decoders fail in whatever way their authors did not foresee: struct.error, SyntaxError, ...
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = NO_PICTURE
        elif "MAX_TEXT_CHUNK" in reason:
            reason = f"a text or color profile in it is too long: above {LONGEST_PACKET} bytes unpacked"
        raise InputError(f"{name}: cannot be read as a picture ({reason})") from error


def _read_frames(image: Image.Image, data: bytes, pages: Pages, remarks: list[str]) -> list[Frame]:
    frames: list[Frame] = []
    deep = deep_pages(image, data, pages.pictures)
    further = extra_planes(image, data, pages.pictures)
    if pages.copies:
        remarks.append(f"smaller copies of the picture are left out: {len(pages.copies)}")
    for number in pages.pictures:
        image.seek(number)
        # Pillow turns a TIFF where it decodes it.
        (turned,) = tiff_tag(image, ORIENTATION, (1,)) if image.format == "TIFF" else (1,)
        extra = turn(further[number], turned) if number in further else None
        if number in deep:
            pixels, alpha = _decode_deep(image, turn(deep[number], turned))
        else:
            image.load()
            forget_texts(image)  # of the ones behind the pixels
            pixels, alpha = decode(image, remarks)
        duration = float(image.info.get("duration", 0) or 0) if len(pages.pictures) > 1 else 0.0
        frames.append(Frame(pixels, alpha, duration, extra))
    if image.format == "TIFF":
        return frames
    own = int(_has_cover(image))
    return frames[:own] + _without_repeats(frames[own:], remarks)


def _has_cover(image: Image.Image) -> bool:
    return bool(getattr(image, "default_image", False)) and getattr(image, "n_frames", 1) > 1


def _without_repeats(frames: list[Frame], remarks: list[str]) -> list[Frame]:
    """An animation without frames that are the one before: encoders join them, too, and add up their times."""
    kept: list[Frame] = []
    for frame in frames:
        if kept and _is_same(kept[-1], frame):
            kept[-1] = replace(kept[-1], milliseconds=kept[-1].milliseconds + frame.milliseconds)
        else:
            kept.append(frame)
    if len(kept) < len(frames):
        remarks.append(f"frames that repeat the one before are joined with it: {len(frames) - len(kept)}")
    return kept


def _is_same(one: Frame, other: Frame) -> bool:
    if (one.alpha is None) != (other.alpha is None) or not np.array_equal(one.pixels, other.pixels):
        return False
    return one.alpha is None or other.alpha is None or np.array_equal(one.alpha, other.alpha)


def _decode_deep(image: Image.Image, planes: Pixels) -> tuple[Pixels, Pixels | None]:
    profile = image.info.get("icc_profile", b"")
    space = "" if is_srgb(profile) else color_space(profile)
    alpha = planes[..., -1].copy() if planes.ndim == 3 and planes.shape[2] in (2, 4) else None
    if planes.ndim == 2 or planes.shape[2] == 2:
        pixels = np.ascontiguousarray(planes if planes.ndim == 2 else planes[..., 0])
        return (convert_gray(pixels, profile) if space == "GRAY" else pixels), alpha
    pixels = _collapse_gray(np.ascontiguousarray(planes[..., :3]))
    if space == "RGB":
        rgb = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
        pixels = _collapse_gray(convert_16bit(rgb, profile))
    elif space == "GRAY" and pixels.ndim == 2:
        pixels = convert_gray(pixels, profile)
    return pixels, alpha


def decode(image: Image.Image, remarks: list[str]) -> tuple[Pixels, Pixels | None]:
    """Pixels and alpha, as in Frame, of what Pillow holds in 8 bits; what had to be decided goes to the remarks."""
    profile = image.info.get("icc_profile", b"")
    space = "" if is_srgb(profile) else color_space(profile)
    if image.mode == "1" or (image.mode == "L" and "transparency" not in image.info):
        gray = np.asarray(image.convert("L"))
        return (convert_gray(gray, profile) if space == "GRAY" else gray), None
    has_alpha = "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
    if image.format == "TIFF" and "transparency" not in image.info:  # Pillow takes a channel without a word for it
        has_alpha = has_alpha and alpha_channel(image) is not None
    straight = image.convert("RGBA") if has_alpha else image  # undoes premultiplication, palettes
    alpha = np.asarray(straight.getchannel("A")) if has_alpha else None
    if image.mode == "CMYK":
        if space == "CMYK":
            return _collapse_gray(np.asarray(convert_8bit(image, profile))), None
        remarks.append("CMYK without a color profile; taken as plain inks")
    rgb = straight.convert("RGB")
    if space == "RGB":
        rgb = convert_8bit(rgb, profile)
    pixels = _collapse_gray(np.asarray(rgb))
    if space == "GRAY" and pixels.ndim == 2:
        pixels = convert_gray(pixels, profile)
    return pixels, alpha


def _turned(frame: Frame, orientation: int) -> Frame:
    alpha = None if frame.alpha is None else turn(frame.alpha, orientation)
    return replace(frame, pixels=turn(frame.pixels, orientation), alpha=alpha)


def _collapse_gray(rgb: Pixels) -> Pixels:
    """Gray (H, W) if all three channels are the same, else the rgb itself."""
    if np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 1], rgb[..., 2]):
        return np.ascontiguousarray(rgb[..., 0])
    return rgb
