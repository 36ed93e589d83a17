"""Decisions about the scenes of films, from `koala review FILM`: a verdict and hints for the still of each.

A decisions file for films is a hints file for films with more in it: beside what is known of a frame stand a verdict,
a reviewer and a date, and beside the films what stands there in `decisions`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from koalacli.control.bind import Faults
from koalacli.control.book import Entry
from koalacli.control.decisions import Decision, load_decisions, merge_decisions, read_verdict
from koalacli.control.films import FilmEntry, FrameHints, read_frame, read_frames
from koalacli.errors import KoalaError, UsageError
from koalacli.records import Notice


@dataclass(frozen=True)
class SceneDecision(Decision):
    """What is decided about a scene; its entry is named by film and time.

    Attributes:
        film: its name in the file.
        frame: which of its frames was looked at, and what is known there.
    """

    film: str
    frame: FrameHints


def read_film_decisions(
    places: Sequence[str], settings: Mapping[str, Any] | None = None
) -> tuple[list[FilmEntry], Faults, list[Notice]]:
    """What is decided about the scenes of each film, from one file or from several.

    Args:
        places: decisions files; the later decision about a scene counts.
        settings: of the run, from `color_settings`; where given, they must be those of the page that was looked at.

    Returns:
        Entries by film, (film, reason) of those that are wrong, and where people differed and what is flagged.

    Raises:
        UsageError: one of the places is no decisions file, or was made with other settings.
    """
    films: dict[str, Entry] = {}
    scenes: list[SceneDecision] = []
    faults: Faults = []
    for path in map(Path, places):
        pictures, reviewer = load_decisions(path, settings)
        for name, given in pictures.items():
            try:
                entry, found = read_frames(name, given, path.parent, partial(_read_scene, str(path), reviewer))
                if films.setdefault(name, entry).sha256 != entry.sha256:
                    raise UsageError(f"{path}: about another film of that name")
                scenes += found
            except KoalaError as error:
                faults.append((name, str(error)))
    merged, notices = merge_decisions(scenes)
    if flagged := [name for name, scene in merged.items() if scene.verdict == "flag"]:
        notices.append(Notice(f"flagged for another look: {', '.join(flagged)}"))
    entries = [
        FilmEntry(
            name,
            film.sha256,
            film.hints,
            film.sizes,
            tuple(scene.frame for scene in merged.values() if scene.film == name and _shapes(scene.frame)),
        )
        for name, film in films.items()
    ]
    return entries, faults, notices


def _read_scene(file: str, reviewer: str, film: str, given: Any, folder: Path) -> SceneDecision:
    verdict, rest = read_verdict(given, reviewer)
    if verdict[0] == "reject":
        raise UsageError('a scene cannot be left out of its film; "gray" keeps it without color')
    frame = replace(read_frame(film, rest, folder), stays_gray=verdict[0] == "gray")
    return SceneDecision(Entry(f"{film} at {frame.at}", "", frame.hints, {}), *verdict, file, film, frame)


def _shapes(frame: FrameHints) -> bool:
    return bool(frame.hints) or frame.stays_gray
