"""Moving pictures that are no films: animated GIF and WebP, and numbered image sequences."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from PIL import Image

from koalacli.arrays import Pixels
from koalacli.errors import InputError, UsageError
from koalacli.io.files import write_file
from koalacli.io.picture.codecs import codec_of, encode
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.read import decoder_errors, read_picture
from koalacli.io.picture.sniff import check_extent
from koalacli.settings import MAX_PIXELS

ANIMATIONS = (".gif", ".webp")


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

    def pictures(self) -> Iterator[Picture]:
        """rgb8 frames, each whole as it is shown."""
        with decoder_errors(str(self.path)):
            for frame in imageio.imiter(self.path, plugin="pillow", mode="RGB"):
                yield Picture(np.asarray(frame, np.uint8))


def open_animation(path: Path) -> Animation:
    """Read an animation's times.

    Raises:
        InputError: not one, or damaged.
    """
    with decoder_errors(str(path)):
        check_extent(path.read_bytes(), MAX_PIXELS)
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
    held = {"plugin": "pillow", "extension": path.suffix.lower()}
    write_file(
        path, imageio.imwrite("<bytes>", np.stack(stack), duration=list(durations), loop=loop, **held, **options)
    )
    return len(stack)


def read_sequence(files: list[tuple[int, Path]]) -> Iterator[Picture]:
    """The pictures, all of one size.

    Raises:
        InputError: one is damaged, or of another size.
    """
    size: tuple[int, ...] | None = None
    for _, path in files:
        picture = replace(read_picture(path), more=())
        shape = picture.pixels.shape[:2]
        size = size or shape
        if shape != size:
            raise InputError(f"{path}: is {shape[1]}x{shape[0]}, the sequence is {size[1]}x{size[0]}")
        yield picture


def write_numbered(path: Path, picture: Picture, quality: int) -> list[str]:
    """Write one picture of a sequence; what its format cannot hold.

    Raises:
        StorageFullError, OutputError: it cannot be written.
    """
    data, remarks = encode(picture, sequence_format(str(path)), quality, "444", str(path))
    write_file(path, data)
    return remarks


def sequence_format(pattern: str) -> str:
    """Key of CODECS for a sequence.

    Raises:
        UsageError: no picture format has this suffix.
    """
    codec = codec_of(Path(pattern))
    if codec is None:
        raise UsageError(f"{pattern}: no picture format is known by this suffix (.png keeps most)")
    return codec


def frame_durations(rate: Fraction, count: int) -> list[int]:
    """Milliseconds of each frame at a rate, rounded so that their sum does not drift."""
    period = 1000 / rate
    return [round(period * (number + 1)) - round(period * number) for number in range(count)]
