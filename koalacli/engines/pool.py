"""Many workers, one work list: who gets which jobs, and what becomes of those whose worker dies.

Knows nothing of the cluster: a Crew starts workers and tells what happens to them. Only the pool writes the journal,
once per job, with the record that it hands on: no file is appended to from several machines.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from koalacli.control.bind import digest_of
from koalacli.errors import ClusterError, StorageFullError
from koalacli.io.paths import Job
from koalacli.journal import Journal
from koalacli.journal_lines import Entry
from koalacli.records import Notice, Outcome, Record

LARGEST_CHUNK = 256  # jobs that a worker gets at once, and may have to be done again where it dies
SHARES = 4  # parts that what is left is cut into, per worker: chunks get smaller, and all workers end together
AT_ONCE = 8 * LARGEST_CHUNK  # jobs taken from the list before workers are looked after again
MOST_DEATHS = 3  # of workers over one input: the first in company, the others alone
MOST_STILLBORN = 3  # workers in a row that die before they are ready, after which no others are started


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its network.

    Attributes:
        worker: its number, here and below.
        device: where its network runs.
        weights: their name.
        batch_size: pictures per network call.
    """

    worker: int
    device: str
    weights: str
    batch_size: int


@dataclass(frozen=True)
class Ended:
    """A job of many pictures, a shard, is over, with all that is to be told of them: at once, so none comes twice."""

    source: str
    target: str
    told: tuple[Notice | Record, ...]


News = Notice | Record | Ended


@dataclass(frozen=True)
class Made:
    """A worker has finished some of its jobs, each with what the journal shall keep of it."""

    worker: int
    results: list[tuple[News, Entry | None]]


@dataclass(frozen=True)
class Idle:
    """A worker has done all that it was given."""

    worker: int


@dataclass(frozen=True)
class Full:
    """A worker has stopped: where it writes, there is no room."""

    worker: int
    error: StorageFullError


@dataclass(frozen=True)
class Died:
    """A worker is gone, why; `with_node` where its whole machine is, which is no input's fault."""

    worker: int
    reason: str
    with_node: bool


Event = Ready | Made | Idle | Full | Died


class Crew(Protocol):
    """Starts workers, gives them jobs, tells what happens."""

    def start(self) -> int:
        """Start a worker and return its number, new each time; it will be Ready, or Died."""

    def give(self, worker: int, jobs: list[Job]) -> None:
        """Give jobs to a worker that is ready and idle."""

    def wait(self) -> list[Event]:
        """What has happened since the last call; where that is nothing, it waits a moment for something.

        Raises:
            KoalaError: workers cannot be had at all.
        """

    def dismiss(self, worker: int) -> None:
        """End a worker that has nothing to do."""

    def stop(self) -> list[Event]:
        """Let all workers finish what they have begun, and no more; what has happened until then."""


class Pool:
    """One run over a work list.

    Args:
        crew: see Crew.
        journal: of the output folder.
        size: workers to keep.
        largest: jobs that a worker gets at once; of large ones, which come out of each other's results, 1.
    """

    def __init__(self, crew: Crew, journal: Journal, size: int, largest: int = LARGEST_CHUNK):
        self._crew, self._journal, self._size, self._largest = crew, journal, size, largest
        self._queue: deque[Job] = deque()
        self._suspects: deque[Job] = deque()  # were in the hands of a worker that died: one at a time
        self._idle: deque[int] = deque()
        self._held: dict[int, dict[tuple[str, str], Job]] = {}  # by worker, started ones included
        self._deaths: dict[tuple[str, str], int] = {}
        self._source: Iterator[Job | None] = iter(())
        self._exhausted = False
        self._stillborn = 0
        self._given_up = 0  # places for workers that are not filled again
        self._ready: set[int] = set()
        self._batch_size = 1

    def run(self, jobs: Iterable[Job | None]) -> Iterator[Ready | Notice | Record]:
        """Do every job, taken as workers need them; yields every Ready, and a Record per job as they finish.

        Args:
            jobs: None among them says that others have to end before there are more.

        Raises:
            ClusterError: workers die, or do not come, whatever they are given.
            StorageFullError: no worker is left that can write.
            KoalaError: a worker cannot load its network.
        """
        self._source = iter(jobs)
        try:
            while self._refill() or self._suspects or any(self._held.values()):
                self._man()
                self._hand_out()
                for event in self._crew.wait():
                    yield from self._take(event)
        finally:  # done, an error, or an interrupt: what workers finish now is not told any more, but noted
            for event in self._crew.stop():
                if isinstance(event, Made):
                    list(self._take_made(event))

    def _refill(self) -> bool:
        """Keep enough at hand to cut it into shares; whether there is anything, or will be."""
        room = self._room()
        for _ in range(0 if self._exhausted else max(0, min(room, AT_ONCE))):
            job = next(self._source, self)
            if job is self:
                self._exhausted = True
            if not isinstance(job, Job):
                break
            self._queue.append(job)
        return bool(self._queue) or not self._exhausted

    def _room(self) -> int:
        """How many jobs more to have at hand."""
        if self._largest > 1:
            return SHARES * self._size * self._largest - len(self._queue)
        free = sum(not held for held in self._held.values())
        return 1 + free - len(self._queue)  # the later one is taken, the more is known of what comes first

    def _man(self) -> None:
        """Start workers while there are more jobs than hands."""
        places, busy = self._size - self._given_up, sum(map(bool, self._held.values()))
        while len(self._held) < min(places, busy + len(self._queue)):
            self._start()

    def _start(self) -> None:
        self._held[self._crew.start()] = {}

    def _hand_out(self) -> None:
        while self._idle and (self._suspects or self._queue):
            worker = self._idle.popleft()
            if self._suspects:
                chunk = [self._suspects.popleft()]
            else:
                batches = max(1, len(self._queue) // (SHARES * self._size * self._batch_size))
                count = min(batches * self._batch_size, self._largest, len(self._queue))  # parts of batches cost more
                chunk = [self._queue.popleft() for _ in range(count)]
            self._held[worker] = {(job.source, job.target): job for job in chunk}
            self._crew.give(worker, chunk)

    def _take(self, event: Event) -> Iterator[Ready | Notice | Record]:
        match event:
            case Ready():
                self._stillborn = 0
                self._batch_size = event.batch_size
                self._ready.add(event.worker)
                self._idle.append(event.worker)
                yield event
            case Made():
                yield from self._take_made(event)
            case Idle():
                self._idle.append(event.worker)
            case Full():
                yield from self._take_full(event)
            case Died():
                yield from self._take_death(event)

    def _take_made(self, event: Made) -> Iterator[Notice | Record]:
        for news, entry in event.results:
            if not isinstance(news, Notice):
                self._held[event.worker].pop((news.source, news.target), None)
            if entry and (remark := self._journal.append(entry)):
                yield Notice(remark)
            yield from news.told if isinstance(news, Ended) else [news]

    def _take_full(self, event: Full) -> Iterator[Notice]:
        """Others may write elsewhere: the worker goes, its jobs stay."""
        self._queue.extendleft(reversed(self._forget(event.worker)))
        self._crew.dismiss(event.worker)
        self._given_up += 1
        if self._given_up == self._size or not self._held:
            raise event.error
        yield Notice(f"a worker less: {event.error}")

    def _take_death(self, event: Died) -> Iterator[Notice | Record]:
        was_ready = event.worker in self._ready
        jobs = self._forget(event.worker)
        if event.with_node:
            self._queue.extendleft(reversed(jobs))
        else:
            yield from self._suspect(jobs)
        self._stillborn += not was_ready
        if self._stillborn < MOST_STILLBORN:
            self._start()
        else:
            self._given_up += 1
            if not self._held:
                reason = f"workers die before they are ready ({event.reason})"
                raise ClusterError(f"{reason}; each node needs koala and memory for a network")
        yield Notice("a node is gone: its work goes to others" if event.with_node else "a worker died, another starts")

    def _suspect(self, jobs: list[Job]) -> Iterator[Record]:
        """Jobs over which a worker died: each is tried alone, and given up by name if it goes on."""
        for job in jobs:
            deaths = self._deaths[job.source, job.target] = self._deaths.get((job.source, job.target), 0) + 1
            if deaths < MOST_DEATHS:
                self._suspects.append(job)
                continue
            reason = f"{job.source}: {deaths} workers died over it, all but the first with nothing else to do; "
            reason += "it may need more memory than they have (of pictures, see --max-pixels)"
            self._journal.note(job.target, job.stamp(), Outcome.FAILED, 0.0, reason, digest_of(job))
            yield Record(job.source, job.target, Outcome.FAILED, reason)

    def _forget(self, worker: int) -> list[Job]:
        """Strike a worker from the books; the jobs that it had not finished."""
        self._ready.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        return list(self._held.pop(worker).values())
