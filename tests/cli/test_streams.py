"""Standard descriptors that are closed or full, terminals that know ASCII only, folders that are gone."""

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
DRIVER = str(ROOT / "tests" / "faults_driver.py")  # a network that costs nothing
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Sound pictures and LZW TIFFs with damaged stretches, of which libtiff complains on descriptor 2."""
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = np.clip(np.add.outer(np.arange(120), np.arange(160)) / 2 + rng.normal(0, 9, (120, 160)), 0, 255)
        image = Image.fromarray(pixels.astype(np.uint8))
        image.save(folder / f"{number:02}b.tif", compression="tiff_lzw")
        data = bytearray((folder / f"{number:02}b.tif").read_bytes())
        for place in rng.integers(800, len(data) - 800, 30):
            data[place] ^= 1 << int(rng.integers(8))
        (folder / f"{number:02}b.tif").write_bytes(data)
        image.save(folder / f"{number:02}g.png")
    return folder


def shell(redirection: str, *arguments: object, **options: str) -> subprocess.CompletedProcess[bytes]:
    """`koala ARGUMENTS REDIRECTION` by a shell."""
    line = f'"$0" "$@" {redirection}'
    command = ["bash", "-c", line, sys.executable, DRIVER, "run", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, env={**ENVIRONMENT, **options}, stdin=subprocess.DEVNULL, timeout=60, check=False
    )


CLOSED = [numbers for count in (1, 2, 3) for numbers in combinations(range(3), count)]


def test_no_output_gets_the_number_of_a_closed_descriptor(tmp_path: Path, source: Path) -> None:
    """Whichever of 0, 1 and 2 are closed: the same bytes, and nothing of what libraries print is in them."""
    shell("", "colorize", source, tmp_path / "whole")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("[!.]*")}
    assert len(whole) >= 12
    for closed in CLOSED:
        output = tmp_path / "".join(map(str, closed))
        done = shell(" ".join(f"{number}>&-" for number in closed), "colorize", source, output, "--workers", "2", "-v")
        assert {path.name: path.read_bytes() for path in output.glob("[!.]*")} == whole, closed
        assert done.returncode in (0, 1)
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
@pytest.mark.parametrize("flags", [["--json"], []], ids=["json", "picture"])
def test_standard_output_that_takes_nothing_is_one_line(
    tmp_path: Path, source: Path, redirection: str, flags: list[str]
) -> None:
    """Events or a picture that go nowhere: exit code 1, the cause, no traceback; a report still tells what was done."""
    report = tmp_path / "report.json"
    arguments = ["colorize", source / "00g.png", tmp_path / "out" if flags else "-", *flags, "--report", report]
    done = shell(redirection, *arguments)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert any("standard output" in line for line in lines)
    known = ("koala: ", "failed: ", "0 pictures", "1 picture; ", "written: ")
    assert all(line.startswith(known) for line in lines)
    assert json.loads(report.read_text())[-1]["event"] == "summary"


@pytest.mark.parametrize("words", [["--help"], ["colorize", "--help"], ["--version"]], ids=" ".join)
def test_help_that_goes_nowhere_is_one_line(words: list[str]) -> None:
    """It is written before any command begins."""
    done = shell(">/dev/full", *words)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("koala: standard output: cannot be written")
    assert done.stderr.count(b"\n") == 1


def test_a_pipe_that_closes_ends_the_run_in_order(tmp_path: Path, source: Path) -> None:
    """koala --json | head: no traceback, no complaint of Python's at its end."""
    done = shell("| head -c 10", "colorize", source, tmp_path / "out", "--json")
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_an_ascii_terminal_gets_every_line(tmp_path: Path) -> None:
    """Names with other letters are shown as escapes, in lines and in events."""
    name = "stra\u00dfe\udcff.jpg"
    (tmp_path / name).write_bytes(b"no picture")
    done = shell("", "colorize", tmp_path, tmp_path / "out", PYTHONIOENCODING="ascii:strict", PYTHONUTF8="0")
    assert b"stra\\xdfe\\udcff.jpg" in done.stderr
    done = shell("", "colorize", tmp_path, tmp_path / "o", "--json", PYTHONIOENCODING="ascii:strict", PYTHONUTF8="0")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert Path(events[1]["source"]).name == name


def test_codes_in_a_message_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """Errors that end a run name files, too."""
    done = shell("", "colorize", tmp_path / "\x1b[31mred\x1b[0m", tmp_path / "out")
    assert done.returncode == 3
    assert b"\x1b" not in done.stderr
    assert b"\\x1b[31mred" in done.stderr


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    """koala started in a folder that was deleted: one line."""
    (tmp_path / "gone").mkdir()
    line = f'cd "{tmp_path}/gone" && rmdir "{tmp_path}/gone" && exec "$0" "$@"'
    command = ["bash", "-c", line, sys.executable, DRIVER, "run", "colorize", "in", "out"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "koala: the current folder is gone (No such file or directory); change to another one\n"


@pytest.mark.parametrize("columns", ["1", "20"])
def test_narrow_terminals_are_no_obstacle(tmp_path: Path, source: Path, columns: str) -> None:
    """A bar in one column is of no use, and does no harm."""
    flags = {"COLUMNS": columns, "FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}
    done = shell("", "colorize", source / "00g.png", tmp_path / "out", **flags)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
