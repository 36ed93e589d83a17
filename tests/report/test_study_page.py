"""The real-or-fake study from the first picture to the pooled rate."""

import json
from pathlib import Path
from typing import Any

import pytest
from schemas import read_events
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import EvalConfig
from koalacli.pipelines.evaluate.pipeline import evaluate

run = CliRunner().invoke
READY = "#trial[aria-busy=false]"  # the picture is on the screen


@pytest.fixture(scope="module")
def study(colored: Path) -> Path:
    """A study of eight pictures."""
    target = colored / "study.html"
    folders = {"pred": (str(colored / "made"),), "ref": str(colored / "true")}
    list(evaluate(EvalConfig(**folders, study=str(target), study_pictures=8)))
    return target


def take_part(page: Any, study: Path, saved: Path, *, fooled: bool) -> dict[str, Any]:
    """Answer every picture by keyboard: always real, or always the truth."""
    page.goto(study.as_uri())
    originals = {picture["original"] for picture in json.loads(page.locator("#pictures").text_content())}
    page.get_by_role("button", name="Begin").press("Enter")
    for number in range(1, 9):
        page.get_by_text(f"Picture {number} of 8").wait_for()
        page.locator(READY).wait_for()
        real = fooled or page.locator("#picture").get_attribute("src") in originals
        page.keyboard.press("r" if real else "f")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the answers").click()
    download.value.save_as(saved)
    return json.loads(saved.read_text("utf-8"))


def test_a_study_is_answered_to_the_end_and_pooled(study: Path, page: Any, tmp_path: Path) -> None:
    """One is fooled by every picture and one by none: half of the recolored pictures are judged real."""
    first = take_part(page, study, tmp_path / "first.json", fooled=True)
    second = take_part(page, study, tmp_path / "second.json", fooled=False)
    for result in (first, second):
        assert set(result) == {"format", "study", "session", "answers"}
        assert len(result["answers"]) == 8
        assert sum(answer["recolored"] for answer in result["answers"]) == 4
        assert all(0 < answer["seconds"] < 60 for answer in result["answers"])
    assert all(answer["judged_real"] == (not answer["recolored"]) for answer in second["answers"])
    assert first["session"] != second["session"]
    files = [f"--study-results={tmp_path / name}" for name in ("first.json", "second.json")]
    done = run(app, ["eval", "--json", *files])
    assert done.exit_code == 0, done.output
    (pooled,) = read_events("eval", done.stdout)
    assert pooled["recolored"]["value"] == 0.5
    assert pooled["recolored"]["answers"] == 8
    assert pooled["original"]["value"] == 1
    shown = run(app, ["eval", *files])
    assert "45.87%" in shown.stdout
    assert "32.30%" in shown.stdout


def test_the_study_begins_without_focus_on_an_answer(study: Path, page: Any) -> None:
    """Whoever presses Enter once more, or holds it down, has answered nothing."""
    page.goto(study.as_uri())
    page.get_by_role("button", name="Begin").press("Enter")
    page.locator(READY).wait_for()
    for key in ("Enter", "Space"):
        page.keyboard.press(key)
    assert page.locator("#progress").text_content() == "Picture 1 of 8"
    assert page.evaluate("document.activeElement.id") == "progress"


def test_buttons_do_what_keys_do(study: Path, page: Any) -> None:
    """A participant with a mouse or a finger gets through as well."""
    page.goto(study.as_uri())
    page.get_by_role("button", name="Begin").click()
    for number in range(1, 9):
        page.get_by_text(f"Picture {number} of 8").wait_for()
        page.locator(READY).wait_for()
        page.get_by_role("button", name="Recolored").click()
    assert "4 of 8 right" in page.locator("#summary").text_content()


def test_pictures_are_shuffled(study: Path, page: Any) -> None:
    """Three visits do not show the same order and the same versions."""
    seen = set()
    for _ in range(3):
        page.goto(study.as_uri())
        page.get_by_role("button", name="Begin").click()
        order = []
        for _ in range(8):
            page.locator(READY).wait_for()
            order.append(page.locator("#picture").get_attribute("src"))
            page.keyboard.press("r")
        seen.add(tuple(order))
    assert len(seen) > 1
