"""A family's box: 33 files as a scanner, a telephone and forty years leave them, made of five photographs."""

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

Codes = NDArray[np.uint8]
HEIC = importlib.util.find_spec("pillow_heif") is not None
COLORED, COPIED, TABLE, FAILED, EXTRA, OTHER = (
    "colored",
    "copied",
    "on a table",
    "failed",
    "needs an extra",
    "no picture",
)
TONES = {  # codes of red, green, blue where the print was black, middle gray and white
    "sepia": ((45, 28, 15), (165, 128, 88), (246, 232, 200)),
    "cyanotype": ((10, 28, 60), (70, 120, 160), (228, 238, 236)),
    "selenium": ((28, 18, 26), (128, 110, 118), (240, 232, 230)),
    "pink": ((40, 15, 22), (175, 125, 135), (255, 225, 232)),
    "green": ((12, 30, 15), (110, 140, 112), (222, 245, 225)),
    "yellowed": ((95, 82, 60), (165, 148, 112), (228, 215, 180)),
}


def toned(gray: Codes, name: str) -> Codes:
    """A gray picture in one of TONES, with a scanner's grain."""
    curves = [np.interp(gray, (0, 128, 255), codes) for codes in zip(*TONES[name], strict=True)]
    grain = np.random.default_rng(0).normal(0, 1.5, (*gray.shape, 3))
    return np.clip(np.stack(curves, axis=-1) + grain + 0.5, 0, 255).astype(np.uint8)


def filtered(gray: Codes) -> Codes:
    """The usual sepia filter of a program, which clips what is light."""
    return np.clip(gray[..., None] * np.array([1.351, 1.203, 0.937]), 0, 255).astype(np.uint8)


def framed(picture: Codes, share: float, level: int) -> Codes:
    """A print in the middle of even ground, which is `share` of each side."""
    rows, columns = (round(share * side) for side in picture.shape[:2])
    return np.asarray(cv2.copyMakeBorder(picture, rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=[level] * 3))


def on_table(picture: Codes) -> Codes:
    """A print, a bit turned, on brown wood."""
    height, width = picture.shape[0] * 2, picture.shape[1] * 2
    grain = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, (height, width)), (0, 0), sigmaX=25, sigmaY=2) * 40
    wood = np.clip(np.array([140, 85, 45]) + grain[..., None] * np.array([1, 0.7, 0.4]), 0, 255).astype(np.uint8)
    turn = cv2.getRotationMatrix2D((picture.shape[1] / 2, picture.shape[0] / 2), 6, 1)
    turn[:, 2] += picture.shape[1] / 2, picture.shape[0] / 2
    rgb = np.dstack([picture] * 3) if picture.ndim == 2 else picture
    cover = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), turn, (width, height))[..., None] / 255
    return (cv2.warpAffine(rgb, turn, (width, height)) * cover + wood * (1 - cover)).astype(np.uint8)


def encoded(picture: Codes | Image.Image, kind: str, **options: Any) -> bytes:
    """A file of a format of Pillow's."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _tiff(picture: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, picture, **options)
    return buffer.getvalue()


def _heic(gray: Codes) -> bytes:
    if not HEIC:
        return b"\0\0\0\x18ftypheic"
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(np.dstack([gray] * 3))).save(buffer)
    return buffer.getvalue()


def make_box(folder: Path, prints: list[Codes], snapshots: list[Codes]) -> dict[str, str]:
    """Write the files.

    Args:
        folder: must not exist.
        prints: five black-and-white photographs, uint8 (H, W).
        snapshots: two photographs in color, uint8 (H, W, 3).

    Returns:
        What shall come of each file, by its path below the folder.
    """
    bank, street, garden, boy, mother = prints
    whole = encoded(boy, "JPEG")
    turned = Image.Exif()
    turned[0x0112] = 6
    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "1908 bank.jpg": (COLORED, lambda: encoded(bank, "JPEG", quality=90)),
        "1915 street.png": (COLORED, lambda: encoded(street, "PNG")),
        "1919 garden.tif": (COLORED, lambda: _tiff(garden.astype(np.uint16) * 257, photometric="minisblack")),
        "1936/mother & children.jpg": (COLORED, lambda: encoded(np.dstack([mother] * 3), "JPEG", quality=85)),
        "1945/boy.webp": (COLORED, lambda: encoded(boy, "WEBP", lossless=True)),
        "1945/boy.bmp": (COLORED, lambda: encoded(boy, "BMP")),
        "1945/turned.jpg": (COLORED, lambda: encoded(boy, "JPEG", exif=turned)),
        "1945/two tones.gif": (COLORED, lambda: encoded(Image.fromarray(street).quantize(16), "GIF")),
        "1945/half transparent.png": (COLORED, lambda: encoded(np.dstack([boy] * 3 + [boy | 128]), "PNG")),
        "CMYK.jpg": (COLORED, lambda: encoded(Image.fromarray(np.dstack([street] * 3)).convert("CMYK"), "JPEG")),
        "sepia/bank.jpg": (COLORED, lambda: encoded(toned(bank, "sepia"), "JPEG", quality=85)),
        "sepia/mother.png": (COLORED, lambda: encoded(toned(mother, "sepia"), "PNG")),
        "sepia/street by an app.jpg": (COLORED, lambda: encoded(filtered(street), "JPEG", quality=85)),
        "sepia/boy by an app.jpg": (COLORED, lambda: encoded(filtered(boy), "JPEG", quality=85)),
        "toned/blueprint.jpg": (COLORED, lambda: encoded(toned(bank, "cyanotype"), "JPEG", quality=85)),
        "toned/selenium.tif": (COLORED, lambda: _tiff(toned(mother, "selenium"), photometric="rgb")),
        "cast/pink.jpg": (COLORED, lambda: encoded(toned(garden, "pink"), "JPEG", quality=85)),
        "cast/green.jpg": (COLORED, lambda: encoded(toned(street, "green"), "JPEG", quality=85)),
        "faded/gray.jpg": (COLORED, lambda: encoded((mother * 0.4 + 110).astype(np.uint8), "JPEG")),
        "faded/yellowed.jpg": (COLORED, lambda: encoded(toned(boy, "yellowed"), "JPEG", quality=85)),
        "border/deckle edge.jpg": (COLORED, lambda: encoded(framed(mother, 0.07, 240), "JPEG")),
        "border/lid of the scanner.png": (COLORED, lambda: encoded(framed(bank, 0.25, 14), "PNG")),
        "phone/on the table.jpg": (TABLE, lambda: encoded(on_table(boy), "JPEG", quality=85)),
        "phone/beach.jpg": (COPIED, lambda: encoded(snapshots[0], "JPEG", quality=85)),
        "phone/dog.png": (COPIED, lambda: encoded(snapshots[1], "PNG")),
        "phone/IMG_0001.heic": (COLORED if HEIC else EXTRA, lambda: _heic(garden)),
        "tiny/thumb.jpg": (COLORED, lambda: encoded(boy[::6, ::6], "JPEG")),
        "tiny/dot.png": (COLORED, lambda: encoded(np.full((1, 1), 90, np.uint8), "PNG")),
        "broken/torn.jpg": (FAILED, lambda: whole[: len(whole) // 3]),
        "broken/empty.jpg": (FAILED, lambda: b""),
        "broken/letter.png": (FAILED, lambda: b"Dear Aunt Ida,"),
        "who is who.txt": (OTHER, lambda: b"Ida, Carl, Otto"),
        "Thumbs.db": (OTHER, lambda: b"x"),
    }
    for name, (_, make) in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(make())
    return {name: outcome for name, (outcome, _) in files.items()}
