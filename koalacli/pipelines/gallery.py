"""The pictures of a run, before and after, for its gallery: read back from where they lie, when all is done."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from koalacli.arrays import Rgb8
from koalacli.errors import KoalaError
from koalacli.io.film.frames import film_length, frame_at
from koalacli.io.picture.codecs import codec_of, to_rgb8
from koalacli.io.picture.read import read_picture
from koalacli.records import Outcome, Record
from koalacli.report.gallery import Exhibit, gallery_page


def make_gallery(title: str, records: Sequence[Record], begin: float = 0.0) -> str:
    """The page of a run: of films the frame in their middle; what cannot be shown is named.

    Args:
        title: of the page.
        records: of the run.
        begin: where in their sources films begin, seconds.
    """
    return gallery_page(title, (_exhibit(record, begin) for record in sorted(records, key=_place)))


def _place(record: Record) -> tuple[str, list[tuple[int, str]]]:
    """Where a record stands: by folder, and in it by name, numbers by their value."""
    folder, _, name = record.source.rpartition("/")
    parts = re.split(r"(\d+)", name)
    return folder, [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in parts]


def _exhibit(record: Record, begin: float) -> Exhibit:
    name, target = record.source, Path(record.target or "-")
    if record.outcome not in (Outcome.DONE, Outcome.SKIPPED) or not target.is_file():
        return Exhibit(name, record.outcome, record.reason or f"written to {record.target}" * bool(record.target))
    try:
        before, after = _look(Path(name), target, begin)
    except KoalaError as error:  # such as a source that is gone by now
        return Exhibit(name, record.outcome, f"{record.target}: cannot be shown ({error})")
    # A copy, or a film that holds both beside each other, stands alone.
    alone = before.shape != after.shape or np.array_equal(before, after)
    remark = record.reason * (record.outcome == Outcome.DONE)  # that it was there already is of no interest here
    return Exhibit(name, record.outcome, remark, None if alone else before, after)


def _look(source: Path, target: Path, begin: float) -> tuple[Rgb8, Rgb8]:
    """A picture and what was made of it, of animations the first frame, of films the middle one."""
    if codec_of(target):
        return to_rgb8(read_picture(source).pixels), to_rgb8(read_picture(target).pixels)
    middle = film_length(target) / 2
    return frame_at(source, begin + middle), frame_at(target, middle)
