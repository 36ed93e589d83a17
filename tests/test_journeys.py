"""The first minutes: commands as people type them, in a terminal of 80 columns, and what they see."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from terminal import COLUMNS, Screen, type_command

DRIVER = Path(__file__).with_name("faults_driver.py")


@pytest.fixture
def home(tmp_path: Path, gray: NDArray[np.uint8]) -> Path:
    """A family's folder: three gray scans, a sepia one, one in color, a broken one, and notes."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("wedding.jpg", "garden.png", "box 2/at sea.jpg"):
        (scans / name).parent.mkdir(exist_ok=True)
        Image.fromarray(gray).save(scans / name)
    Image.fromarray(np.clip(gray[..., None] * [1.35, 1.2, 0.94], 0, 255).astype(np.uint8)).save(scans / "sepia.png")
    Image.fromarray(np.dstack([gray, gray[::-1], gray[:, ::-1]])).save(scans / "beach.png")
    (scans / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (scans / "notes.txt").write_text("who is who")
    return tmp_path


def koala(home: Path, *words: str) -> Screen:
    return type_command(list(words), home, DRIVER)


def test_a_family_colors_a_mixed_folder(home: Path) -> None:
    """One command: right by default, told in one summary that says where and why; the next run does only the rest."""
    screen = koala(home, "colorize", "scans")
    assert screen.code == 1
    assert any("6 pictures; starting the network" in line for line in screen.seen)
    assert max(len(line) for line in screen.seen) <= COLUMNS
    told = " ".join(screen.left)
    assert "4 pictures colorized → scans-color/" in told
    for part in ("1 in color already, copied", "1 failed", "1 no picture"):
        assert part in told
    assert "--colored recolor" in told
    assert "torn.jpg" in told
    assert "Traceback" not in told
    assert (home / "scans-color/beach.png").read_bytes() == (home / "scans/beach.png").read_bytes()
    again = koala(home, "colorize", "scans")
    assert "5 there already" in " ".join(again.left)
    assert not any("starting the network" in line for line in again.seen)


def test_a_shells_pattern_and_a_mistake(home: Path) -> None:
    """What a shell makes of scans/*.jpg is colored in place; a wrong name is one line, with no bar above it."""
    scans = home / "scans"
    names = [f"scans/{path.name}" for path in sorted(scans.glob("*.png"))]
    screen = koala(home, "colorize", *names)
    assert screen.code == 0
    assert (scans / "garden.color.png").is_file()
    wrong = koala(home, "colorize", "scnas", "-o", "out")
    assert wrong.code == 3
    assert wrong.left == ["koala: scnas: no such file or folder"]
