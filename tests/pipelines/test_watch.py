"""A hot folder: what comes into it is colored once it is whole, and Ctrl-C ends it cleanly."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import formats_inputs as inputs
import pytest
from painter import Painter
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import ColorizeConfig
from koalacli.errors import UsageError
from koalacli.pipelines import watch as module
from koalacli.pipelines.watch import watch
from koalacli.records import Notice, Record


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files have to stand still for a moment only."""
    monkeypatch.setattr(module, "STILL", 0.2)
    monkeypatch.setattr(module, "POLL", 0.02)


def picture(name: str = "jpeg-gray.jpg") -> bytes:
    """A gray picture's file."""
    return inputs.INPUTS[name][1]()


class Watcher:
    """A watched folder, and a thread that watches it."""

    def __init__(self, folder: Path, **settings: Any):
        self.source, self.output = folder / "in", folder / "out"
        self.source.mkdir()
        self.stop, self.records = threading.Event(), []
        self.thread = threading.Thread(target=self._run, args=(ColorizeConfig(**settings),))

    def _run(self, config: ColorizeConfig) -> None:
        for record in watch(str(self.source), str(self.output), config, self.stop, Painter()):
            self.records.append(record)

    def __enter__(self) -> "Watcher":
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def wait_for(self, text: str) -> None:
        """Until a record or notice has this in it."""
        end = time.monotonic() + 60
        while not any(text in str(record.as_event()) for record in list(self.records)):
            assert time.monotonic() < end, self.records
            time.sleep(0.01)


def test_what_comes_in_is_colored_once(tmp_path: Path, quick: None) -> None:
    """What is there and what comes later, in folders too; a change makes it anew; strays are named once."""
    watcher = Watcher(tmp_path)
    (watcher.source / "first.jpg").write_bytes(picture())
    (watcher.source / "notes.txt").write_text("stray")
    with watcher:
        watcher.wait_for("first.jpg")
        (watcher.source / "deep").mkdir()
        (watcher.source / "deep" / "second.png").write_bytes(picture("png-gray.png"))
        watcher.wait_for("second.png")
        before = (watcher.output / "first.jpg").read_bytes()
        (watcher.source / "first.jpg").write_bytes(picture("jpeg-gray-progressive.jpg"))
        while (watcher.output / "first.jpg").read_bytes() == before:
            time.sleep(0.01)
    outcomes = [(Path(one.source).name, one.outcome) for one in watcher.records if isinstance(one, Record)]
    assert sorted(outcomes) == [
        ("first.jpg", "done"),
        ("first.jpg", "done"),
        ("notes.txt", "skipped"),
        ("second.png", "done"),
    ]


def test_half_a_file_is_waited_for(tmp_path: Path, quick: None) -> None:
    """An upload that pauses is no failure: a notice says that it cannot be read yet, and it is done when whole."""
    watcher, data = Watcher(tmp_path), picture("png-gray.png")
    with watcher:
        (watcher.source / "slow.png").write_bytes(data[: len(data) // 2])
        watcher.wait_for("waiting for it to change")
        assert not (watcher.output / "slow.png").exists()
        with (watcher.source / "slow.png").open("ab") as file:
            file.write(data[len(data) // 2 :])
        watcher.wait_for("'done'")
    assert [one.outcome for one in watcher.records if isinstance(one, Record)] == ["done"]


def test_what_never_can_be_read_fails_in_the_end(tmp_path: Path, quick: None) -> None:
    """It is said at once as a notice, and is a failure when watching ends."""
    watcher = Watcher(tmp_path)
    (watcher.source / "bad.jpg").write_bytes(b"no picture")
    with watcher:
        watcher.wait_for("waiting for it to change")
    assert [one.outcome for one in watcher.records if isinstance(one, Record)] == ["failed"]
    assert sum(isinstance(one, Notice) and "bad.jpg" in one.text for one in watcher.records) == 1


def test_a_file_that_grows_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds of standing still are counted from the last change."""
    folder, job = module._Folder(), module.Job(str(tmp_path / "a.jpg"), "out")
    Path(job.source).write_bytes(b"1")
    assert module.STILL == 2
    assert folder.take_ready([job], 0.0) == []
    assert folder.take_ready([job], 1.9) == []
    Path(job.source).write_bytes(b"12")
    assert folder.take_ready([job], 2.1) == []
    assert folder.take_ready([job], 4.0) == []
    assert folder.take_ready([job], 4.2) == [job]
    assert folder.take_ready([job], 9.0) == []


def test_ctrl_c_ends_with_a_summary(tmp_path: Path, quick: None) -> None:
    """Exit code 0, what is done is whole, and the summary is there."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(picture())

    def interrupt() -> None:
        while not (tmp_path / "out" / "a.jpg").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    arguments = ["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--watch", "--json"]
    done = CliRunner().invoke(app, arguments, obj=Painter())
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "summary"
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".koala-j")] == ["a.jpg"]


def test_what_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    """A file, a folder that is not there, a manifest of what never ends."""
    for source, settings in ((tmp_path / "no", {}), (tmp_path, {"manifest": True}), (tmp_path, {"dry_run": True})):
        with pytest.raises(UsageError):
            next(watch(str(source), str(tmp_path / "out"), ColorizeConfig(**settings), threading.Event(), Painter()))
