"""The first minutes: commands as people type them, in a terminal of 80 columns, and what they see."""

import re
from pathlib import Path

import av
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


def test_an_archivist_gets_proofs_and_the_masters_back(home: Path, gray: NDArray[np.uint8]) -> None:
    """Digests beside the outputs, the luma of each proven, and the very gray files again; the screen tells each."""
    (home / "masters" / "box 7").mkdir(parents=True)
    master = home / "masters" / "box 7" / "a 1.jpg"
    Image.fromarray(gray).save(master, quality=92)
    made = koala(home, "colorize", "masters", "color", "--manifest", "--report", "report.csv")
    assert made.code == 0
    assert any("digests of all outputs" in line for line in made.seen)
    assert "1 picture colorized → color/" in " ".join(made.left)
    assert made.left[-1] == "written: report.csv"
    assert "a 1.jpg" in (home / "color" / "manifest-sha256.txt").read_text("utf-8")
    proven = koala(home, "verify", "color")
    assert proven.code == 0
    assert max(len(line) for line in proven.left) <= COLUMNS
    assert "1 file proven" in " ".join(proven.left)
    back = koala(home, "revert", "color", "gray")
    assert back.code == 0
    assert (home / "gray" / "box 7" / "a 1.jpg").read_bytes() == master.read_bytes()


@pytest.fixture
def reel(tmp_path: Path) -> Path:
    """A film restorer's folder: two seconds of a gray film."""
    with av.open(str(tmp_path / "reel 3.mkv"), "w") as film:
        stream = film.add_stream("libx264", 24, width=96, height=64, pix_fmt="yuv420p", options={"preset": "ultrafast"})
        for number in range(48):
            ramp = np.tile(np.linspace(20 + number, 200, 96), (64, 1)).astype(np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(ramp, format="gray")))
        film.mux(stream.encode())
    return tmp_path


def test_a_film_restorer_looks_at_a_part_and_then_colors_the_film(reel: Path) -> None:
    """The preview does not stand in the way of the whole; the bar counts frames; a second run says all is there."""
    part = koala(reel, "video", "reel 3.mkv", "--preview", "1")
    assert part.code == 0
    assert (reel / "reel 3.preview.mkv").is_file()
    whole = koala(reel, "video", "reel 3.mkv")
    assert whole.code == 0
    assert max(len(line) for line in whole.seen) <= COLUMNS
    assert any(re.search(r"reel 3\.mkv .*(%|frames)", line) for line in whole.seen)
    told = " ".join(whole.left)
    assert "reel 3.mkv -> reel 3.color.mkv" in told
    assert "1 film colorized" in told
    assert "48 frames" in told
    assert not any("0.0 " in line or "on none" in line for line in whole.left)
    again = koala(reel, "video", "reel 3.mkv")
    assert again.code == 0
    assert "output exists" in " ".join(again.left)


def test_a_researcher_trains_a_network_and_judges_it(tmp_path: Path) -> None:
    """Quiet starts; what each command says comes next can be typed as it stands."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (4, 4, 3), np.uint8)
        Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC).save(photos / f"{number}.png")
    small = ["--preset", "deep-koalarization", "--extractor", "none", "--width", "0.25", "--image-size", "32"]
    trained = koala(tmp_path, "train", "--data", "photos", *small, "--batch-size", "2", "--steps", "2", "--name", "a")
    assert trained.code == 0, trained.left
    assert "pictures and network" in trained.seen[0] + trained.seen[1]  # and not a word of the runtime before it
    assert trained.left[0].startswith("deep-koalarization")
    following = f"next: koala colorize PICTURE --weights {Path('runs', 'train', 'a', 'best.safetensors')}"
    assert trained.left[-1] == following
    assert (tmp_path / following.rpartition(" ")[2]).is_file()


def test_a_researcher_judges_the_colorings_of_another_program(home: Path) -> None:
    """A word while intervals are computed, figures beside floors, and the page to open in the end."""
    for folder, shift in (("theirs", 30), ("true", 0)):
        (home / folder).mkdir()
        for name in "ab":
            rng = np.random.default_rng(ord(name))
            pixels = np.kron(rng.integers(0, 200, (2, 3, 3)), np.ones((8, 8, 1))) + np.array([shift, 0, 0])
            Image.fromarray(pixels.astype(np.uint8)).save(home / folder / f"{name}.png")
    judged = koala(home, "eval", "--pred", "theirs", "--ref", "true", "--report", "report.html")
    assert judged.code == 0, judged.left
    assert any("intervals" in line for line in judged.seen)
    assert max(len(line) for line in judged.left) <= COLUMNS
    told = "\n".join(judged.left)
    for words in ("theirs", "gray", "lookup", "2 pictures judged", "written: report.html"):
        assert words in told
    assert "on none" not in told
    assert judged.left[-1] == "next: open report.html"
