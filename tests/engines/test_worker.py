"""Engines and their worker: one network, loaded once, for any number of work lists."""

import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from koalacli.cli.app import make_app
from koalacli.config import ColorizeConfig
from koalacli.engines.worker import Worker
from koalacli.io.paths import Job, make_plan
from koalacli.journal import Journal
from koalacli.model.backend import trace
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record, Started
from koalacli.tables import ENGINES, EngineRow
from koalacli.weights_files import open_weights, shipped_weights

IN_OPEN = 0x20  # inotify(7)


class Opens:
    """Counts how often a file is opened, by whatever code: Python's or a native library's."""

    def __init__(self, path: Path):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK)
        assert self._libc.inotify_add_watch(self._watch, os.fsencode(path), IN_OPEN) >= 0

    def count(self) -> int:
        """Since the last question; an event of a watched file takes 16 bytes."""
        try:
            return len(os.read(self._watch, 1 << 16)) // 16
        except BlockingIOError:
            return 0


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped weights that no other test opens."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in (shipped_weights()["koala"], shipped_weights()["koala"].with_name("SHA256SUMS")):
        shutil.copy(path, folder)
    monkeypatch.setattr("koalacli.weights_files.weights_folder", lambda: folder)
    return folder / "koala.safetensors"


def save_pictures(folder: Path, count: int) -> Path:
    """Small gray pictures."""
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(60, 200, (24, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


def hashed_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the size of everything that SHA-256 is asked for from now on."""
    sizes: list[int] = []
    original = hashlib.sha256

    class Counting:
        def __init__(self, data: bytes = b"", **options: Any):
            self._digest = original(**options)
            self.update(data)

        def update(self, data: bytes) -> None:
            sizes.append(len(data))
            self._digest.update(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._digest, name)

    monkeypatch.setattr(hashlib, "sha256", Counting)
    return sizes


@pytest.mark.parametrize("by", ["name", "path"])
def test_weights_are_opened_once_and_hashed_once(
    by: str, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a whole folder of pictures; shipped weights by their sum, others by the digest that they carry."""
    pictures = save_pictures(tmp_path / "in", 64)
    weights = "koala" if by == "name" else shutil.copy(shipped, tmp_path / "other.safetensors")
    opens, sizes = Opens(shipped if by == "name" else Path(weights)), hashed_bytes(monkeypatch)
    config = ColorizeConfig(weights=str(weights), size=32, workers=2)
    records = list(colorize(str(pictures), str(tmp_path / "out"), config))
    assert [record.outcome for record in records if isinstance(record, Record)] == [Outcome.DONE] * 64
    assert opens.count() == 1
    assert 0.9 < sum(sizes) / shipped.stat().st_size < 1.1


def test_a_second_work_list_finds_the_network_loaded(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is loaded before there is work, and nothing is loaded or traced again for more of it."""
    compiled: list[Any] = []
    compile_function = trace.compile_function
    monkeypatch.setattr(trace, "compile_function", lambda *given: compiled.append(given) or compile_function(*given))
    opens = Opens(shipped)
    worker = Worker(ColorizeConfig(size=32, workers=2), tmp_path / "out")
    assert list(worker.run([])) == []
    assert not compiled
    for name in ("one", "two"):
        plan = make_plan(str(save_pictures(tmp_path / name, 3)), str(tmp_path / "out"), ColorizeConfig(suffix=name))
        assert [record.outcome for record in worker.run(plan.jobs)] == [Outcome.DONE] * 3
    assert len(compiled) == 1
    assert opens.count() == 1
    assert len((tmp_path / "out" / ".koala-journal.jsonl").read_text().splitlines()) == 6


def test_a_run_without_work_reads_weights_only(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rerun knows by the stated digest that nothing has changed, and builds no network."""
    pictures = save_pictures(tmp_path / "in", 2)
    done = ColorizeConfig(size=32)
    list(colorize(str(pictures), str(tmp_path / "out"), done))
    monkeypatch.setattr(trace, "compile_function", lambda *_: pytest.fail("the network was built"))
    _, *again = colorize(str(pictures), str(tmp_path / "out"), done)
    assert [record.outcome for record in again] == [Outcome.SKIPPED] * 2


class Echo:
    """An engine that does nothing and says so."""

    def __init__(self, config: ColorizeConfig, folder: Path | None, colorizer: Any):
        self.journal = Journal(folder, "", open_weights(config.weights).digest)

    def run(self, jobs: list[Job]) -> Iterator[Started | Record]:
        yield Started(len(jobs), "nowhere", "none", 1)
        for job in jobs:
            yield Record(job.source, job.target, Outcome.DONE, "echoed")


def test_an_engine_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up one, asked for by its name, gets what is left to do; planning and counting stay the pipeline's."""
    monkeypatch.setitem(ENGINES, "echo", EngineRow("does nothing", Echo))
    pictures, out = save_pictures(tmp_path / "in", 3), tmp_path / "out"
    (pictures / "notes.txt").touch()
    out.mkdir()
    (out / "01.png").touch()
    done = CliRunner().invoke(make_app(), ["colorize", str(pictures), str(out), "--engine", "echo", "--json"])
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {Path(record["source"]).name: record["reason"] for record in records if "source" in record} == {
        "notes.txt": "not a picture by its name", "01.png": "output exists", "00.png": "echoed", "02.png": "echoed",
    }  # fmt: skip
