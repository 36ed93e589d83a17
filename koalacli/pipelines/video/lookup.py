"""Finding the frames of a film that hints and references speak of."""

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Array, Pixels
from koalacli.color.lab import lightness_of, lightness_to_luminance, linear_to_srgb
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.control.films import FrameHints, digest_of_frames
from koalacli.errors import InputError, UsageError
from koalacli.io.film.open import clock, parse_time
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import read_bytes, read_picture
from koalacli.pipelines.video.known import KnownFrames
from koalacli.pipelines.video.plan import FilmJob, Take, told_by, wanted_frames
from koalacli.pipelines.video.scene_table import TABLE, TableRow, read_table
from koalacli.pipelines.video.scenes import SHEET
from koalacli.pipelines.video.studio import opening_studio

LOOK = (16, 12)  # width and height of what frames and pictures are compared by
NAMED_ALIKE, ALIKE = 0.5, 0.9  # correlation of luma with the frame that a name gives; with the frame it looks like
SAME_SHAPE = 0.03  # relative difference of aspect that rounding may leave
HALF_MILLISECOND = Fraction(1, 2000)  # times are written in milliseconds
MOST_NAMES = 4  # that a remark gives
TIME_IN_NAME = re.compile(r"(?<!\d)\d{4,}_(\d+-\d\d-\d\d\.\d{3})")
NUMBER_IN_NAME = re.compile(r"\d+")


@dataclass
class Survey:
    """All frames of a take, in order.

    Attributes:
        looks: float32 (192,) each, guide luma without mean and contrast.
    """

    take: Take
    pts: list[int] = field(default_factory=list)
    looks: list[Array] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame, upright."""
        info = self.take.info
        return (info.width, info.height) if round(self.take.rotation / 90) % 2 else (info.height, info.width)

    def frame_at(self, seconds: Fraction) -> int | None:
        """Number of the frame that is shown at a time; None where that lies outside."""
        base = self.take.info.time_base
        number = bisect_right(self.pts, (seconds + HALF_MILLISECOND) / base) - 1
        after = self.pts[-1] * base + 1 / self.take.info.rate
        return number if number >= 0 and seconds < after else None


def digest_of_known(job: FilmJob, config: VideoConfig) -> str:
    """Digest of all that is known of a film; empty where nothing is.

    Raises:
        UsageError: there are no references where they should be.
        InputError: one cannot be read.
    """
    parts = [digest_of_frames(job.frames)] if job.frames else []
    if config.references:
        for path in find_references(Path(config.references)):
            parts.append(f"{path.name} {hashlib.sha256(read_bytes(path)).hexdigest()}")
        rows = read_table(Path(config.references)).items()
        parts += [f"{number} like {row.like}" for number, row in rows if row.like is not None]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16] if parts else ""


def find_references(folder: Path) -> list[Path]:
    """Pictures in a folder, contact sheets left out.

    Raises:
        UsageError: no folder, or none in it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: --references needs a folder of pictures in color")
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and codec_of(path) and path.name[0] != "."]
    found = [path for path in found if not path.name.startswith(SHEET)]
    if not found:
        raise UsageError(f"{folder}: no pictures in it, so there are no references")
    return found


def find_known(take: Take, colorizer: Colorizer) -> KnownFrames:
    """Look up the frames that hints and references speak of, in a pass over the film.

    Raises:
        UsageError: hints of frames that are not there, or a mask of another size.
        InputError: a reference cannot be read.
    """
    frames, folder = take.job.frames, take.config.references
    if not frames and not folder:
        return KnownFrames()
    survey = Survey(take)
    _check_masks(survey)
    _look_through(survey, colorizer, looks=bool(folder))
    placed, remarks = _place_hints(survey, frames)
    references, likes = dict[int, Path](), dict[int, Path]()
    if folder:
        table = read_table(Path(folder))
        references, said = _place_references(survey, Path(folder), table)
        likes, told = _place_likes(survey, Path(folder), table, references)
        remarks += said + told
    gray = frozenset(pts for pts, frame in placed.items() if frame.stays_gray)
    hints = {pts: frame.hints for pts, frame in placed.items() if pts not in gray}
    return KnownFrames(hints, references, likes, gray, tuple(remarks))


def _check_masks(survey: Survey) -> None:
    height, width = survey.size
    for frame in survey.take.job.frames:
        for name, size in frame.sizes:
            if size != (height, width):
                said = f"the mask has {size[1]}x{size[0]} pixels, the film {width}x{height}"
                raise UsageError(f"{told_by(survey.take.config)}: {survey.take.job.source}: {name}: {said}")


def _look_through(survey: Survey, colorizer: Colorizer, *, looks: bool) -> None:
    """Take in every frame of a take."""
    take = survey.take
    studio = opening_studio(take, colorizer.network_shape)
    with take.open() as source:
        for frame in wanted_frames(take, source):
            survey.pts.append(frame.pts)
            if looks:
                survey.looks.append(_look_of(studio.open_shot(frame).guide_luma))
    if not survey.pts:
        raise InputError(f"{take.job.source}: there is no frame in the part asked for")


def _look_of(gray: NDArray[np.uint8]) -> Array:
    small = cv2.resize(gray, LOOK, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1.0))


def _place_hints(survey: Survey, frames: tuple[FrameHints, ...]) -> tuple[dict[int, FrameHints], list[str]]:
    """Hints by pts. Those outside of a part that was asked for are left alone, and said."""
    take, found, outside = survey.take, dict[int, FrameHints](), 0
    told = told_by(take.config)
    for frame in frames:
        if frame.seconds is None and take.cut.start is not None:
            raise UsageError(f'{told}: frame {frame.at}: a part has no such numbers; give a time as "at')
        number = int(frame.at) if frame.seconds is None else survey.frame_at(frame.seconds)
        if number is None or number >= len(survey.pts):
            if take.cut.start is None and take.cut.end is None:
                last = f"number {len(survey.pts) - 1}, at {clock(survey.pts[-1] * take.info.time_base)}"
                raise UsageError(f"{told}: {frame.at}: no such frame; the last is {last}")
            outside += 1
            continue
        if survey.pts[number] in found:
            raise UsageError(f"{told}: {frame.at}: a second entry for the same frame; make them one")
        found[survey.pts[number]] = frame
    said = [
        f"hints at {clock(pts * take.info.time_base)} ({'the scene stays gray' if frame.stays_gray else frame.hints})"
        for pts, frame in sorted(found.items())
    ]
    remarks = [_listed("", said)] if said else []
    return found, remarks + ([f"{outside} frames with hints lie outside of this part"] if outside else [])


def _place_references(survey: Survey, folder: Path, table: dict[int, TableRow]) -> tuple[dict[int, Path], list[str]]:
    """References by pts, and what became of each."""
    found: dict[int, Path] = {}
    unmatched, gray = [], []
    times, looks = {number: row.still for number, row in table.items()}, np.stack(survey.looks)
    for path in find_references(folder):
        pixels = read_picture(path).pixels
        if pixels.ndim == 2:
            gray.append(path.name)
            continue
        number = _match(path, pixels, survey, looks, times)
        if number is None or survey.pts[number] in found:
            unmatched.append(path.name)
        else:
            found[survey.pts[number]] = path
    others = [path.name for path in sorted(folder.iterdir()) if not (codec_of(path) or path.name[0] == ".")]
    parts = {
        "references": [path.name for path in found.values()],
        "not matched": unmatched,
        "still gray": gray,
        "no pictures": [name for name in others if name != TABLE],
    }
    return found, [_listed(f"{what}: ", names) for what, names in parts.items() if names]


def _place_likes(
    survey: Survey, folder: Path, table: dict[int, TableRow], references: dict[int, Path]
) -> tuple[dict[int, Path], list[str]]:
    """Pictures whose colors other scenes take, by the pts of the stills of those; a still of its own counts more.

    Raises:
        UsageError: the scene that one is like has no color.
    """
    stills = {number: survey.frame_at(row.still) for number, row in table.items()}
    pictures = {number: references.get(survey.pts[at]) for number, at in stills.items() if at is not None}
    found, said = dict[int, Path](), []
    for number, row in table.items():
        at = stills[number]
        if row.like is None or at is None or pictures[number]:
            continue
        picture = pictures.get(row.like)
        if picture is None:
            raise UsageError(f"{folder / TABLE}: scene {number} is like {row.like}, but of that there is no reference")
        found[survey.pts[at]] = picture
        said.append(f"{number} like {row.like}")
    return found, [_listed("scenes: ", said)] if said else []


def _match(path: Path, pixels: Pixels, survey: Survey, looks: Array, times: dict[int, Fraction]) -> int | None:
    """Number of the frame that a picture is of: the one that its name gives, if it looks so, else the likest."""
    (height, width), (rows, columns) = pixels.shape[:2], survey.size
    if abs(width * rows / (height * columns) - 1) > SAME_SHAPE:
        return None
    codes = linear_to_srgb(lightness_to_luminance(lightness_of(pixels)[..., 0])) * 255
    alike = looks @ _look_of(np.rint(codes).astype(np.uint8))
    seconds = _time_named(path.name, times)
    named = None if seconds is None else survey.frame_at(seconds)
    if named is not None and alike[named] >= NAMED_ALIKE:
        return named
    best = int(alike.argmax())
    return best if alike[best] >= ALIKE else None


def _time_named(name: str, times: dict[int, Fraction]) -> Fraction | None:
    """The time in a name, or that of the scene whose number is in it."""
    if found := TIME_IN_NAME.search(name):
        return parse_time(found[1].replace("-", ":"))
    number = NUMBER_IN_NAME.search(name)
    return times.get(int(number[0])) if number else None


def _listed(what: str, names: list[str]) -> str:
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return what + ", ".join([*names[:MOST_NAMES], *more])
