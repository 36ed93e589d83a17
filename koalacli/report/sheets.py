"""What the review page holds of one picture: a gray copy, small planes of color and of features, likely colors.

A sheet is a script of its own, fetched when its picture is looked at. A page that was opened from
disk may run a script that lies beside it, but neither fetch a file nor read the pixels of one.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.join import merge_color
from koalacli.color.lab import lightness_to_luminance, linear_to_srgb
from koalacli.io.texts import as_json
from koalacli.report.pictures import data_uri

SHEET_VERSION = 4  # part of every sheet's name: sheets of another version are made anew
LONG_SIDE = 1024  # pixels of the gray copy
# Of its WebP: the first that keeps the file below the size. At 82, L* stays within 1 on average, 3.5 at the 99th
# percentile; only heavy grain, in which nobody judges color, needs less.
GRAY_QUALITIES, GRAY_BYTES = (82, 76, 70, 62, 54), 120_000
THUMB_SIDE, THUMB_QUALITY = 112, 60
FEATURE_PLANES = 13  # principal directions of the decoder's features: their mean, and 95% of their variance
COLOR_LEVELS, FEATURE_LEVELS = 128, 64  # of a plane: steps of about half a CIELAB unit; features bear coarser ones
LIKELY = 5  # colors offered at a place
LIKELY_CELL = 4  # side, in cells of the network's output, of the squares for which they are found
LIKELY_APART = 14.0  # least distance of two of them, CIELAB units
BEGIN, END = "koalaReview.take(", ");\n"


@dataclass(frozen=True)
class Sheet:
    """One picture for the page.

    Attributes:
        name: as the batch calls it, with slashes.
        sha256: of the file, hexadecimal.
        size: height and width of the picture, upright.
        lightness: float32 (H, W, 1), L* 0..100, upright, at the size shown.
        guide: float32 (gh, gw, 1), the lightness that the network saw.
        proposals: ab of each proposal, float32 (h, w, 2), CIELAB units; the first is what `koala colorize` gives.
        features: float32 (h, w, C), the decoder's last features.
        likely: bin numbers, uint16 (ch, cw, LIKELY), likeliest first, for squares of LIKELY_CELL cells; or None.
    """

    name: str
    sha256: str
    size: tuple[int, int]
    lightness: Array
    guide: Array
    proposals: list[Array]
    features: Array
    likely: NDArray[np.uint16] | None


def encode_sheet(sheet: Sheet, identity: str) -> str:
    """A sheet as the script that hands it to the page; `identity` is its name there."""
    features = principal_planes(sheet.features, FEATURE_PLANES)
    colors, color_scales = _quantize(np.concatenate(sheet.proposals, axis=-1), COLOR_LEVELS)
    kinds, kind_scales = _quantize(features, FEATURE_LEVELS)
    codes = np.concatenate([colors, kinds])
    rows, columns = codes.shape[1:]
    held: dict[str, Any] = {
        "entry": _entry(sheet, identity),
        "gray": _base64(_encode_gray(gray_of(sheet.lightness))),
        "guide": list(sheet.guide.shape[:2]),
        "grid": [rows, columns],
        "planes": _base64(_encoded(".png", codes.reshape(-1, columns), cv2.IMWRITE_PNG_COMPRESSION, 9)),
        "scales": color_scales + kind_scales,
        "proposals": len(sheet.proposals),
    }
    if sheet.likely is not None:
        held["likely"] = _base64(np.ascontiguousarray(sheet.likely, "<u2").tobytes())
        held["cells"] = list(sheet.likely.shape[:2])
    return f"{BEGIN}{as_json(held)}{END}"


def entry_of(script: str) -> dict[str, Any]:
    """What the page must know of a picture before its sheet is loaded, from the sheet.

    Raises:
        ValueError: not a whole sheet.
    """
    if not (script.startswith(BEGIN) and script.endswith(END)):
        raise ValueError("not a sheet")
    entry: dict[str, Any] = json.loads(script[len(BEGIN) : -len(END)])["entry"]
    return entry


def gray_of(lightness: Array) -> NDArray[np.uint8]:
    """The gray, uint8 (H, W), that has this lightness."""
    return np.rint(linear_to_srgb(lightness_to_luminance(lightness[..., 0])) * 255).astype(np.uint8)


def principal_planes(features: Array, count: int) -> Array:
    """Features of unit length by their principal directions: products of cells are kept as well as may be.

    Args:
        features: float32 (h, w, C).
        count: planes wanted, at most C.

    Returns:
        float32 (h, w, count), strongest first. They are not centered, so that a cell keeps its length. The largest
        coefficient of a direction is positive, so equal features give equal planes.
    """
    cells = np.ascontiguousarray(unit_features(features).reshape(-1, features.shape[-1]))
    # OpenCV's own eigenvectors: LAPACK's threads get into the way of the other writers'.
    _, _, directions = cv2.eigen(cv2.mulTransposed(cells, aTa=True))
    strongest = directions[:count]
    largest = np.take_along_axis(strongest, np.abs(strongest).argmax(1)[:, None], axis=1)
    planes = cv2.gemm(cells, strongest * np.sign(largest), 1, None, 0, flags=cv2.GEMM_2_T)
    return np.asarray(planes.reshape(*features.shape[:2], -1), np.float32)


def unit_features(features: Array) -> Array:
    """Features (..., C) scaled to unit length."""
    length = np.sqrt(np.sum(features**2, axis=-1, keepdims=True))
    return features / np.maximum(length, np.float32(1e-6))


def likely_colors(bin_probs: Array, gamut_bins: Array) -> NDArray[np.uint16]:
    """The likeliest colors of each square of cells, no two of them alike.

    Args:
        bin_probs: float32 (h, w, Q).
        gamut_bins: float32 (Q, 2), CIELAB units.

    Returns:
        uint16 (ch, cw, LIKELY) numbers of bins, likeliest first.
    """
    size = (-(-bin_probs.shape[1] // LIKELY_CELL), -(-bin_probs.shape[0] // LIKELY_CELL))
    channels = np.ascontiguousarray(bin_probs.transpose(2, 0, 1))
    left = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in channels], axis=-1)
    near = np.linalg.norm(gamut_bins[:, None] - gamut_bins[None], axis=-1) < LIKELY_APART
    found = []
    for _ in range(LIKELY):
        best = left.argmax(-1)
        found.append(best)
        left = np.where(near[best], -1.0, left)
    return np.stack(found, axis=-1).astype(np.uint16)


def _entry(sheet: Sheet, identity: str) -> dict[str, Any]:
    height, width = sheet.lightness.shape[:2]
    return {
        "id": identity,
        "name": sheet.name,
        "sha256": sheet.sha256,
        "width": sheet.size[1],
        "height": sheet.size[0],
        "shown": [width, height],
        "thumb": data_uri(_thumb(sheet), THUMB_QUALITY),
    }


def _thumb(sheet: Sheet) -> Rgb8:
    height, width = sheet.lightness.shape[:2]
    scale = min(1.0, THUMB_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(sheet.lightness, size, interpolation=cv2.INTER_AREA)[..., None]
    return merge_color(small, sheet.guide, sheet.proposals[0])


def _quantize(planes: Array, levels: int) -> tuple[NDArray[np.uint8], list[list[float]]]:
    """Planes (h, w, N) as codes (N, h, w) below `levels`, and [value of code 0, value of one step] of each."""
    planes = planes.transpose(2, 0, 1)
    low = planes.min((1, 2))
    step = np.maximum((planes.max((1, 2)) - low) / (levels - 1), 1e-6)
    codes = np.rint((planes - low[:, None, None]) / step[:, None, None]).astype(np.uint8)
    return codes, [[float(f"{start:.6g}"), float(f"{width:.6g}")] for start, width in zip(low, step, strict=True)]


def _encode_gray(gray: NDArray[np.uint8]) -> bytes:
    for quality in GRAY_QUALITIES:
        content = _encoded(".webp", gray, cv2.IMWRITE_WEBP_QUALITY, quality)
        if len(content) <= GRAY_BYTES:
            break
    return content


def _encoded(suffix: str, pixels: NDArray[np.uint8], flag: int, value: int) -> bytes:
    _, content = cv2.imencode(suffix, np.ascontiguousarray(pixels), [flag, value])
    return bytes(content.tobytes())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
