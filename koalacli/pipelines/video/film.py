"""One film: plan, take up an earlier run, color in segments, put together."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.errors import InputError
from koalacli.io.film.encode import LIBRARY, SegmentWriter
from koalacli.io.film.mux import assemble
from koalacli.io.film.open import film_writing_errors, identity_of, reading_errors
from koalacli.io.film.segments import Joint, WorkFolder, fingerprint_of
from koalacli.io.film.source import FilmSource
from koalacli.journal import Journal, digest_settings
from koalacli.journal_lines import Beginning, Stamp
from koalacli.pipelines.video.known import NOTHING_KNOWN, KnownFrames, known_ahead, with_known
from koalacli.pipelines.video.lookup import digest_of_known, find_known
from koalacli.pipelines.video.plan import FilmJob, FilmPlan, Take, plan_film, wanted_frames
from koalacli.pipelines.video.studio import Painted, Studio, opening_studio, predict_small
from koalacli.records import Outcome, Progress, Record
from koalacli.stream import read_ahead
from koalacli.temporal import METHODS, Carried, colorize_each, colorize_spans, link_spans
from koalacli.version import __version__

SEGMENT_SECONDS = 10  # of film that an interrupted run may lose, about
PROGRESS_SECONDS = 0.5  # between two reports
SHOTS_AHEAD, PAINTED_AHEAD = 8, 4  # frames waiting between two threads
COLOR_PROBES = (0.1, 0.3, 0.5, 0.7, 0.9)  # where a film must be in color, as shares of its length
MOST_REMARKS = 3  # damages that are named; the others are counted


@dataclass(frozen=True)
class FilmRun:
    """A film whose work is open for this run.

    Attributes:
        journal: of the output's folder.
        own: digest of what is known of this film.
        stamp: of the film when it was opened.
        started: clock, seconds.
    """

    plan: FilmPlan
    work: WorkFolder
    journal: Journal
    own: str
    stamp: Stamp
    started: float

    def finish(self, known: Sequence[str] = ()) -> Record:
        """Put the segments together; `known` is what is to be said of hints and references.

        Raises:
            OutputError: the film cannot be written; the segments stay.
            InputError: the film is not what it was when this run began, as one that is still being copied.
        """
        job = self.plan.take.job
        self.journal.begin([Beginning(job.target, self.stamp, self.own, job.origin or job.source, tells=False)])
        damage = _put_together(self.plan, self.work, Path(job.target), self.stamp)
        record = _record(self.plan, self.work, [*known], damage, time.perf_counter() - self.started)
        outcome, seconds, reason = record.outcome, record.seconds, record.reason
        self.journal.note(job.target, self.stamp, outcome, seconds, reason, self.own, source=job.origin or job.source)
        self.work.remove()
        return record


@contextmanager
def begin_film(job: FilmJob, config: VideoConfig, colorizer: Colorizer) -> Iterator[FilmRun | Record]:
    """Open a film and the work on it, with what an earlier run left; or the record of one that needs no work.

    Raises:
        InputError, UnsupportedError: the film.
        OutputError: the output exists and must not, or another run is at work on it.
    """
    started = time.perf_counter()
    target = Path(job.target)
    journal = Journal(target.parent, digest_settings(config), colorizer.weights.digest)
    own = digest_of_known(job, config)
    if existing := existing_film(job, config, journal, own):
        yield existing
        return
    stamp, plan = job.stamp(), plan_film(job, config)
    if left := left_in_color(plan.take, colorizer):
        yield left
        return
    with WorkFolder(target, work_name(journal, own), _fingerprint(plan, colorizer)) as work:
        journal = journal.reread()
        if existing := existing_film(job, config, journal, own):  # by a run that ended a moment ago
            yield existing
        else:
            yield FilmRun(plan, work, journal, own, stamp, started)


def colorize_film(job: FilmJob, config: VideoConfig, colorizer: Colorizer) -> Iterator[Progress | Record]:
    """Color one film; yields Progress now and then, at last one Record.

    A film that is damaged is colored as far as it can be decoded, and its Record is FAILED.

    Raises:
        OutputError: the output exists and must not, or another run is at work on it.
        StorageFullError: finished segments are kept.
    """
    with begin_film(job, config, colorizer) as run:
        if isinstance(run, Record):
            yield run
            return
        known = find_known(run.plan.take, colorizer)
        if not run.work.done:
            yield from _colorize_segments(run.plan, run.work, colorizer, known)
        record = run.finish(known.remarks)
    yield record


def _record(plan: FilmPlan, work: WorkFolder, known: list[str], damage: list[str], seconds: float) -> Record:
    take = plan.take
    unfinished = [f"unfinished work with other settings is kept in {folder}" for folder in work.others()]
    frames = work.joint.frames if work.joint else 0
    reason = "; ".join([*take.remarks, *known, *work.remarks, *unfinished, *summed_damage(damage, frames)])
    outcome = Outcome.FAILED if damage else Outcome.DONE
    reason = f"{take.job.source}: {reason}" if damage else reason
    return Record(take.job.source, take.job.target, outcome, reason, seconds, take.info.width, take.info.height)


def work_name(journal: Journal, own: str = "") -> str:
    """What work with a journal's settings and weights, and what is known of this film, is called."""
    return fingerprint_of(journal.settings, journal.weights, *filter(None, [own]))[:8]


def _put_together(plan: FilmPlan, work: WorkFolder, target: Path, stamp: Stamp) -> list[str]:
    """Make the final file; all damage that was met. What could not be finished is removed."""
    part, source = work.folder / f"film{target.suffix}", Path(plan.take.job.source)
    try:
        with film_writing_errors(target):
            damage = work.damage + assemble(
                source,
                work.segments,
                plan.encoder,
                plan.streams,
                plan.take.cut,
                plan.take.matrix,
                part,
            )
            with reading_errors(source):
                if plan.take.job.stamp() != stamp:
                    raise InputError(f"{source}: the film changed while it was colored; run again when it is complete")
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return damage


def _colorize_segments(
    plan: FilmPlan, work: WorkFolder, colorizer: Colorizer, known: KnownFrames
) -> Iterator[Progress]:
    """Color what the work lacks, segment by segment."""
    take, joint = plan.take, work.joint
    done = before = joint.frames if joint else 0
    begun = reported = time.perf_counter()
    enough = frames_of_segment(take)
    writer: SegmentWriter | None = None
    with (
        take.open(work.damage) as source,
        film_writing_errors(work.folder),
        closing(painted_frames(take, source, colorizer, joint, known)) as frames,
    ):
        try:
            for painted in frames:
                if writer and painted.state is not None and writer.frames >= enough:
                    _close_segment(writer, work, painted, done, source.damage)
                    writer = None
                writer = writer or SegmentWriter(work.next_path(), plan.encoder)
                writer.write(painted.frame)
                done += 1
                if time.perf_counter() - reported > PROGRESS_SECONDS:
                    reported = time.perf_counter()
                    yield Progress(take.job.source, done, take.total, done - before, reported - begun)
            if writer is None:
                raise InputError(f"{take.job.source}: there is no frame in the part asked for")
            _close_segment(writer, work, None, done, source.damage)
            writer = None
        finally:
            if writer:
                writer.abandon()
    yield Progress(take.job.source, done, done, done - before, time.perf_counter() - begun)


def frames_of_segment(take: Take) -> int:
    """Frames after which a segment ends at the next key frame."""
    return max(1, round(SEGMENT_SECONDS * take.info.rate))


def _close_segment(
    writer: SegmentWriter, work: WorkFolder, following: Painted | None, done: int, damage: list[str]
) -> None:
    writer.finish()
    if following is None:
        joint = Joint(None, "", done, {})
    else:
        assert following.state is not None
        joint = Joint(following.pts, following.check, done, following.state)
    work.add(writer.entries, joint, list(dict.fromkeys(damage)))


def painted_frames(
    take: Take,
    source: FilmSource,
    colorizer: Colorizer,
    joint: Joint | None = None,
    known: KnownFrames = NOTHING_KNOWN,
    *,
    seeks: bool = True,
) -> Generator[Painted, None, None]:
    """The frames of a take, colored, from the joint on; every stage in a thread of its own."""
    config = take.config
    studio, carried = open_studio(take, colorizer, joint)
    shots = (studio.open_shot(frame) for frame in wanted_frames(take, source, joint, seeks=seeks))
    predict = predict_small(colorizer)
    if config.temporal == "off":
        colored = colorize_each(read_ahead(shots, SHOTS_AHEAD), predict)
    else:
        method = METHODS[config.temporal]
        spans = link_spans(shots, method, known.holds)
        if known:
            spans = with_known(spans, known_ahead(take, known, colorizer, method))
        colored = colorize_spans(read_ahead(spans, 1), predict, method, carried)
    yield from read_ahead((studio.paint(one) for one in read_ahead(colored, SHOTS_AHEAD)), PAINTED_AHEAD)


def open_studio(take: Take, colorizer: Colorizer, joint: Joint | None) -> tuple[Studio, Carried | None]:
    """The studio of a take, and the color that arrives at the joint."""
    config, info = take.config, take.info
    studio = Studio(info, take.pixel_format, colorizer.network_shape, take.rotation, config.colored, take.layout)
    return studio, studio.take_up(joint.state) if joint else None


def existing_film(job: FilmJob, config: VideoConfig, journal: Journal, own: str = "") -> Record | None:
    """The record of a film that is there and stays; None if it has to be made.

    Raises:
        OutputError: it is there, and must not be.
    """
    entry, stamp = journal.find(job.target), job.stamp()
    damaged = entry is not None and journal.is_current(entry, stamp, own) and entry.outcome == Outcome.FAILED
    if entry and damaged and config.on_exist == "skip" and journal.has_output(job.target):
        reason = f"{entry.reason} (as before; --on-exist overwrite tries again)"
        return Record(job.source, job.target, Outcome.FAILED, reason)
    if journal.keeps(job.target, stamp, config.on_exist, own):
        return Record(job.source, job.target, Outcome.SKIPPED, "output exists", kind="there already")
    return None


def left_in_color(take: Take, colorizer: Colorizer) -> Record | None:
    """The record of a film that is left alone because it is in color already; None if it is to be colored."""
    kind, shares = "in color already", {"auto": COLOR_PROBES, "skip": (0.0,)}.get(take.config.colored, ())
    seen = False
    for share in shares:
        colored = _is_in_color(take, colorizer, share)
        if colored is False:
            return None
        seen = seen or colored is True
    if not seen:
        return None
    reason = f"{kind}; --colored recolor makes its color anew" if take.config.colored == "auto" else kind
    return Record(take.job.source, take.job.target, Outcome.SKIPPED, reason, kind=f"{kind}, left alone")


def _is_in_color(take: Take, colorizer: Colorizer, share: float) -> bool | None:
    """Whether the frame after a share of the take is; None where there is none so late."""
    begin, info = take.cut.start or Fraction(0), take.info
    length = (take.cut.end or info.duration) - begin
    start = begin + length * Fraction(share) if share else take.cut.start
    with take.open() as source:
        studio = opening_studio(take, colorizer.network_shape)
        frame = next(wanted_frames(replace(take, cut=replace(take.cut, start=start)), source), None)
        return None if frame is None else studio.is_colored(studio.open_shot(frame))


def _fingerprint(plan: FilmPlan, colorizer: Colorizer) -> str:
    take, config = plan.take, plan.take.config
    return fingerprint_of(
        *(__version__, LIBRARY, identity_of(Path(take.job.source)), colorizer.weights.digest, colorizer.read_out),
        *(plan.encoder, plan.streams, take.cut, take.rotation, METHODS.get(config.temporal)),
        *(config.track, config.deinterlace, take.combed, config.colored, take.layout, config.fps),
    )


def summed_damage(damage: list[str], frames: int) -> list[str]:
    """The first damages, and how many more; and how many frames there are in spite of them."""
    if not damage:
        return []
    more = [f"{len(damage) - MOST_REMARKS} more"] if len(damage) > MOST_REMARKS else []
    return ["damaged: " + ", ".join([*damage[:MOST_REMARKS], *more]) + f"; {frames} frames were colored"]
