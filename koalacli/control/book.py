"""The hints file: JSON that says, picture by picture, what is known of colors.

    {"koala-hints": 1, "pictures": {"boats/a.tif": {
        "sha256": "…", "points": [{"x": 0.41, "y": 0.22, "color": "#6b2f2a", "radius": 0.02, "scope": "thing"},
                                  {"x": 0.7, "y": 0.5, "gray": true}],
        "polygons": [{"points": [[0.1, 0.1], [0.4, 0.1], [0.2, 0.6]], "color": "teal", "strength": 0.8}],
        "masks": [{"file": "a.coat.png", "color": "12,-30"}], "saturation": 1.1, "vividness": 0.3}}}

Nothing in it is taken on trust: what is unknown, of a wrong type, out of range or leads out is a fault of its entry.
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from koalacli.arrays import Array
from koalacli.control.hints import Area, Hint, Hints
from koalacli.errors import KoalaError, UsageError
from koalacli.io.picture.read import read_picture

VERSION = 1
LARGEST_FILE = 100_000_000  # bytes
MOST_POINTS, MOST_AREAS, MOST_CORNERS = 500, 100, 1000  # of one picture, of one polygon
MASK_SIDE = 1024  # pixels; the network's color is coarser than this
POLYGON_SIDE = 512


@dataclass(frozen=True)
class Entry:
    """What the file says of one picture.

    Attributes:
        name: path of the picture as written.
        sha256: of the picture's file, in small letters, or nothing.
        hints: what is known.
        sizes: file -> height and width of each mask; the picture must have the same.
    """

    name: str
    sha256: str
    hints: Hints
    sizes: dict[str, tuple[int, int]]


def read_book(path: Path) -> tuple[list[Entry], list[tuple[str, str]]]:
    """Read a hints file.

    Returns:
        Entries, and (picture, reason) of those that are wrong.

    Raises:
        UsageError: it cannot be read as a hints file at all.
    """
    value = load_book(path)
    if set(value) != {"koala-hints", "pictures"}:
        raise UsageError(f'{path}: beside the version there is "pictures", an object by path, and nothing else')
    entries: list[Entry] = []
    faults: list[tuple[str, str]] = []
    for name, given in value["pictures"].items():
        try:
            entries.append(read_entry(name, given, path.parent))
        except KoalaError as error:
            faults.append((name, str(error)))
    return entries, faults


def load_book(path: Path) -> dict[str, Any]:
    """The JSON of a hints file; that it is of this version and that "pictures" is an object is all that is checked.

    Raises:
        UsageError: it cannot be read as a hints file at all.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError(f"{path}: larger than {LARGEST_FILE // 1_000_000} MB; that is no hints file")
        value = json.loads(path.read_bytes(), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON that can be read as hints ({str(error)[:80]})") from error
    if not isinstance(value, dict) or "koala-hints" not in value:
        raise UsageError(f'{path}: not a hints file; it begins with {{"koala-hints": {VERSION}, "pictures": {{…}}}}')
    if value["koala-hints"] is True or value["koala-hints"] != VERSION:
        raise UsageError(f"{path}: hints of version {str(value['koala-hints'])[:20]}; this koala reads {VERSION}")
    if not isinstance(value.get("pictures"), dict):
        raise UsageError(f'{path}: "pictures" is missing, or no object by path')
    return value


def read_entry(name: str, given: Any, folder: Path) -> Entry:
    """What is known of one picture; masks are read from the folder.

    Raises:
        UsageError, InputError: some of it is wrong.
    """
    _check_path(name)
    fields = read_fields(
        given,
        "the entry",
        sha256=str,
        points=list,
        polygons=list,
        masks=list,
        saturation=float,
        vividness=float,
        proposal=float,
        optional=True,
    )
    sha256 = fields.get("sha256", "").lower()
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise UsageError("sha256 is not 64 hexadecimal digits")
    if len(fields.get("points", [])) > MOST_POINTS:
        raise UsageError(f"{len(fields['points'])} points; {MOST_POINTS} at most")
    if len(fields.get("polygons", [])) + len(fields.get("masks", [])) > MOST_AREAS:
        raise UsageError(f"{MOST_AREAS} polygons and masks at most")
    sizes: dict[str, tuple[int, int]] = {}
    points = _each(fields.get("points", []), "point", _read_point)
    areas = _each(fields.get("polygons", []), "polygon", _read_polygon)
    areas += _each(fields.get("masks", []), "mask", lambda mask: _read_mask(mask, folder, sizes))
    proposal = fields.get("proposal", 1.0)
    if proposal % 1:
        raise UsageError(f"proposal {proposal:g} is not the number of one")
    choices = (fields.get("saturation", 1.0), fields.get("vividness"), int(proposal))
    return Entry(name, sha256, Hints(tuple(points), tuple(areas), *choices), sizes)


def _read_point(given: Any) -> Hint:
    fields = read_fields(given, "it", x=float, y=float)
    more = read_fields(given, "it", x=float, y=float, color=str, gray=bool, radius=float, scope=str, optional=True)
    if ("color" in more) == bool(more.get("gray", False)):
        raise UsageError('give either a color or "gray": true')
    color = more.get("color", "gray")
    return Hint(fields["x"], fields["y"], color, **{key: more[key] for key in ("radius", "scope") if key in more})


def _read_polygon(given: Any) -> Area:
    fields = read_fields(given, "it", points=list, color=str)
    corners = fields["points"]
    if not 3 <= len(corners) <= MOST_CORNERS:
        raise UsageError(f"a polygon has 3 to {MOST_CORNERS} corners")
    for corner in corners:
        if not (isinstance(corner, list) and len(corner) == 2 and all(map(_is_share, corner))):
            raise UsageError(f"corner {str(corner)[:40]} is no pair of shares, 0 to 1")
    coverage = np.zeros((POLYGON_SIDE, POLYGON_SIDE), np.float32)
    cv2.fillPoly(coverage, [np.rint(np.array(corners) * POLYGON_SIDE - 0.5).astype(np.int32)], 1.0)
    return Area(coverage, fields["color"], _strength(given, points=list))


def _read_mask(given: Any, folder: Path, sizes: dict[str, tuple[int, int]]) -> Area:
    fields = read_fields(given, "it", file=str, color=str)
    _check_path(fields["file"])
    path = folder / fields["file"]
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise UsageError(f"{fields['file']}: leads out of the folder of the hints")
    pixels = read_picture(path, fields["file"]).pixels
    sizes[fields["file"]] = (pixels.shape[0], pixels.shape[1])
    gray = (pixels if pixels.ndim == 2 else pixels.mean(-1)).astype(np.float32) / np.iinfo(pixels.dtype).max
    return Area(_shrunk(gray.astype(np.float32)), fields["color"], _strength(given, file=str))


def _shrunk(coverage: Array) -> Array:
    scale = MASK_SIDE / max(coverage.shape)
    if scale >= 1:
        return coverage
    size = (max(1, round(coverage.shape[1] * scale)), max(1, round(coverage.shape[0] * scale)))
    return np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA))


def _strength(given: Any, **known: type) -> float:
    strength: float = read_fields(given, "it", color=str, strength=float, optional=True, **known).get("strength", 1.0)
    return strength


def _each(given: list[Any], kind: str, read: Callable[[Any], Any]) -> list[Any]:
    found = []
    for number, value in enumerate(given, 1):
        try:
            found.append(read(value))
        except KoalaError as error:
            raise UsageError(f"{kind} {number}: {error}") from error
    return found


def read_fields(given: Any, what: str, *, optional: bool = False, **kinds: type) -> dict[str, Any]:
    """The fields of a JSON object, of the kinds named: all of them, or any of them and no others.

    Raises:
        UsageError: they are not.
    """
    if not isinstance(given, dict):
        raise UsageError(f"{what} is {str(given)[:40]!r}, not an object")
    if optional and (unknown := set(given) - set(kinds)):
        raise UsageError(f"unknown {sorted(unknown)[0][:40]!r}; there is {', '.join(kinds)}")
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        if name not in given:
            if optional:
                continue
            raise UsageError(f"{name!r} is missing")
        value = given[name]
        fits = _is_number(value) if kind is float else isinstance(value, kind)
        if not fits:
            raise UsageError(f"{name!r} is {str(value)[:40]!r}, not a {_SAID[kind]}")
        found[name] = float(value) if kind is float else value
    return found


_SAID: dict[type, str] = {str: "text", list: "list", float: "number", bool: "true or false"}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e6 and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _check_path(text: str) -> None:
    """A path in the file stays below its folder."""
    if not text or "\0" in text or "\\" in text or PurePosixPath(text).is_absolute() or ".." in text.split("/"):
        raise UsageError(f"{text[:80]!r}: a path with slashes, below the folder, is needed")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:40]!r} stands there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")
