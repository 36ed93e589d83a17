"""What ends koala politely."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from koalacli.cli import app as cli


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the process' own handlers back afterwards."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    kept = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("before", "after"), [(signal.SIG_DFL, signal.default_int_handler), (signal.SIG_IGN,) * 2])
def test_a_polite_end_is_like_ctrl_c(
    number: signal.Signals, before: Any, after: Any, handlers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill and a closed terminal interrupt; `nohup koala` stays deaf to the terminal."""
    monkeypatch.setattr(cli, "app", lambda **_: None)
    signal.signal(number, before)
    cli.main()
    assert signal.getsignal(number) == after
