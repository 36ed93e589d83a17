"""PROOFS: how an output shows that it has the luma of its source. The first one that applies is taken."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from koalacli.errors import OutputError
from koalacli.io.film.planes import source_planes
from koalacli.io.film.source import FilmSource
from koalacli.io.jpeg.layout import read_layout
from koalacli.io.jpeg.luma import split_luma
from koalacli.io.jpeg.revert import has_own_scans
from koalacli.io.picture.read import read_picture
from koalacli.io.picture.scans import open_scan
from koalacli.io.suffixes import is_film
from koalacli.photograph.proofs import compare_lightness, compare_scans

JPEG = b"\xff\xd8\xff"
LOSSY_LUMA = 3.0  # mean difference of Y', of 255, that a lossy encoder may add


@dataclass(frozen=True)
class Pair:
    """An output and its source.

    Attributes:
        source, target: paths.
        max_pixels: of a picture that may be decoded.
        before, after: content of the two; empty where it is too much for memory.
    """

    source: Path
    target: Path
    max_pixels: int
    before: bytes = b""
    after: bytes = b""


@dataclass(frozen=True)
class Finding:
    """What a proof has found.

    Attributes:
        figure: how much luma differs, in the unit of the proof.
        exact: whether it is the source's bit for bit.
    """

    figure: float
    exact: bool


@dataclass(frozen=True)
class Way:
    """One way to prove luma.

    Attributes:
        help: what is compared.
        unit: of its figure.
        applies: whether it can be used.
        prove: the proof; raises InputError or OutputError, without names, where there is none.
    """

    help: str
    unit: str
    applies: Callable[[Pair], bool]
    prove: Callable[[Pair], Finding]


def _are_grafted(pair: Pair) -> bool:
    if not (pair.before.startswith(JPEG) and pair.after.startswith(JPEG)):
        return False
    return has_own_scans(read_layout(pair.after))


def _prove_scans(pair: Pair) -> Finding:
    """Tables and entropy-coded luma, taken out of both files."""
    one, other = (split_luma(read_layout(split_luma(read_layout(data)))) for data in (pair.before, pair.after))
    if one != other:
        raise OutputError("the luma of its scans is not the source's")
    return Finding(0.0, exact=True)


def _prove_lightness(pair: Pair) -> Finding:
    if not pair.after:  # too large to be in memory
        scans = [open_scan(path, pair.max_pixels) for path in (pair.source, pair.target)]
        if scans[0] and scans[1]:
            return Finding(compare_scans(scans[0], scans[1]), exact=False)
    before = read_picture(pair.before or pair.source, "its source", pair.max_pixels)
    after = read_picture(pair.after or pair.target, "the output", pair.max_pixels)
    return Finding(compare_lightness(before, after, after.format), exact=False)


def _prove_frames(pair: Pair) -> Finding:
    """MD5 of Y' of every frame, as FFmpeg's framemd5 counts it; the mean difference where a codec is lossy."""
    differences = []
    with FilmSource(pair.source) as source, FilmSource(pair.target) as made:
        formats = source.info.pixel_format, made.info.pixel_format
        for frames in zip_longest(source.frames(), made.frames()):
            if None in frames:
                raise OutputError("it has not as many frames as its source")
            before, after = (source_planes(*pair)[0] for pair in zip(frames, formats, strict=True))
            if before.shape != after.shape:
                raise OutputError("its frames have another size")
            if formats[0].depth != formats[1].depth or _md5(before) != _md5(after):
                scales = [255 / ((1 << format.depth) - 1) for format in formats]
                differences.append(float(np.abs(before * scales[0] - after * scales[1]).mean()))
        mean = float(np.mean(differences)) if differences else 0.0
        if differences and (made.info.lossless or mean > LOSSY_LUMA):
            raise OutputError(f"Y' of {len(differences)} frames is not the source's; it differs by {mean:.3f} of 255")
    return Finding(mean, exact=not differences)


def _md5(plane: Any) -> bytes:
    return hashlib.md5(np.ascontiguousarray(plane).tobytes(), usedforsecurity=False).digest()


PROOFS: dict[str, Way] = {
    "frames": Way(
        "MD5 of Y' of every frame; lossy codecs by their mean difference",
        "of 255",
        lambda pair: is_film(pair.target),
        _prove_frames,
    ),
    "scans": Way("tables and coded luma of JPEG scans", "bits", _are_grafted, _prove_scans),
    "lightness": Way("L* of every pixel; lossy formats by their mean", "L*", lambda pair: True, _prove_lightness),
}
