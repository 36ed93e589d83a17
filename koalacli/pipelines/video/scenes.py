"""A still of every scene of a film, to be colored by whatever means, with a contact sheet and a table."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Pixels
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.errors import InputError, OutputError, UsageError
from koalacli.io.files import write_file
from koalacli.io.film.frames import frame_pixels
from koalacli.io.film.open import clock, parse_time
from koalacli.io.film.source import FilmSource
from koalacli.io.picture.codecs import encode, to_8bit
from koalacli.io.picture.picture import Picture
from koalacli.pipelines.video.plan import FilmJob, Take, open_source, plan_take, wanted_frames
from koalacli.pipelines.video.scene_table import TABLE, read_table, table_of
from koalacli.pipelines.video.studio import opening_studio
from koalacli.records import Outcome, Progress, Record
from koalacli.temporal import METHODS, link_spans

SHEET = "contact_sheet"
TILE, COLUMNS_OF_SHEET, SCENES_PER_SHEET = 240, 6, 240  # width of a still, pixels
LABEL, GAP = 18, 4  # pixels


@dataclass(frozen=True)
class Scene:
    """Frames between two cuts.

    Attributes:
        number: from 1, in the part of the film that was looked at.
        pts: of its frames, in units of `time_base`, seconds.
    """

    number: int
    pts: tuple[int, ...]
    time_base: Fraction

    @property
    def still(self) -> int:
        """The pts of its middle, from which both ends are nearest."""
        return self.pts[len(self.pts) // 2]

    @property
    def name(self) -> str:
        """File of its still: 0042_0-03-17.240.png."""
        return f"{self.number:04}_{self.clock(self.still).replace(':', '-')}.png"

    def clock(self, pts: int) -> str:
        """The time of a frame, h:mm:ss.sss."""
        return clock(pts * self.time_base)

    def row(self, likes: dict[Fraction, int | None]) -> tuple[Any, ...]:
        """For the table; `likes` are what an earlier one says of scenes, by the times of their stills."""
        times, still = (self.clock(self.pts[0]), self.clock(self.pts[-1])), self.clock(self.still)
        return (self.number, *times, len(self.pts), still, self.name, likes.get(parse_time(still)) or "")


def export_scenes(source: str, config: VideoConfig, colorizer: Colorizer) -> Iterator[Progress | Record]:
    """Write the stills, sheets and table of a film into `config.export_scenes`; yields Progress, at last one Record.

    The cuts are those at which coloring begins anew. Stills that are there already stay, for they may be in color by
    now: `config.on_exist` decides.

    Raises:
        InputError: the film cannot be read.
        OutputError: a still cannot be written, or is there and must not be.
    """
    started = time.perf_counter()
    folder = Path(config.export_scenes)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; --export-scenes needs one")
    job = FilmJob(source, str(folder))
    with open_source(job, config) as film:
        take = plan_take(film, job, config)
    scenes: list[Scene] = []
    seen = 0
    for scene in find_scenes(take, colorizer):
        scenes.append(scene)
        seen += len(scene.pts)
        yield Progress(source, seen, max(take.total, seen), seen, time.perf_counter() - started)
    if not scenes:
        raise InputError(f"{source}: there is no frame in the part asked for")
    kept, damage = 0, []
    tiles: list[Pixels] = []
    with take.open() as film:
        for scene, pixels in stills_of(take, film, scenes):
            tiles.append(_tile(scene, pixels))
            kept += not _write_still(folder / scene.name, pixels, config.on_exist)
        damage = list(dict.fromkeys(film.damage))
    known = {row.still: row.like for row in read_table(folder).values()}  # what somebody wrote stays
    write_file(folder / TABLE, table_of(scene.row(known) for scene in scenes))
    for first in range(0, len(tiles), SCENES_PER_SHEET):
        sheet = Picture(_sheet(tiles[first : first + SCENES_PER_SHEET]))
        path = folder / f"{SHEET}_{first // SCENES_PER_SHEET + 1}.jpg"
        write_file(path, encode(sheet, "jpeg", 88, "420", str(path))[0])
    said = [f"{len(scenes)} scene{'s' * (len(scenes) > 1)}"]
    said += [f"{kept} stills were there and stay (--on-exist overwrite makes them anew)"] if kept else []
    said += [f"damaged: {', '.join(damage[:3])}"] if damage else []
    outcome = Outcome.FAILED if damage else Outcome.DONE
    reason = "; ".join(said)
    seconds = time.perf_counter() - started
    yield Record(source, str(folder), outcome, f"{source}: {reason}" if damage else reason, seconds)


def find_scenes(take: Take, colorizer: Colorizer) -> Iterator[Scene]:
    """The scenes of a take, as coloring it finds them."""
    studio = opening_studio(take, colorizer.network_shape)
    number, pts = 1, list[int]()
    method = METHODS.get(take.config.temporal, METHODS["fast"])
    with take.open() as source:
        shots = (studio.open_shot(frame) for frame in wanted_frames(take, source))
        for span in link_spans(shots, method):
            if pts and not span.links:
                yield Scene(number, tuple(pts), take.info.time_base)
                number, pts = number + 1, []
            pts += [shot.pts for shot in span.shots]
    if pts:
        yield Scene(number, tuple(pts), take.info.time_base)


def stills_of(take: Take, film: FilmSource, scenes: list[Scene]) -> Iterator[tuple[Scene, Pixels]]:
    """The middle frame of every scene: rgb (H, W, 3), uint16, upright; gray ones too, to paint on."""
    wanted = {scene.still: scene for scene in scenes}
    for frame in wanted_frames(take, film):
        if scene := wanted.pop(frame.pts, None):
            rgb = np.rot90(frame_pixels(frame, take.info.tags, deep=True), round(take.rotation / 90))
            yield scene, np.ascontiguousarray(rgb)
        if not wanted:
            return


def _write_still(path: Path, pixels: Pixels, on_exist: str) -> bool:
    """Write a still; False if it is there and stays."""
    if path.exists() and on_exist == "error":
        raise OutputError(f"{path}: exists already (--on-exist error)")
    if path.exists() and on_exist == "skip":
        return False
    write_file(path, encode(Picture(pixels), "png", 95, "444", str(path))[0])
    return True


def _tile(scene: Scene, pixels: Pixels) -> NDArray[np.uint8]:
    """A small still over its number and time, rgb8."""
    height = max(1, round(pixels.shape[0] * TILE / pixels.shape[1]))
    tile = np.full((height + LABEL, TILE, 3), 255, np.uint8)
    tile[:height] = to_8bit(cv2.resize(pixels, (TILE, height), interpolation=cv2.INTER_AREA))
    text = f"{scene.number}  {scene.clock(scene.still)}"
    cv2.putText(tile, text, (2, height + LABEL - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def _sheet(tiles: list[Pixels]) -> NDArray[np.uint8]:
    """Tiles in rows."""
    height, width = tiles[0].shape[:2]
    columns = min(COLUMNS_OF_SHEET, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + GAP), number % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = tile
    return sheet
