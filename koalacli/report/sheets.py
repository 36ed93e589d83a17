"""What the review page holds of one picture: a gray copy, small planes of color and of features, likely colors.

A sheet is a script of its own, fetched when its picture is looked at. A page that was opened from
disk may run a script that lies beside it, but neither fetch a file nor read the pixels of one. Bytes stand in its
texts as they are, one per sign: the page reads it by the encoding x-user-defined (WHATWG Encoding, 14.5), which keeps
the lower eight bits, so nothing is lost to base64.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Rgb8
from koalacli.color.join import merge_color
from koalacli.color.lab import lightness_to_luminance, linear_to_srgb
from koalacli.control.kernel import unit_features
from koalacli.control.proposals import Proposal
from koalacli.io.texts import as_json
from koalacli.report.pictures import data_uri, shrink

SHEET_VERSION = 5  # part of every sheet's name: sheets of another version are made anew
# Of the gray copy's long side, and of its WebP: the first that keeps the file below the size. At 90, L* stays within
# 0.5 on average and 2 at the 99th percentile; at 82, within 0.7 and 3. Grain that fits into neither is shown smaller.
LONG_SIDES, GRAY_QUALITIES, GRAY_BYTES = (1024, 896, 768, 640), (95, 90, 86, 82), 145_000
THUMB_SIDE, THUMB_QUALITY = 112, 60
FEATURE_PLANES = 13  # principal directions of the decoder's features: their mean, and 95% of their variance
COLOR_STEP, FEATURE_LEVELS = (
    0.3,
    64,
)  # of planes of color, CIELAB units; of a plane of features, which bear coarser steps
LIKELY = 5  # colors offered at a place
LIKELY_CELL = 4  # side, in cells of the network's output, of the squares for which they are found
LIKELY_APART = 14.0  # least distance of two of them, CIELAB units
BEGIN, END = b"koalaReview.take(", b");\n"


@dataclass(frozen=True)
class Sheet:
    """One picture for the page.

    Attributes:
        name: as the batch calls it, with slashes.
        sha256: of the file, hexadecimal.
        size: height and width of the picture, upright.
        lightness: float32 (H, W, 1), L* 0..100, upright, at the largest size that is shown.
        guide: float32 (gh, gw, 1), the lightness that the network saw.
        readings: ab at each vividness that the page knows, float32 (h, w, 2), CIELAB units.
        own: place of the run's own among them: what `koala colorize` gives.
        proposals: the others; see `control.proposals`.
        features: float32 (h, w, C), the decoder's last features.
        likely: bin numbers, uint16 (ch, cw, LIKELY), likeliest first, for squares of LIKELY_CELL cells; or None.
        facts: what else the page must know of the picture.
    """

    name: str
    sha256: str
    size: tuple[int, int]
    lightness: Array
    guide: Array
    readings: list[Array]
    own: int
    proposals: list[Proposal]
    features: Array
    likely: NDArray[np.uint16] | None
    facts: dict[str, Any] = field(default_factory=dict)


def encode_sheet(sheet: Sheet, identity: str) -> bytes:
    """A sheet as the script that hands it to the page; `identity` is its name there."""
    features = principal_planes(sheet.features, FEATURE_PLANES)
    # All but the run's own color are put down as what they differ by, which packs to half.
    own = sheet.readings[sheet.own]
    others = [ab - own for place, ab in enumerate(sheet.readings) if place != sheet.own]
    colors = np.concatenate([own, *others, *(one.ab - own for one in sheet.proposals)], axis=-1)
    color_codes, color_scales = _quantize(colors, COLOR_STEP)
    kinds, kind_scales = _quantize(features, 0.0, FEATURE_LEVELS)
    codes = np.concatenate([color_codes, kinds])
    rows, columns = codes.shape[1:]
    held: dict[str, Any] = {
        "entry": _entry(sheet, identity),
        "guide": list(sheet.guide.shape[:2]),
        "grid": [rows, columns],
        "scales": color_scales + kind_scales,
        "readings": len(sheet.readings),
        "own": sheet.own,
        "proposals": [one.toward for one in sheet.proposals],
    }
    parts = [
        _encode_gray(sheet.lightness),
        _encoded(".png", codes.reshape(-1, columns), cv2.IMWRITE_PNG_COMPRESSION, 9),
    ]
    if sheet.likely is not None:
        held["cells"] = list(sheet.likely.shape[:2])
        parts.append(np.ascontiguousarray(sheet.likely, "<u2").tobytes())
    return b"".join([BEGIN, as_json(held).encode("ascii"), *(b"," + _quoted(part) for part in parts), END])


def entry_of(script: bytes) -> dict[str, Any]:
    """What the page must know of a picture before its sheet is loaded, from the sheet.

    Raises:
        ValueError: not a whole sheet.
    """
    if not (script.startswith(BEGIN) and script.endswith(END)):
        raise ValueError("not a sheet")
    held, _ = json.JSONDecoder().raw_decode(script[len(BEGIN) :].decode("latin-1"))
    entry: dict[str, Any] = held["entry"]
    return entry


def _quoted(content: bytes) -> bytes:
    """Bytes as a text of JavaScript, which its reader decodes as one sign per byte."""
    for sign, escape in ((b"\\", rb"\\"), (b'"', rb"\""), (b"\n", rb"\n"), (b"\r", rb"\r"), (b"\0", rb"\x00")):
        content = content.replace(sign, escape)
    return b'"' + content + b'"'


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
    return {
        "id": identity,
        "name": sheet.name,
        "sha256": sheet.sha256,
        "width": sheet.size[1],
        "height": sheet.size[0],
        "thumb": data_uri(_thumb(sheet), THUMB_QUALITY),
        **sheet.facts,
    }


def _thumb(sheet: Sheet) -> Rgb8:
    return merge_color(shrink(sheet.lightness, THUMB_SIDE), sheet.guide, sheet.readings[sheet.own])


def _quantize(planes: Array, step: float, levels: int = 256) -> tuple[NDArray[np.uint8], list[list[float]]]:
    """Planes (h, w, N) in steps of at least `step`, fewer than `levels` of them.

    Returns:
        codes (N, h, w), and [value of code 0, value of one step] of each plane.
    """
    planes = planes.transpose(2, 0, 1)
    low = planes.min((1, 2))
    steps = np.maximum((planes.max((1, 2)) - low) / (levels - 1), max(step, 1e-6))
    codes = np.rint((planes - low[:, None, None]) / steps[:, None, None]).astype(np.uint8)
    return codes, [[float(f"{start:.6g}"), float(f"{width:.6g}")] for start, width in zip(low, steps, strict=True)]


def _encode_gray(lightness: Array) -> bytes:
    for side in LONG_SIDES:
        gray = gray_of(shrink(lightness, side))
        for quality in GRAY_QUALITIES:
            content = _encoded(".webp", gray, cv2.IMWRITE_WEBP_QUALITY, quality)
            if len(content) <= GRAY_BYTES:
                return content
    return content


def _encoded(suffix: str, pixels: NDArray[np.uint8], flag: int, value: int) -> bytes:
    _, content = cv2.imencode(suffix, np.ascontiguousarray(pixels), [flag, value])
    return bytes(content.tobytes())
