"""Runs of a folder that are asked to stop: all that was finished is told and kept, and a rerun does the rest."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
COUNT = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of gray pictures."""
    folder = tmp_path_factory.mktemp("pictures") / "in"
    folder.mkdir()
    for number in range(COUNT):
        pixels = np.random.default_rng(number).integers(40, 210, (90, 120), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


def start(source: Path, output: Path, pause: str = "0.1") -> subprocess.Popen[bytes]:
    """`koala colorize --json` with a network that costs nothing but a pause per batch."""
    command = [sys.executable, str(HERE / "faults_driver.py"), "run", "colorize", str(source), str(output), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PAUSE": pause}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def told(output: bytes) -> set[str]:
    """Names of the inputs whose records say done."""
    events = [json.loads(line) for line in output.splitlines()]
    return {Path(event["source"]).name for event in events if event.get("outcome") == "done"}


def visible(folder: Path) -> dict[str, bytes]:
    """Outputs by name."""
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")} if folder.exists() else {}


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an unbroken run makes."""
    output = tmp_path_factory.mktemp("whole")
    running = start(source, output, "0")
    running.communicate(timeout=60)
    assert running.returncode == 0
    return visible(output)


ASKING = [(signal.SIGINT, number) for number in range(2)] + [(signal.SIGTERM, 3), (signal.SIGHUP, 4)]


@pytest.mark.parametrize(("number", "seed"), ASKING, ids=lambda value: str(value))
def test_all_that_was_finished_is_told_and_kept(
    source: Path, whole: dict[str, bytes], tmp_path: Path, number: signal.Signals, seed: int
) -> None:
    """Ctrl-C, a polite kill, a closed terminal: exit 130, as many records as outputs, nothing half; a rerun ends it."""
    output = tmp_path / "out"
    running = start(source, output, "0.3")  # five batches: it is still at work when the signal comes
    deadline = time.monotonic() + 60
    while not visible(output) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, 0.5))
    running.send_signal(number)
    said, message = running.communicate(timeout=60)
    assert running.returncode == 130, message
    assert b"interrupted" in message
    assert b"Traceback" not in message
    done = visible(output)
    assert told(said) == set(done)
    assert json.loads(said.splitlines()[-1])["done"] == len(done)
    assert 0 < len(done) < COUNT
    assert done.items() <= whole.items()
    assert [path.name for path in output.glob(".*")] == [".koala-journal.jsonl"]
    rest = start(source, output, "0")
    assert told(rest.communicate(timeout=60)[0]) == whole.keys() - done.keys()
    assert visible(output) == whole


def test_a_read_that_hangs_does_not_hold_up_an_interrupt(tmp_path: Path) -> None:
    """Standard input that never ends, as from a dead disk: Ctrl-C ends koala all the same."""
    command = [sys.executable, str(HERE / "faults_driver.py"), "run", "colorize", "-", str(tmp_path / "a.png")]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stderr
        assert b"starting" in running.stderr.readline()
        time.sleep(1)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 130


def test_a_signal_that_the_caller_ignores_stays_ignored(source: Path, tmp_path: Path) -> None:
    """nohup koala ... goes on when its terminal closes."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = start(source, tmp_path / "out", "0.05")
    finally:
        signal.signal(signal.SIGHUP, before)
    while not visible(tmp_path / "out"):
        time.sleep(0.01)
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=60)
    assert running.returncode == 0


def test_an_interrupt_at_the_very_end_does_not_change_the_exit_code() -> None:
    """All is told, and Python takes itself apart: it has given up its handlers, and a signal would kill it."""
    code = (
        "import os, signal\n"
        "from koalacli.process import catch_interrupts, leave\n"
        "class Late:\n"
        "    def __del__(self, kill=os.kill, own=os.getpid(), number=signal.SIGINT): kill(own, number)\n"
        "late = Late()\n"
        "catch_interrupts()\n"
        "leave(0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, check=False).returncode == 0
