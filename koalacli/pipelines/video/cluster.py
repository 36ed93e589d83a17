"""Films on a cluster: one worker goes ahead and finds a film's stretches, the others color them, here they are joined.

The work folder lies beside the output, where all nodes see it. A worker writes a segment under a name of its own; it
becomes part of the work here, in order, so that a rerun, of one process or of many, goes on where this one stopped.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.engines.pool import News
from koalacli.engines.ray import Outfit, work_on_ray
from koalacli.errors import ClusterError, KoalaError, StorageFullError
from koalacli.io.film.encode import LIBRARY, EncoderPlan, PacketEntry
from koalacli.io.film.segments import Joint
from koalacli.io.paths import Job
from koalacli.journal import Entry, Journal
from koalacli.pipelines.video.film import FilmRun, begin_film
from koalacli.pipelines.video.plan import FilmJob, Take
from koalacli.pipelines.video.stretches import Stretch, color_stretch, find_stretches
from koalacli.records import Notice, Outcome, Progress, Record, Started
from koalacli.settings import read_out_of
from koalacli.weights_files import WeightsFile

AT_ONCE = 30  # stretches that are found in one go, each with a third of a megabyte of carried color


@dataclass(frozen=True)
class FindStretches(Job):
    """Find the next stretches; the target only names the job.

    Attributes:
        joint: where the first begins; None at the film's beginning.
        damage: what was met before.
    """

    take: Take
    joint: Joint | None
    damage: tuple[str, ...]


@dataclass(frozen=True)
class ColorStretch(Job):
    """Color one stretch; the target is its segment's name, which the worker changes into one of its own."""

    take: Take
    encoder: EncoderPlan
    stretch: Stretch


@dataclass(frozen=True)
class Found(Notice):
    """A stretch of a film.

    Attributes:
        text: path of the film's work folder.
    """

    stretch: Stretch


@dataclass(frozen=True)
class Segmented(Record):
    """A stretch was colored.

    Attributes:
        path: of the segment.
        entries: its packets.
    """

    path: str = ""
    entries: tuple[PacketEntry, ...] = ()


class FilmHand:
    """See `ray.Hand`: finds and colors stretches.

    Args:
        config: see VideoConfig.
        library: of the process that asks: segments of two libraries need not join.
        network: weights, or a network that is loaded already.
    """

    def __init__(self, config: VideoConfig, library: str, network: Colorizer | WeightsFile):
        if library != LIBRARY:
            raise ClusterError(f"{LIBRARY} on a node, but {library} asks; install the same on each node")
        self._config, self._network = config, network
        cv2.setNumThreads(1)  # each stage has a thread of its own; more would only fight

    @property
    def colorizer(self) -> Colorizer:
        """See Hand."""
        if isinstance(self._network, WeightsFile):
            self._network = Colorizer(self._network, self._config.device, **read_out_of(self._config))
        return self._network

    def run(self, jobs: list[Job], stopped: Callable[[], bool]) -> Iterator[tuple[News, Entry | None]]:
        """See Hand."""
        for job in jobs:
            try:
                for news in self._find(job) if isinstance(job, FindStretches) else self._color(job, stopped):
                    if stopped():
                        return
                    yield news, None
            except StorageFullError:
                raise
            except KoalaError as error:
                yield Record(job.source, job.target, Outcome.FAILED, str(error)), None

    def _find(self, job: FindStretches) -> Iterator[News]:
        found = find_stretches(job.take, self.colorizer, job.joint, list(job.damage))
        for stretch in islice(found, AT_ONCE):
            yield Found(str(Path(job.target).parent), stretch)
        found.close()
        yield Record(job.source, job.target, Outcome.DONE)

    def _color(self, job: Job, stopped: Callable[[], bool]) -> Iterator[News]:
        assert isinstance(job, ColorStretch)
        path = Path(job.target).with_suffix(f".{uuid4().hex[:8]}.packets")  # a worker that was given up may still write
        entries = color_stretch(job.take, job.encoder, self.colorizer, job.stretch, path, stopped)
        yield Segmented(job.source, job.target, Outcome.DONE, path=str(path), entries=tuple(entries))


class SpreadFilm:
    """One film, and how far its workers are.

    Args:
        run: its work.
        close: lets go of that.
    """

    def __init__(self, run: FilmRun, close: ExitStack):
        self.run, self.close, work = run, close, run.work
        self.seeking = False  # whether a worker is finding stretches
        self._stretches: dict[int, Stretch] = {}  # found, not yet in the work, by number
        self._made: dict[int, Segmented] = {}  # segments that wait for those before them
        self._found, self._end, self._damage = len(work.segments), work.joint, tuple(work.damage)
        self._before = self._frames = work.joint.frames if work.joint else 0
        self._begun = time.perf_counter()

    @property
    def is_known(self) -> bool:
        """Whether all stretches are found."""
        return self._end is not None and self._end.pts is None

    def find_more(self) -> FindStretches:
        """The job of finding the next stretches."""
        self.seeking = True
        job = self.run.plan.take.job
        name = str(self.run.work.folder / f"{self._found:06}")
        return FindStretches(job.source, name, self.run.plan.take, self._end, self._damage)

    def take_found(self, stretch: Stretch) -> ColorStretch | None:
        """The job of coloring a stretch; None where it is known, from a worker that died."""
        if (stretch.begin.frames if stretch.begin else 0) != (self._end.frames if self._end else 0) or self.is_known:
            return None
        number, self._found = self._found, self._found + 1
        self._stretches[number], self._end, self._damage = stretch, stretch.end, stretch.damage
        plan, target = self.run.plan, str(self.run.work.folder / f"{number:06}.packets")
        return ColorStretch(plan.take.job.source, target, plan.take, plan.encoder, stretch)

    def take_segment(self, made: Segmented) -> Progress:
        """Put a segment into the work, once those before it are there."""
        work, number = self.run.work, int(Path(made.target).stem)
        self._made[number] = made
        self._frames += self._stretches[number].frames
        while one := self._made.pop(len(work.segments), None):
            stretch = self._stretches.pop(len(work.segments))
            with film_writing_errors(work.folder):
                Path(one.path).replace(work.next_path())
                work.add(list(one.entries), stretch.end, list(stretch.damage))
        take, fresh = self.run.plan.take, self._frames - self._before
        total = self._frames if work.done else max(take.total, self._frames)
        return Progress(take.job.source, self._frames, total, fresh, time.perf_counter() - self._begun)


class Spread:
    """Films of one run.

    Args:
        jobs: the films.
        open_film: opens one; see `film.begin_film`.
        lone: errors of the request end the run, since there is one film only.
    """

    def __init__(self, jobs: Sequence[FilmJob], open_film: Callable[[FilmJob], AbstractContextManager[FilmRun | Record]]):
        self._films, self._open_film, self._lone = deque(jobs), open_film, len(jobs) == 1
        self._open: dict[str, SpreadFilm] = {}  # by work folder
        self._waiting: deque[ColorStretch] = deque()
        self.records: list[Record] = []  # of films that are over

    def work(self) -> Iterator[Job | None]:
        """Jobs, as workers ask for them; None while others have to end before there are more."""
        while True:
            vague = next((film for film in self._open.values() if not (film.seeking or film.is_known)), None)
            if vague and len(self._waiting) < AT_ONCE // 2:
                yield vague.find_more()
            elif self._waiting:
                yield self._waiting.popleft()
            elif self._films:
                self._begin(self._films.popleft())
            elif self._open:
                yield None
            else:
                return

    def take(self, news: Notice | Record) -> Iterator[Progress | Notice]:
        """What has come of a job."""
        name = news.text if isinstance(news, Found) else str(Path(news.target).parent) if isinstance(news, Record) else ""
        film = self._open.get(name)
        if film is None:  # it failed, and this is a late word of it
            yield from [] if isinstance(news, Record | Found) else [news]
        elif isinstance(news, Found):
            if job := film.take_found(news.stretch):
                self._waiting.append(job)
        elif isinstance(news, Segmented):
            with self._failing(film.run.plan.take.job):
                yield film.take_segment(news)
                self._finish(name, film)
        elif news.outcome == Outcome.FAILED:
            self._end(name, Record(film.run.plan.take.job.source, film.run.plan.take.job.target, Outcome.FAILED, news.reason))
        else:
            film.seeking = False

    def close(self) -> None:
        """Let go of all films."""
        for name in list(self._open):
            self._open.pop(name).close.close()

    def _begin(self, job: FilmJob) -> None:
        with self._failing(job), ExitStack() as stack:
            run = stack.enter_context(self._open_film(job))
            if isinstance(run, Record):
                self.records.append(run)
                return
            name, film = str(run.work.folder), SpreadFilm(run, stack.pop_all())
            self._open[name] = film
            self._finish(name, film)

    def _finish(self, name: str, film: SpreadFilm) -> None:
        """Join what is complete."""
        if film.run.work.done:
            self._end(name, film.run.finish())

    def _end(self, name: str, record: Record) -> None:
        self.records.append(record)
        self._waiting = deque(job for job in self._waiting if str(Path(job.target).parent) != name)
        self._open.pop(name).close.close()
