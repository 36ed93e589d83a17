"""The stretches of a film, each of which becomes a segment: found one after the other, colored apart from each other.

Where a stretch begins, and with what color it goes on, depends on all frames before, but only on their luma, their
motion and what the network says at key frames. Nothing is enlarged, painted or encoded to find that out.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from koalacli.colorizer import Colorizer
from koalacli.errors import InputError
from koalacli.io.film.encode import EncoderPlan, PacketEntry, SegmentWriter
from koalacli.io.film.open import film_writing_errors
from koalacli.io.film.segments import Joint, luma_check
from koalacli.pipelines.video.film import SHOTS_AHEAD, frames_of_segment, open_studio, painted_frames
from koalacli.pipelines.video.plan import Take, wanted_frames
from koalacli.pipelines.video.studio import Shot, predict_small
from koalacli.stream import read_ahead
from koalacli.temporal import METHODS, Carried, colorize_each, link_spans, settle_keys


@dataclass(frozen=True)
class Stretch:
    """What one segment will hold.

    Attributes:
        begin: the joint before it; None at the film's beginning.
        end: the joint after it.
        marks: digest of its key frames, for whoever decodes it again from the middle of the film.
        damage: all that was met in the film up to here.
    """

    begin: Joint | None
    end: Joint
    marks: str
    damage: tuple[str, ...]

    @property
    def frames(self) -> int:
        """How many."""
        return self.end.frames - (self.begin.frames if self.begin else 0)


class Marks:
    """A digest of key frames."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=12)

    def add(self, pts: int, check: str) -> None:
        """One more, by its `luma_check`."""
        self._digest.update(f"{pts} {check} ".encode())

    def __str__(self) -> str:
        return self._digest.hexdigest()


def find_stretches(
    take: Take, colorizer: Colorizer, joint: Joint | None, damage: list[str]
) -> Generator[Stretch, None, None]:
    """The stretches of a take from a joint on, cut where one run over the whole film cuts its segments.

    Args:
        take: what is colored; nothing may be known of its colors.
        colorizer: as for coloring.
        joint: where the first begins; None at the film's beginning.
        damage: what was met before.

    Raises:
        InputError: the film cannot be read, or there is no frame.
    """
    enough = frames_of_segment(take)
    begin, begun = joint, joint.frames if joint else 0
    frames, marks = begun, Marks()
    studio, carried = open_studio(take, colorizer, joint)
    with take.open(damage) as source:
        shots = read_ahead((studio.open_shot(frame) for frame in wanted_frames(take, source, joint)), SHOTS_AHEAD)
        with closing(shots):
            for count, shot, scene_start, arrived in _keys(shots, take, colorizer, carried):
                if scene_start:
                    studio.begin_scene(shot)
                before, frames = frames + count - 1, frames + count
                check = luma_check(shot.planes[0])
                if before - begun >= enough:
                    end = Joint(shot.pts, check, before, studio.state(arrived))
                    yield Stretch(begin, end, str(marks), _told(source.damage))
                    begin, begun, marks = end, before, Marks()
                marks.add(shot.pts, check)
        if frames == begun:
            raise InputError(f"{take.job.source}: there is no frame in the part asked for")
        yield Stretch(begin, Joint(None, "", frames, {}), str(marks), _told(source.damage))


def _keys(
    shots: Iterator[Shot], take: Take, colorizer: Colorizer, carried: Carried | None
) -> Iterator[tuple[int, Shot, bool, Carried]]:
    """Of every frame where a segment may begin: frames since the one before, itself, whether a scene begins, color."""
    if take.config.temporal == "off":
        nothing = np.empty((0, 0, 2), np.float32)
        for one in colorize_each(shots, lambda guides: [nothing for _ in guides]):
            assert one.carried is not None  # every frame is a scene
            yield 1, one.shot, True, one.carried
        return
    method = METHODS[take.config.temporal]
    spans = read_ahead(link_spans(shots, method), 1)
    with closing(spans):
        for settled in settle_keys(spans, predict_small(colorizer), method, carried):
            shots_of_span = settled.key.shots
            yield len(shots_of_span), shots_of_span[-1], settled.key.scene_start, settled.carried


def _told(damage: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(damage))


def colorize_stretch(
    take: Take,
    encoder: EncoderPlan,
    colorizer: Colorizer,
    stretch: Stretch,
    path: Path,
    stopped: Callable[[], bool] = lambda: False,
) -> list[PacketEntry]:
    """Color one stretch into a segment at `path`; nothing, and no file, where it was stopped.

    Raises:
        InputError: the film decodes otherwise than before.
        StorageFullError, OutputError: the segment cannot be written.
    """
    for seeks in (True, False):  # a seek may lead past what the first frames are decoded from
        writer = SegmentWriter(path, encoder)
        try:
            if _color(take, colorizer, stretch, writer, seeks=seeks, stopped=stopped):
                with film_writing_errors(path):
                    writer.finish()
                return writer.entries
        except BaseException:
            writer.abandon()
            raise
        writer.abandon()
        if stopped():
            return []
    raise InputError(f"{take.job.source}: does not decode twice in the same way; leave --ray out")


def _color(
    take: Take,
    colorizer: Colorizer,
    stretch: Stretch,
    writer: SegmentWriter,
    *,
    seeks: bool,
    stopped: Callable[[], bool],
) -> bool:
    """Write the frames of a stretch; whether they were those that it was found by."""
    marks = Marks()
    with (
        take.open() as source,
        film_writing_errors(writer.path),
        closing(painted_frames(take, source, colorizer, stretch.begin, seeks=seeks)) as frames,
    ):
        for painted in frames:
            if stretch.end.pts is not None and painted.pts >= stretch.end.pts:
                break
            if stopped():
                return False
            if painted.state is not None:
                marks.add(painted.pts, painted.check)
            writer.write(painted.frame)
    return writer.frames == stretch.frames and str(marks) == stretch.marks
