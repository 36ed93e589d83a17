"""Which files are films, and how they are opened."""

import functools
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from koalacli.errors import InputError, NothingMatchedError, OutputError, UsageError, writing_errors
from koalacli.io.suffixes import is_film

# Demuxers that read other files, or the network, on behalf of the one that was named; `image2` reads its neighbors
# where a name looks like a pattern.
POINTERS = {"concat", "concatf", "hls", "dash", "sdp", "rtp", "rtsp", "imf", "webm_dash_manifest", "image2"}
POINTER_HEADS = (b"ffconcat", b"#EXTM3U", b"v=0", b"[playlist]")
NUMBER = re.compile(r"%0?(\d*)d")  # frames/%06d.png
USUAL_RATE = Fraction(25)
LONGEST_TIME = 10**6  # of hours, minutes or seconds: FFmpeg counts in 64 bits

# PyAV ignores FFmpeg's log unless a level is set, and so it must stay: with one, FFmpeg's threads ask
# for Python's lock to log an error, while closing a decoder holds it and waits for them.


def is_sequence(path: Path) -> bool:
    """Whether a path is the pattern of a numbered sequence; a file of that very name is a file."""
    return bool(NUMBER.search(path.name)) and not is_film(path) and not path.is_file()


def address_of(path: Path) -> str:
    """A path as FFmpeg takes it for a file whatever its name: `http:` may be a folder, `Faust: 1926.mp4` a film."""
    return f"file:{path}"


def open_container(path: Path, rate: Fraction = USUAL_RATE) -> Any:
    """Open a film, or a numbered sequence of pictures at a rate, for reading; no other file is read.

    Raises:
        InputError: it cannot be; says why.
    """
    with reading_errors(path):
        options = {"protocol_whitelist": "file"}
        if is_sequence(path):
            first = whole_sequence(path)[0]
            options |= {"framerate": str(rate), "start_number": str(first), "pattern_type": "sequence"}
            folder = str(path.parent).replace("%", "%%")  # only the name is a pattern
            return av.open(address_of(Path(folder, path.name)), format="image2", options=options)
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        if not os.path.getsize(path):  # noqa: PTH202 - a path is at hand, its stat is not
            raise InputError(f"{path}: the file is empty")
        if _points_elsewhere(path):
            raise InputError(f"{path}: is a list of other files or addresses, no film; name the film itself")
        options["format_whitelist"] = _known_formats()
        container = av.open(address_of(path), metadata_errors="replace", options=options)
        name = container.format.name
        if name == "image2" or name.endswith("_pipe"):
            container.close()
            raise InputError(f"{path}: is a picture, no film; `koala colorize` takes it")
        if name == "tty":  # FFmpeg paints any text as a terminal would
            container.close()
            raise InputError(f"{path}: is a text, no film")
        return container


def opens_as_film(path: Path) -> bool:
    """Whether a file holds moving pictures, whatever its name."""
    try:
        with open_container(path) as container:
            return bool(film_streams(container))
    except InputError:
        return False


def _points_elsewhere(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(POINTER_HEADS) or b"<MPD" in head


@functools.cache
def _known_formats() -> str:
    return ",".join(sorted(av.formats_available - POINTERS))


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Turn FFmpeg's errors into an InputError that names the file."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a film ({error.strerror or error})") from error


@contextmanager
def film_writing_errors(path: Path) -> Iterator[None]:
    """As `errors.writing_errors`, for what FFmpeg writes: not all of its errors are the system's."""
    with writing_errors(path):
        try:
            yield
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"{path}: cannot be written as a film ({error.strerror or error})") from error


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
    named = [(int(match[1]), path) for match, path in matches if match]
    found = sorted((number, path) for number, path in named if path == numbered(pattern, number))
    if not found:
        raise NothingMatchedError(f"{pattern}: no such pictures")
    return found


def numbered(pattern: str, number: int) -> Path:
    """One file of a sequence."""
    folder, name = Path(pattern).parent, Path(pattern).name
    return folder / NUMBER.sub(lambda match: f"{number:0{match[1] or 1}}", name, count=1)


def whole_sequence(pattern: Path) -> range:
    """The numbers of a sequence that lacks none.

    Raises:
        NothingMatchedError: there is no picture.
        InputError: one is missing in the middle.
    """
    numbers = [number for number, _ in find_sequence(str(pattern))]
    for wanted, number in enumerate(numbers, start=numbers[0]):
        if number != wanted:
            raise InputError(f"{numbered(str(pattern), wanted)}: is missing, and a film has no gaps")
    return range(numbers[0], numbers[-1] + 1)


def identity_of(path: Path) -> str:
    """Changes when the file, or a file of the sequence, does."""
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in _files_of(path)]
    return hashlib.sha256(repr(stats).encode()).hexdigest()


def stamp_of_film(path: Path) -> tuple[int, int]:
    """Size in bytes and latest modification, nanoseconds, of a film or of all files of a sequence; see `journal`."""
    stats = [file.stat() for file in _files_of(path)]
    return sum(one.st_size for one in stats), max(one.st_mtime_ns for one in stats)


def _files_of(path: Path) -> list[Path]:
    return [file for _, file in find_sequence(str(path))] if is_sequence(path) else [path]


def film_streams(container: Any) -> list[Any]:
    """Video streams that are films, cover art left out."""
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def breaks_off(path: Path) -> bool:
    """Whether an mp4 or mov file is shorter than its outermost boxes say (ISO/IEC 14496-12, 4.2)."""
    size, place = path.stat().st_size, 0
    with path.open("rb") as file:
        while place < size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:  # the true length follows the name
                length = int.from_bytes(head[8:16], "big")
            if length == 0:  # the last box goes on to the end
                return False
            if length < 8:
                return True
            place += length
    return place > size


def clock(seconds: Fraction | float) -> str:
    """Seconds as h:mm:ss.sss."""
    total = round(float(seconds) * 1000)
    sign, total = ("-", -total) if total < 0 else ("", total)
    return f"{sign}{total // 3_600_000}:{total // 60_000 % 60:02}:{total // 1000 % 60:02}.{total % 1000:03}"


def parse_time(text: str) -> Fraction:
    """Seconds from `90`, `1:30`, `0:01:30.5`.

    Raises:
        UsageError: anything else.
    """
    parts = [as_fraction(part) for part in text.split(":")]
    if len(parts) > 3 or any(part is None or not 0 <= part <= LONGEST_TIME for part in parts):
        raise UsageError(f"{text!r} is no time; give seconds or h:mm:ss")
    seconds = Fraction(0)
    for part in parts:
        seconds = seconds * 60 + (part or 0)
    return seconds


def as_fraction(text: str) -> Fraction | None:
    """A number or a fraction, as 29.97 or 24000/1001; None where it is neither."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
