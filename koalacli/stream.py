"""Bounded read → batch → run → write.

Threads read ahead, the calling thread groups what is ready into batches of equal key and runs
them, threads write. At most `ahead` items are between the start of reading and the end of
writing, so memory does not grow with the number of inputs.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from koalacli.errors import KoalaError
from koalacli.process import interrupts_held

PATIENCE = 0.1  # seconds after which a wait looks whether an interrupt came

Item = TypeVar("Item")
Work = TypeVar("Work")
Done = TypeVar("Done")


@dataclass
class Stage(Generic[Item, Work, Done]):
    """The functions of a stream.

    Attributes:
        read: item -> work, in a reader thread.
        key: work -> what must be equal within a batch; None: nothing to run, straight to write.
        run: works of one key -> their results, in the calling thread, in order.
        write: (item, work, result or None) -> done, in a writer thread.
    """

    read: Callable[[Item], Work]
    key: Callable[[Work], Hashable]
    run: Callable[[list[Work]], list[Any]]
    write: Callable[[Item, Work, Any], Done]


def stream(
    items: Iterable[Item], stage: Stage[Item, Work, Done], *, batch_size: int, workers: int, ahead: int
) -> Iterator[tuple[Item, Done | KoalaError]]:
    """Run every item through a stage; yields (item, result or the error that stopped it), as they finish.

    Args:
        items: consumed lazily, at most `ahead` of them in progress.
        stage: what to do.
        batch_size: items of equal key per call of `run`; the last batches may be smaller.
        workers: threads that read, and as many that write.
        ahead: items in progress at once; raised to one full batch if it is less.

    Raises:
        KeyboardInterrupt: one came; what was being written is finished and was yielded before.
        Exception: whatever is not a KoalaError, from any thread: that is a bug.
    """
    readers, writers = ThreadPoolExecutor(workers, "koala-read"), ThreadPoolExecutor(workers, "koala-write")
    with interrupts_held() as interrupted:
        run = _Run(stage, batch_size, max(ahead, batch_size + workers), interrupted)
        try:
            yield from run.drive(iter(items), readers, writers)
            if interrupted():
                writers.shutdown(wait=True, cancel_futures=True)
                yield from run.written()
                raise KeyboardInterrupt
        finally:  # the consumer stopped early, or an error: drop what has not begun, finish what has
            readers.shutdown(wait=not interrupted(), cancel_futures=True)  # a read may hang as long as its disk does
            writers.shutdown(wait=True, cancel_futures=True)


class _Run(Generic[Item, Work, Done]):
    """State of one stream."""

    def __init__(self, stage: Stage[Item, Work, Done], batch_size: int, ahead: int, interrupted: Callable[[], bool]):
        self.stage = stage
        self.batch_size = batch_size
        self.ahead = ahead
        self.interrupted = interrupted
        self.reading: deque[tuple[Item, Future[Work]]] = deque()
        self.waiting: dict[Hashable, list[tuple[Item, Work]]] = {}
        self.writing: dict[Future[Done], Item] = {}

    def drive(
        self, items: Iterator[Item], readers: ThreadPoolExecutor, writers: ThreadPoolExecutor
    ) -> Iterator[tuple[Item, Done | KoalaError]]:
        """Until all is done, or an interrupt came."""
        while not self.interrupted():
            for item in islice(items, self.ahead - self._in_progress()):
                self.reading.append((item, readers.submit(self.stage.read, item)))
            yield from self._finished(block=False)
            if self.reading:
                # Reads are taken in the order of the input: batches are the same in every run.
                item, future = self.reading.popleft()
                if not self._is_ready([future]):
                    return
                try:
                    self._sort_in(item, future.result(), writers)
                except KoalaError as error:
                    yield item, error
            elif self.waiting:
                self._run_batch(max(self.waiting, key=lambda key: len(self.waiting[key])), writers)
            elif self.writing:
                yield from self._finished(block=True)
            else:
                return
            if not self.reading and self._in_progress() >= self.ahead:
                yield from self._make_room(writers)

    def _in_progress(self) -> int:
        return len(self.reading) + sum(map(len, self.waiting.values())) + len(self.writing)

    def _sort_in(self, item: Item, work: Work, writers: ThreadPoolExecutor) -> None:
        key = self.stage.key(work)
        if key is None:
            self.writing[writers.submit(self.stage.write, item, work, None)] = item
            return
        self.waiting.setdefault(key, []).append((item, work))
        if len(self.waiting[key]) == self.batch_size:
            self._run_batch(key, writers)

    def _run_batch(self, key: Hashable, writers: ThreadPoolExecutor) -> None:
        batch = self.waiting.pop(key)
        results: list[Any] = self.stage.run([work for _, work in batch])
        for (item, work), result in zip(batch, results, strict=True):
            self.writing[writers.submit(self.stage.write, item, work, result)] = item

    def _make_room(self, writers: ThreadPoolExecutor) -> Iterator[tuple[Item, Done | KoalaError]]:
        """All places are taken: run the fullest batch although it is not full, or wait for a writer."""
        if self.waiting:
            self._run_batch(max(self.waiting, key=lambda key: len(self.waiting[key])), writers)
        yield from self._finished(block=True)

    def _finished(self, *, block: bool) -> Iterator[tuple[Item, Done | KoalaError]]:
        """What has been written; if asked to, wait until something is."""
        if self.writing and (not block or self._is_ready(self.writing)):
            yield from self.written()

    def _is_ready(self, futures: Collection[Future[Any]]) -> bool:
        """Wait until one of the futures is done; False if an interrupt came first."""
        while not self.interrupted():
            if wait(futures, timeout=PATIENCE, return_when=FIRST_COMPLETED).done:
                return True
        return False

    def written(self) -> Iterator[tuple[Item, Done | KoalaError]]:
        """Results, or errors, of all writing that is over."""
        for future in [future for future in self.writing if future.done()]:
            item = self.writing.pop(future)
            try:
                yield item, future.result()
            except CancelledError:
                continue
            except KoalaError as error:
                yield item, error


def read_ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """The same items, made in a thread of their own, at most `depth` of them waiting.

    An error of the thread is raised here. When the consumer stops early, so does the thread.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(entry: tuple[Item | None, BaseException | None]) -> None:
        while not stop.is_set():
            try:
                return ready.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for item in items:
                put((item, None))
                if stop.is_set():
                    return
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))
        finally:
            if close := getattr(items, "close", None):
                close()

    thread = threading.Thread(target=fill, name="koala-stage", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        try:
            thread.join()
        finally:  # also where an interrupt comes just now: what the thread reads must not vanish under it
            thread.join()


def in_order(results: Iterable[tuple[int, Done | KoalaError]]) -> Iterator[Done]:
    """Results by their numbers, which come in any order and count from 0.

    Raises:
        KoalaError: the first that is one.
    """
    ready, following = dict[int, Done](), 0
    for number, result in results:
        if isinstance(result, KoalaError):
            raise result
        ready[number] = result
        while following in ready:
            yield ready.pop(following)
            following += 1
