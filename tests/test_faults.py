"""Real faults: killed processes, full and read-only disks, files that vanish or change, damaged files."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import formats_inputs as inputs
import numpy as np
import pytest
from PIL import Image

from koalacli.errors import InputError
from koalacli.io.files import TEMPORARY
from koalacli.io.picture.read import read_bytes, read_picture

HERE = Path(__file__).resolve().parent
MUTATIONS = 8  # per kind of file


def driver(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the driver in a process of its own."""
    command = [sys.executable, str(HERE / "faults_driver.py"), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False, **options)


def pictures(folder: Path, count: int, size: tuple[int, int] = (90, 120)) -> Path:
    """A folder of noisy gray pictures, JPEG and PNG in turn."""
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(40, 210, size, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.{'jpg' if number % 2 else 'png'}")
    return folder


def leftovers(folder: Path) -> list[str]:
    """Temporary files that were left behind."""
    return [path.name for path in folder.rglob("*") if path.name.endswith(TEMPORARY)]


def test_kill_at_any_moment_then_rerun_gives_the_same_outputs(tmp_path: Path) -> None:
    """Twenty times: kill -9 at a random moment, rerun: every output is there, byte for byte, once in the journal."""
    done = driver("kill", pictures(tmp_path / "in", 12), tmp_path, 20)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["outputs"] == 12
    assert set(result["codes"]) == {0}
    assert [number for number, found in enumerate(result["rounds"]) if not (found["same"] and found["once"])] == []
    assert any(0 < found["before"] < 12 for found in result["rounds"]), "no kill came in the middle"
    assert leftovers(tmp_path) == []


def colorize(source: Path, output: Path, *flags: str) -> subprocess.Popen[bytes]:
    """Start `koala colorize` with the shipped weights."""
    command = [sys.executable, "-m", "koalacli", "colorize", str(source), str(output), "--quiet", *flags]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE.parent)})


def outputs(folder: Path) -> dict[str, bytes]:
    """Visible files by name."""
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


def test_killed_runs_of_the_shipped_weights_end_as_an_unbroken_one(tmp_path: Path) -> None:
    """With the real network, too: two kills in the middle, a rerun, and every byte is what it should be."""
    source = pictures(tmp_path / "in", 8)
    unbroken = colorize(source, tmp_path / "whole")
    seen: dict[str, bytes] = {}
    for wanted in (1, 4):
        running = colorize(source, tmp_path / "out", "--batch-size", "1", "--workers", "1")
        while running.poll() is None and len(outputs(tmp_path / "out")) < wanted:
            time.sleep(0.002)
        running.kill()
        assert running.wait() == -signal.SIGKILL, "it was done before it could be killed"
        seen |= outputs(tmp_path / "out")
        assert wanted <= len(seen) < 8
    assert unbroken.wait(timeout=120) == 0
    assert colorize(source, tmp_path / "out").wait(timeout=120) == 0
    whole = outputs(tmp_path / "whole")
    assert len(whole) == 8
    assert outputs(tmp_path / "out") == whole
    assert seen.items() <= whole.items()
    assert leftovers(tmp_path) == []


def test_two_processes_share_an_output_folder(tmp_path: Path) -> None:
    """Both end well, and the outputs are those of one alone."""
    done = driver("share", pictures(tmp_path / "in", 16), tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"codes": [0, 0], "same": True, "torn": 0}
    assert leftovers(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.name != "posix" or not _mount(folder, "size=2m"):
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_full_disk_stops_with_one_line_and_no_partial_file(tmp_path: Path, small_disk: Path) -> None:
    """What fits is whole, the run ends with exit code 1 and one line that says why."""
    source = pictures(tmp_path / "in", 12, (400, 500))
    done = driver("run", "colorize", source, small_disk / "out")
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if "no space left" in line]) == 1
    assert "Traceback" not in done.stderr
    written = [path for path in (small_disk / "out").iterdir() if not path.name.startswith(".")]
    assert 0 < len(written) < 12
    assert all(read_picture(path).pixels.shape == (400, 500, 3) for path in written)
    assert leftovers(small_disk) == []


def test_a_read_only_folder_fails_every_output_by_name(tmp_path: Path, small_disk: Path) -> None:
    """No output can be written: each is reported, none is half there, exit code 1; later it works."""
    source, output = pictures(tmp_path / "in", 3), small_disk / "out"
    output.mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = driver("run", "colorize", source, output)
    assert done.returncode == 1
    assert done.stderr.count("cannot be written") == done.stderr.count("give another place") == 3
    assert "Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert driver("run", "colorize", source, output).returncode == 0


def test_a_file_that_vanishes_is_reported_and_the_rest_is_done(tmp_path: Path) -> None:
    """Inputs deleted while the run goes on fail by name; the others are colorized."""
    source, output = pictures(tmp_path / "in", 40), tmp_path / "out"
    command = [sys.executable, str(HERE / "faults_driver.py"), "run", "colorize", str(source), str(output), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PAUSE": "0.1"}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert running.stdout
    running.stdout.readline()  # the run has started: the list of inputs is made
    running.stdout.readline()
    (source / "039.jpg").unlink()
    text, _ = running.communicate(timeout=60)
    events = [json.loads(line) for line in text.splitlines()]
    assert running.returncode == 1
    failed = [event["reason"] for event in events if event.get("outcome") == "failed"]
    assert len(failed) == 1
    assert "039.jpg" in failed[0]
    assert "gone" in failed[0]
    assert events[-1]["done"] == 39


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A file still being copied is not taken for a whole one."""
    path = tmp_path / "growing.tif"
    path.write_bytes(bytes(40_000_000))
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not stop.is_set():
                file.write(bytes(1000))
                file.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with pytest.raises(InputError, match="changed while it was read"):
            [read_bytes(path) for _ in range(50)]  # one reading may fall between two writings
    finally:
        stop.set()
        thread.join()


def _mutate(data: bytes, chance: random.Random, kind: int) -> bytes:
    """Bit flips anywhere, truncation, lies in the header, repeated or deleted stretches."""
    changed = bytearray(data)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind in (1, 2, 3):
        for _ in range(kind * 3):
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind in (4, 5):
        for _ in range(4):
            changed[chance.randrange(min(len(data), 128))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
    elif kind == 6:
        at = chance.randrange(len(data))
        changed[at:at] = changed[at // 2 : at // 2 + 64]
    else:
        at = chance.randrange(len(data))
        del changed[at : at + 40]
    return bytes(changed)


def test_damaged_files_of_every_kind_never_crash_hang_or_pass_silently(tmp_path: Path) -> None:
    """Over 300 mutated files of all formats: each is reported, or colorized with the lightness its decoder finds."""
    (tmp_path / "in").mkdir()
    chance = random.Random(11)
    count = 0
    for name, (_, maker) in inputs.INPUTS.items():
        data = maker()
        for kind in range(MUTATIONS):
            (tmp_path / "in" / f"{kind}-{name}").write_bytes(_mutate(data, chance, kind))
            count += 1
    assert count >= 300
    arguments = ["colorize", tmp_path / "in", tmp_path / "out", "--json", "--verify", "--max-pixels", "20000000"]
    done = driver("run", *arguments)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    records = [event for event in events if event["event"] == "picture"]
    failed = [event for event in records if event["outcome"] == "failed"]
    assert done.stderr == "", "decoders talk to the terminal"
    assert len(records) == count
    assert {event["outcome"] for event in records} == {"done", "failed"}
    assert done.returncode == 1
    assert not [event["reason"] for event in failed if "verification" in event["reason"]]
    assert all(Path(event["source"]).name in event["reason"] for event in failed)
    assert 50 < len(failed) < count - 50
    written = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert written == {Path(event["source"]).name for event in records if event["outcome"] == "done"}
    assert all(event["seconds"] < 20 for event in records)
