"""Who does what when many work at one list; a crew of nobody plays the cluster."""

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from koalacli.engines.pool import LARGEST_CHUNK, MOST_DEATHS, Died, Event, Full, Idle, Made, Pool, Ready
from koalacli.errors import ClusterError, StorageFullError
from koalacli.io.paths import Job
from koalacli.journal import CarriedJournal, Journal
from koalacli.records import Outcome, Record


class Troupe:
    """Workers that finish what they are given at once, but for what a test has them do."""

    def __init__(self, journal: Journal, deadly: str = "", full: int = 0, stillborn: bool = False, lost: int = 0):
        self.journal = CarriedJournal(journal.folder, "settings", "weights")
        self.deadly, self.full, self.stillborn, self.lost = deadly, full, stillborn, lost
        self.events: deque[Event] = deque()
        self.started = 0
        self.chunks: list[int] = []
        self.dismissed: list[int] = []

    def start(self) -> int:
        self.started += 1
        news = Died(self.started, "no memory", False) if self.stillborn else Ready(self.started, "cpu", "w", 4)
        self.events.append(news)
        return self.started

    def give(self, worker: int, jobs: list[Job]) -> None:
        self.chunks.append(len(jobs))
        for place, job in enumerate(jobs):
            if job.source == self.deadly or (worker == self.lost and place == 2):
                self.events.append(Died(worker, "killed", with_node=worker == self.lost))
                return
            if worker == self.full and place == 1:
                self.events.append(Full(worker, StorageFullError("out: no space left")))
                return
            self.journal.note(job.target, (1, 2), Outcome.DONE, 0.1)
            record = Record(job.source, job.target, Outcome.DONE)
            self.events.append(Made(worker, [(record, self.journal.take(job.target))]))
        self.events.append(Idle(worker))

    def wait(self) -> list[Event]:
        return [self.events.popleft()] if self.events else []

    def dismiss(self, worker: int) -> None:
        self.dismissed.append(worker)

    def stop(self) -> list[Event]:
        return list(self.events)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of an empty folder."""
    return Journal(tmp_path, "settings", "weights")


def jobs_for(journal: Journal, count: int) -> list[Job]:
    """Jobs of pictures that nobody reads."""
    return [Job(f"{number}.png", f"{journal.folder}/{number}.png") for number in range(count)]


def run(troupe: Troupe, journal: Journal, count: int, workers: int = 2) -> dict[str, Record]:
    """Records by source; each must come once, and stand in the journal once."""
    records = [
        news for news in Pool(troupe, journal, workers).run(jobs_for(journal, count)) if isinstance(news, Record)
    ]
    noted = Counter(
        line.split('"')[3] for line in Path(f"{journal.folder}/.koala-journal.jsonl").read_text().splitlines()
    )
    assert len(records) == count
    assert noted == Counter(f"{number}.png" for number in range(count))
    return {record.source: record for record in records}


def test_chunks_shrink_towards_the_end(journal: Journal) -> None:
    """So that no worker sits on a long rest while the others have nothing."""
    troupe = Troupe(journal)
    run(troupe, journal, 3000)
    assert troupe.chunks[0] == LARGEST_CHUNK
    assert troupe.chunks == sorted(troupe.chunks, reverse=True)
    assert troupe.chunks[-1] <= 4


def test_an_input_that_kills_its_workers_is_failed_by_name(journal: Journal) -> None:
    """After it was alone with them; all others are done."""
    troupe = Troupe(journal, deadly="7.png")
    records = run(troupe, journal, 40)
    assert [source for source, record in records.items() if record.outcome == Outcome.FAILED] == ["7.png"]
    assert records["7.png"].reason.startswith(f"7.png: {MOST_DEATHS} workers died over it")
    assert troupe.started == 2 + MOST_DEATHS


def test_a_lost_node_is_no_inputs_fault(journal: Journal) -> None:
    """Its jobs go back into the list, in chunks as before."""
    troupe = Troupe(journal, lost=1)
    records = run(troupe, journal, 40)
    assert {record.outcome for record in records.values()} == {Outcome.DONE}
    assert 1 not in troupe.chunks[1:-1]


def test_a_worker_without_room_leaves_its_work_to_the_others(journal: Journal) -> None:
    """Where its node's disk is full, that of another need not be."""
    troupe = Troupe(journal, full=1)
    assert {record.outcome for record in run(troupe, journal, 40).values()} == {Outcome.DONE}
    assert troupe.dismissed == [1]


def test_without_room_for_anyone_the_run_ends(journal: Journal) -> None:
    """As a local one does."""
    with pytest.raises(StorageFullError, match="no space left"):
        run(Troupe(journal, full=1), journal, 40, workers=1)


def test_workers_that_die_before_they_are_ready_end_the_run(journal: Journal) -> None:
    """Others would, too: the reason is told, and no endless line of them is started."""
    with pytest.raises(ClusterError, match="no memory"):
        run(Troupe(journal, stillborn=True), journal, 40)


def test_what_workers_finish_after_an_interrupt_is_noted(journal: Journal) -> None:
    """A rerun must know what was made, although nobody was told any more."""
    troupe = Troupe(journal)
    stream = Pool(troupe, journal, 2).run(jobs_for(journal, 40))
    while not isinstance(next(stream), Record):
        pass
    stream.close()
    assert len(Path(f"{journal.folder}/.koala-journal.jsonl").read_text().splitlines()) == sum(troupe.chunks)


def test_jobs_that_come_of_others_are_waited_for(journal: Journal) -> None:
    """A list that has nothing yet is asked again when a job has ended."""
    ended: list[str] = []

    def jobs() -> Iterator[Job | None]:
        first, *others = jobs_for(journal, 5)
        yield first
        while not ended:
            yield None
        yield from others

    troupe = Troupe(journal)
    for news in Pool(troupe, journal, 2, largest=1).run(jobs()):
        ended += [news.source] if isinstance(news, Record) else []
    assert sorted(ended) == [f"{number}.png" for number in range(5)]
    assert troupe.chunks == [1] * 5
