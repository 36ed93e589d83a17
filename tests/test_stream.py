"""The bounded stream: every item once, batches of equal key, errors contained, memory bounded."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalacli.errors import InputError
from koalacli.stream import Stage, read_ahead, stream


def echo_stage(**changes):
    """A stage whose result is the item itself, grouped by parity."""
    functions = {
        "read": lambda item: item,
        "key": lambda work: work % 2,
        "run": lambda works: [work * 10 for work in works],
        "write": lambda item, work, result: (item, result),
    }
    return Stage(**{**functions, **changes})


@given(st.lists(st.integers(0, 99), max_size=40), st.integers(1, 7), st.integers(1, 3), st.integers(1, 9))
def test_every_item_is_finished_once(items: list[int], batch_size: int, workers: int, ahead: int) -> None:
    """Whatever the sizes, each item comes out exactly once with its own result."""
    out = list(stream(items, echo_stage(), batch_size=batch_size, workers=workers, ahead=ahead))
    assert sorted(item for item, _ in out) == sorted(items)
    assert all(result == (item, item * 10) for item, result in out)


def test_batches_hold_one_key_and_at_most_the_batch_size() -> None:
    """No call of run mixes keys or exceeds the batch size."""
    batches: list[list[int]] = []

    def run(works: list[int]) -> list[int]:
        batches.append(works)
        return works

    list(stream(range(23), echo_stage(run=run), batch_size=4, workers=2, ahead=30))
    assert all(len({work % 2 for work in batch}) == 1 and len(batch) <= 4 for batch in batches)
    assert sum(map(len, batches)) == 23


def test_items_without_key_skip_the_run() -> None:
    """A work whose key is None goes straight to write with no result."""
    out = dict(stream([1, 2], echo_stage(key=lambda work: None), batch_size=4, workers=1, ahead=4))
    assert out == {1: (1, None), 2: (2, None)}


@pytest.mark.parametrize("where", ["read", "write"])
def test_koala_errors_are_results(where: str) -> None:
    """An item that fails is reported and the others go on."""

    def fail_on_three(item: int, *rest: int) -> object:
        if item == 3:
            raise InputError("three is damaged")
        return (item, rest[-1]) if rest else item

    out = dict(stream(range(6), echo_stage(**{where: fail_on_three}), batch_size=2, workers=2, ahead=4))
    assert isinstance(out.pop(3), InputError)
    assert len(out) == 5


@pytest.mark.parametrize("where", ["read", "run", "write"])
def test_bugs_are_raised(where: str) -> None:
    """What is no KoalaError ends the stream with its own traceback."""

    def bug(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(stream(range(6), echo_stage(**{where: bug}), batch_size=2, workers=2, ahead=4))


def test_items_in_progress_are_bounded() -> None:
    """However many inputs there are, only `ahead` of them are between reading and writing."""
    lock = threading.Lock()
    now, most = 0, 0

    def read(item: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        return item

    def write(item: int, work: int, result: int) -> int:
        nonlocal now
        time.sleep(0.001)
        with lock:
            now -= 1
        return result

    list(stream(range(200), echo_stage(read=read, write=write), batch_size=4, workers=2, ahead=12))
    assert most <= 12


def test_inputs_are_consumed_lazily() -> None:
    """An endless source can be streamed."""

    def endless():
        number = 0
        while True:
            yield number
            number += 1

    results = stream(endless(), echo_stage(), batch_size=2, workers=1, ahead=4)
    assert [next(results)[0] for _ in range(5)]
    results.close()


def test_an_interrupt_while_reading_ahead_ends_does_not_leave_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the very moment in which the consumer waits for the thread: it is waited for all the same."""
    real, interrupts, ended = threading.Thread.join, [KeyboardInterrupt()], threading.Event()

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "koala-stage" and interrupts:
            raise interrupts.pop()
        real(thread, timeout)

    def items() -> Iterator[int]:
        try:
            for number in range(100):
                time.sleep(0.05)
                yield number
        finally:
            ended.set()

    monkeypatch.setattr(threading.Thread, "join", join)
    numbers = read_ahead(items(), 2)
    assert next(numbers) == 0
    with pytest.raises(KeyboardInterrupt):
        numbers.close()
    assert ended.is_set()
