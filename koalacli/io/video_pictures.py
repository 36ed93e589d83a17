"""Moving pictures that are no films: animated GIF and WebP, and numbered image sequences."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from PIL import Image

from koalacli.errors import InputError, NothingMatchedError, OutputError
from koalacli.io.codecs import CODECS, codec_of, write_file
from koalacli.io.images import Picture, Pixels, decoder_errors, read_picture

ANIMATIONS = (".gif", ".webp")
NUMBER = re.compile(r"%0?(\d*)d")


@dataclass(frozen=True)
class Animation:
    """An animated GIF or WebP.

    Attributes:
        durations: of each frame, milliseconds.
        loop: how often it plays, 0 for ever.
    """

    path: Path
    durations: tuple[int, ...]
    loop: int

    def frames(self) -> Iterator[Pixels]:
        """rgb8 frames, each whole as it is shown."""
        with decoder_errors(str(self.path)):
            for frame in imageio.imiter(self.path, plugin="pillow", mode="RGB"):
                yield np.asarray(frame, np.uint8)


def open_animation(path: Path) -> Animation:
    """Read an animation's times.

    Raises:
        InputError: not one, or damaged.
    """
    with decoder_errors(str(path)), Image.open(path) as image:
        durations = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            durations.append(int(image.info.get("duration", 100)))
        return Animation(path, tuple(durations), int(image.info.get("loop", 0)))


def write_animation(path: Path, frames: Iterable[Pixels], durations: Iterable[int], loop: int) -> int:
    """Write rgb8 frames; lossless WebP, GIF with a palette per frame. Returns how many there were."""
    stack = list(frames)
    if not stack:
        raise InputError(f"{path}: there are no frames to write")
    options: dict[str, Any] = {"lossless": True} if path.suffix.lower() == ".webp" else {}
    part = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        imageio.imwrite(part, np.stack(stack), plugin="pillow", duration=list(durations), loop=loop, **options)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)
    return len(stack)


def find_sequence(pattern: str) -> list[tuple[int, Path]]:
    """Files of a numbered sequence such as frames/%06d.png, by number.

    Raises:
        NothingMatchedError: there is none.
    """
    folder, name = Path(pattern).parent, Path(pattern).name
    before, _, after = NUMBER.split(name, maxsplit=1)
    shape = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    entries = folder.iterdir() if folder.is_dir() else []
    matches = [(shape.fullmatch(path.name), path) for path in entries]
    found = sorted((int(match[1]), path) for match, path in matches if match)
    if not found:
        raise NothingMatchedError(f"{pattern}: no such pictures")
    return found


def read_sequence(files: list[tuple[int, Path]]) -> Iterator[Pixels]:
    """The pictures, all of one size.

    Raises:
        InputError: one is damaged, or of another size.
    """
    size: tuple[int, ...] | None = None
    for _, path in files:
        pixels = read_picture(path).pixels
        size = size or pixels.shape[:2]
        if pixels.shape[:2] != size:
            raise InputError(f"{path}: is {pixels.shape[1]}x{pixels.shape[0]}, the sequence is {size[1]}x{size[0]}")
        yield pixels


def write_sequence(pattern: str, numbers: Iterable[int], frames: Iterable[Pixels], quality: int) -> int:
    """Write pictures under the numbers they had; returns how many."""
    codec = codec_of(Path(pattern))
    if codec is None:
        raise OutputError(f"{pattern}: no picture format is known by this suffix")
    count = 0
    for number, pixels in zip(numbers, frames, strict=False):
        write_file(Path(pattern % number), CODECS[codec].encode(Picture(pixels, format=codec), quality, "444"))
        count += 1
    return count


def frame_durations(fps: str, count: int) -> list[int]:
    """Milliseconds of each frame at a rate, rounded so that their sum does not drift."""
    period = 1000 / Fraction(fps)
    return [round(period * (number + 1)) - round(period * number) for number in range(count)]
