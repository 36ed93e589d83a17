"""A box of 33 mixed scans: colored right by default, and told in one summary."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scans import COLORED, COPIED, EXTRA, FAILED, OTHER, TABLE, make_box
from typer.testing import CliRunner, Result

from koalacli import Colorizer
from koalacli.cli.app import app
from koalacli.photograph.journey import COPIED as KEPT
from koalacli.photograph.journey import ON_TABLE

TONED = {  # a picture and the gray one that it was made of
    "sepia/bank.jpg": "1908 bank.jpg",
    "sepia/mother.png": "1936/mother & children.jpg",
    "sepia/street by an app.jpg": "1915 street.png",
    "sepia/boy by an app.jpg": "1945/boy.webp",
    "toned/blueprint.jpg": "1908 bank.jpg",
    "toned/selenium.tif": "1936/mother & children.jpg",
    "cast/pink.jpg": "1919 garden.tif",
    "cast/green.jpg": "1915 street.png",
    "faded/yellowed.jpg": "1945/boy.webp",
}


def small(path: Path, mode: str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        shown = image.convert(mode)
        shown.thumbnail((560, 560))
        return np.asarray(shown)


@pytest.fixture(scope="module")
def box(
    tmp_path_factory: pytest.TempPathFactory, examples: list[Path], shared: Path, colorizer: Colorizer
) -> tuple[Path, dict[str, str], Result]:
    """The folder, what shall come of each file, and what the command said."""
    home = tmp_path_factory.mktemp("home")
    snapshots = sorted((shared / "eval" / "bsds64").iterdir())[3:5]
    outcomes = make_box(home / "box", [small(path, "L") for path in examples], [small(p, "RGB") for p in snapshots])
    words = ["colorize", str(home / "box"), "--report", str(home / "report.json")]
    return home, outcomes, CliRunner().invoke(app, words, obj=colorizer)


def test_each_of_33_scans_ends_as_it_should(box: tuple[Path, dict[str, str], Result]) -> None:
    """Gray, toned, faded and framed ones are colored; color is copied, prints on tables too; the rest is named."""
    home, outcomes, _ = box
    assert len(outcomes) == 33
    events = [one for one in json.loads((home / "report.json").read_text()) if one["event"] == "picture"]
    records = {one["source"].removeprefix(f"{home / 'box'}/"): one for one in events}
    assert records.keys() == outcomes.keys()
    for name, outcome in outcomes.items():
        told = records[name]["outcome"], records[name]["kind"]
        wanted = {
            COLORED: ("done", ""),
            COPIED: ("done", KEPT),
            TABLE: ("done", ON_TABLE),
            FAILED: ("failed", ""),
            EXTRA: ("skipped", "needs koala-colorizer[heic]"),
            OTHER: ("skipped", "no picture"),
        }[outcome]
        assert told == wanted, (name, records[name]["reason"])


def test_the_summary_tells_all_of_it(box: tuple[Path, dict[str, str], Result]) -> None:
    """One line: how many, where, and why the others are not there; a large border has a line of its own."""
    home, outcomes, done = box
    assert done.exit_code == 1
    colored = list(outcomes.values()).count(COLORED)
    summary = next(line for line in done.stderr.splitlines() if "pictures colorized" in line)
    parts = [
        f"{colored} pictures colorized → {home / 'box-color'}/",
        "3 failed",
        "2 in color already, copied",
        "1 copied, a print on a table: crop it",
        "2 no pictures",
    ]
    assert all(part in summary for part in parts), summary
    bordered = [line for line in done.stderr.splitlines() if "is border" in line]
    assert len(bordered) == 1
    assert "lid of the scanner.png (56% of it is border" in bordered[0] or "(55% of it is border" in bordered[0]


@pytest.mark.parametrize("name", TONED)
def test_a_toned_print_gets_the_colors_of_a_gray_one(name: str, box: tuple[Path, dict[str, str], Result]) -> None:
    """Its mean color is that of the colored gray print, within 3 of ab: neither its tone nor a bluish one."""
    folder = box[0] / "box-color"
    toned, gray = (mean_color(folder / one) for one in (name, TONED[name]))
    assert np.abs(toned - gray).max() < 3, (toned, gray)


def mean_color(path: Path) -> NDArray[np.float32]:
    rgb = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB).astype(np.float32) / 255
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., 1:].mean((0, 1))
