"""`koala video --dry-run`: what a film will take, told from a few seconds of it that are colored and thrown away."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.io.film.encode import SegmentWriter
from koalacli.io.film.open import film_writing_errors
from koalacli.journal import Journal, digest_settings
from koalacli.pipelines.video.film import existing_film, left_in_color, painted_frames
from koalacli.pipelines.video.lookup import digest_of_known
from koalacli.pipelines.video.plan import FilmJob, FilmPlan, Take, plan_film
from koalacli.records import Outcome, Record

TRIAL_SECONDS = 4.0  # of work that a film is judged by
INTO_FILM = Fraction(1, 3)  # where the trial begins: titles are no measure


@dataclass
class Trial:
    """What a part of a film took.

    Attributes:
        frames, bytes, scenes: how many; scenes begin in the part or before it.
        seconds: of work, from the first frame that was finished.
        whole: whether the part is all that is wanted.
    """

    frames: int = 0
    bytes: int = 0
    scenes: int = 0
    seconds: float = 0.0
    whole: bool = False


def forecast_film(job: FilmJob, config: VideoConfig, colorizer: Colorizer) -> Iterator[Record]:
    """The record of a film that would be colored, or of one that would not.

    Raises:
        KoalaError: it could not be; nothing is written in any case.
    """
    journal = Journal(Path(job.target).parent, digest_settings(config), colorizer.weights.digest)
    if existing := existing_film(job, config, journal, digest_of_known(job, config)):
        yield existing
        return
    plan = plan_film(job, config)
    if left := left_in_color(plan.take, colorizer):
        yield left
        return
    reason = "; ".join([_told(plan, _try(plan, colorizer)), *plan.take.remarks])
    info = plan.take.info
    yield Record(job.source, job.target, Outcome.PLANNED, reason, 0.0, info.width, info.height)


def _try(plan: FilmPlan, colorizer: Colorizer) -> Trial:
    """Color for TRIAL_SECONDS, into a file that is removed."""
    take, trial = _trial_take(plan.take), Trial()
    with tempfile.TemporaryDirectory(prefix="koala-") as folder:
        writer = SegmentWriter(Path(folder) / "trial.packets", plan.encoder)
        with (
            take.open() as source,
            film_writing_errors(Path(folder)),
            closing(painted_frames(take, source, colorizer)) as frames,
        ):
            begun = 0.0
            for painted in frames:
                begun = begun or time.perf_counter()  # what comes before it is done once per film
                writer.write(painted.frame)
                trial.frames, trial.scenes = writer.frames, trial.scenes + painted.scene_start
                if time.perf_counter() - begun > TRIAL_SECONDS:
                    break
            else:
                trial.whole = take == plan.take
        writer.finish()
        trial.seconds = time.perf_counter() - begun
        trial.bytes = sum(entry.size for entry in writer.entries)
    return trial


def _trial_take(take: Take) -> Take:
    """From a third of a long film on; all of a short one."""
    begin, end = take.cut.start or Fraction(0), take.cut.end or take.info.duration
    if (end - begin) < 10 * Fraction(TRIAL_SECONDS):
        return take
    return replace(take, cut=replace(take.cut, start=begin + (end - begin) * INTO_FILM))


def _told(plan: FilmPlan, trial: Trial) -> str:
    """Frames, scenes, codec, time and size, in words."""
    total = trial.frames if trial.whole or not plan.take.total else plan.take.total
    share, about = total / max(trial.frames, 1), "" if trial.whole else "about "
    scenes, size = 1 + round(max(trial.scenes - 1, 0) * share), trial.bytes * share
    seconds = round(trial.seconds * share)
    clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    megabytes = f"{size / 1e6:.1f}" if size < 1e8 else f"{size / 1e6:.0f}"
    told = f"{total} frames", f"{about}{scenes} scene{'s' * (scenes > 1)}", plan.encoder.codec
    return ", ".join([*told, f"about {clock}", f"about {megabytes} MB of picture"])
