"""Writing several colorings of one photograph: a file each, a sheet to compare them, and what they are as JSON."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from koalacli.arrays import Array, Rgb8
from koalacli.color.join import merge_color
from koalacli.control.bind import ProposalsJob
from koalacli.control.proposals import Proposal
from koalacli.errors import OutputError, writing_errors
from koalacli.io.files import new_file, write_file
from koalacli.io.picture.codecs import encode
from koalacli.io.picture.metadata import Metadata
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.xmp import Provenance, with_provenance
from koalacli.io.texts import as_json, write_text
from koalacli.photograph.canvas import Canvas

MARK, VERSION = "koala-proposals", 1
TILE_SIDE, TILE_GAP, LABEL = 400, 12, 34  # of the sheet: short side of a picture, space around it, height of its number
PAPER, INK = 244, 40  # gray levels
SHEET_QUALITY = 90


def write_proposals(
    job: ProposalsJob, canvas: Canvas, proposals: list[Proposal], provenance: Provenance, times: tuple[int, int] | None
) -> list[str]:
    """Write all files of a photograph; returns remarks.

    What the files are is written first: after a crash a rerun knows them as koala's own. Those of an earlier run that
    are no more are removed.

    Raises:
        StorageFullError, OutputError: one cannot be written.
    """
    earlier, targets = _known(job), job.targets[: len(proposals)]
    names = [Path(target).name for target in targets]
    facts = [
        {"file": name, "kind": one.kind, "toward": one.toward, "cost": one.cost, "apart": one.apart}
        for name, one in zip(names, proposals, strict=True)
    ]
    gone = [path for path in earlier if path.exists() and path.name not in names]
    held = [{"file": path.name, "kind": "of an earlier run"} for path in gone]
    write_text(Path(job.facts), _as_text(job, facts + held, proposals))
    remarks: list[str] = []
    for target, one in zip(targets, proposals, strict=True):
        with new_file(Path(target), times) as file:
            remarks += canvas.write(file, [one.ab], job.source)
    sheet = Picture(_sheet(canvas, proposals), metadata=Metadata(xmp=with_provenance(b"", provenance)))
    write_file(Path(job.sheet), encode(sheet, "jpeg", SHEET_QUALITY, "444", job.sheet)[0])
    for path in gone:
        with writing_errors(path):
            path.unlink()
    if gone:
        write_text(Path(job.facts), _as_text(job, facts, proposals))
    return [*dict.fromkeys(remarks), _in_words(job, len(proposals))]


def has_all(job: ProposalsJob) -> bool:
    """Whether an earlier run has written everything, and it is still there."""
    known = _known(job)
    return bool(known) and all(path.exists() for path in (*known, Path(job.sheet)))


def refuse_strangers(job: ProposalsJob) -> None:
    """Refuse to replace files that are none of koala's proposals.

    Raises:
        OutputError: there is one where a proposal, the sheet or its facts would go.
    """
    known = {path.name for path in _known(job)}
    own = [job.sheet, job.facts] if known else []
    for target in (*job.targets, job.sheet, job.facts):
        if target not in own and Path(target).name not in known and Path(target).exists():
            raise OutputError(f"{target}: exists and is no proposal of koala's; choose another folder")


def _known(job: ProposalsJob) -> list[Path]:
    """Pictures that an earlier run has written, as it has told."""
    place = Path(job.facts)
    told: Any = None
    with suppress(OSError, ValueError, RecursionError):
        told = json.loads(place.read_text("utf-8"))
    if not isinstance(told, dict) or told.get(MARK) != VERSION or not isinstance(told.get("proposals"), list):
        return []
    output = Path(job.output)
    files = [one.get("file") for one in told["proposals"] if isinstance(one, dict)]
    allowed = {f"{output.stem}.{number}{output.suffix}" for number in range(1, 100)}  # a file of facts names no others
    return [place.with_name(name) for name in files if isinstance(name, str) and name in allowed]


def _as_text(job: ProposalsJob, facts: list[dict[str, Any]], proposals: list[Proposal]) -> str:
    told = {MARK: VERSION, "picture": Path(job.source).name, "asked": job.count}
    return as_json({**told, "proposals": facts, "regions": proposals[0].regions}) + "\n"


def _in_words(job: ProposalsJob, count: int) -> str:
    if count == job.count:
        return f"{count} proposals"
    return f"{count} proposal{'s' * (count > 1)} of {job.count}: the network finds no more possible that differ clearly"


def _sheet(canvas: Canvas, proposals: list[Proposal]) -> Rgb8:
    """All proposals, small and numbered, two in a row."""
    tiles = [_tile(canvas, one.ab, str(number)) for number, one in enumerate(proposals, 1)]
    tiles += [np.full_like(tiles[0], PAPER)] * (len(tiles) % 2 if len(tiles) > 1 else 0)
    columns = min(2, len(tiles))
    rows = [np.concatenate(tiles[first : first + columns], axis=1) for first in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def _tile(canvas: Canvas, ab: Array, label: str) -> Rgb8:
    """One proposal in the shape of its picture, upright, with its number above."""
    guide = canvas.guides[0]
    height, width = guide.shape[:2]
    ratio = max(canvas.size) / min(canvas.size)
    long = round(TILE_SIDE * min(ratio, 4))
    size = (TILE_SIDE, long) if height > width else (long, TILE_SIDE)
    lightness = cv2.resize(guide, size, interpolation=cv2.INTER_CUBIC)[..., None].clip(0, 100)
    tile = merge_color(lightness, guide, ab)
    gaps = (LABEL, TILE_GAP, TILE_GAP, TILE_GAP)
    framed = cv2.copyMakeBorder(tile, *gaps, cv2.BORDER_CONSTANT, value=(PAPER, PAPER, PAPER))
    return np.asarray(
        cv2.putText(framed, label, (TILE_GAP, LABEL - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (INK,) * 3, 2, cv2.LINE_AA)
    )
