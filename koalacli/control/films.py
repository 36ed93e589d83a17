"""Hints of films: what is known of single frames, which a film carries on through their scenes.

{"koala-hints": 1, "pictures": {"walk.mp4": {"sha256": "…", "frames": [
    {"at": "0:03:17.240", "points": [{"x": 0.4, "y": 0.2, "color": "#6b2f2a"}]},
    {"at": 412, "polygons": [{"points": [[0.1, 0.1], [0.4, 0.1], [0.2, 0.6]], "color": "teal"}], "saturation": 1.2}]}}}
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from koalacli.control.book import Entry, load_book, read_entry, read_fields
from koalacli.control.hints import Hints
from koalacli.errors import KoalaError, UsageError
from koalacli.io.film.open import parse_time

MOST_FRAMES = 10_000
F = TypeVar("F")
OF_A_FRAME = ("points", "polygons", "masks", "saturation", "vividness", "proposal")


@dataclass(frozen=True)
class FrameHints:
    """What is known of one frame.

    Attributes:
        at: as written: a time, or the number of a frame, from 0.
        hints: see Hints.
        sizes: file -> height and width of each mask; the film, upright, must have the same.
        stays_gray: the whole scene of the frame gets no color, whatever else is known of it.
    """

    at: str | int
    hints: Hints
    sizes: tuple[tuple[str, tuple[int, int]], ...] = ()
    stays_gray: bool = False

    @property
    def seconds(self) -> Fraction | None:
        """The time; None where a frame is numbered."""
        return parse_time(self.at) if isinstance(self.at, str) else None

    @property
    def digest(self) -> str:
        """Digest of all that shapes the color."""
        return f"{self.at} gray" if self.stays_gray else f"{self.at} {self.hints.digest}"


@dataclass(frozen=True)
class FilmEntry(Entry):
    """What the file says of one film."""

    frames: tuple[FrameHints, ...] = ()


def read_film_book(path: Path) -> tuple[list[FilmEntry], list[tuple[str, str]]]:
    """Read a hints file for films.

    Returns:
        Entries, and (film, reason) of those that are wrong.

    Raises:
        UsageError: it cannot be read as a hints file at all.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; what is known of films is a hints file, or --references")
    entries: list[FilmEntry] = []
    faults: list[tuple[str, str]] = []
    for name, given in load_book(path)["pictures"].items():
        try:
            entries.append(_read_film(name, given, path.parent))
        except KoalaError as error:
            faults.append((name, str(error)))
    return entries, faults


def read_frames(name: str, given: Any, folder: Path, read: Callable[[str, Any, Path], F]) -> tuple[Entry, list[F]]:
    """The entry of one film, and each of its frames as `read` reads it.

    Raises:
        UsageError, InputError: some of it is wrong.
    """
    fields = read_fields(given, "the entry", frames=list)
    more = read_fields(given, "the entry", optional=True, frames=list, sha256=str)
    if len(fields["frames"]) > MOST_FRAMES:
        raise UsageError(f"{len(fields['frames'])} frames; {MOST_FRAMES} at most")
    entry = read_entry(name, {key: more[key] for key in ("sha256",) if key in more}, folder)
    frames: list[F] = []
    for number, frame in enumerate(fields["frames"], 1):
        try:
            frames.append(read(name, frame, folder))
        except KoalaError as error:
            raise UsageError(f"frame entry {number}: {error}") from error
    return entry, frames


def read_frame(name: str, given: Any, folder: Path) -> FrameHints:
    """The hints of one frame; time and number are checked, whether there is such a frame is not.

    Raises:
        UsageError, InputError: some of it is wrong.
    """
    if not isinstance(given, dict):
        raise UsageError(f"it is {str(given)[:40]!r}, not an object")
    if unknown := set(given) - {"at", *OF_A_FRAME}:
        raise UsageError(f"unknown {sorted(unknown)[0][:40]!r}; there is at, {', '.join(OF_A_FRAME)}")
    at = given.get("at")
    if not (isinstance(at, str) or (type(at) is int and 0 <= at < 10**9)):
        raise UsageError('"at" is a time, as "0:03:17.240", or the number of a frame, from 0')
    entry = read_entry(name, {key: value for key, value in given.items() if key != "at"}, folder)
    if isinstance(at, str):
        parse_time(at)
    return FrameHints(at, entry.hints, tuple(entry.sizes.items()))


def _read_film(name: str, given: Any, folder: Path) -> FilmEntry:
    entry, frames = read_frames(name, given, folder, _read_known_frame)
    return FilmEntry(entry.name, entry.sha256, entry.hints, entry.sizes, tuple(frames))


def _read_known_frame(name: str, given: Any, folder: Path) -> FrameHints:
    frame = read_frame(name, given, folder)
    if not frame.hints:
        raise UsageError(f"nothing is known of the frame; give {', '.join(OF_A_FRAME)}")
    return frame


def digest_of_frames(frames: tuple[FrameHints, ...]) -> str:
    """Digest of what is known of a film; empty where nothing is."""
    return hashlib.sha256(repr([frame.digest for frame in frames]).encode()).hexdigest()[:16] if frames else ""
