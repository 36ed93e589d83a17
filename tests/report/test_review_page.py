"""The review page in a browser: looked through by mouse and by keyboard, kept, saved; strangers' names and files."""

import inspect
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from review_driver import (
    SHOWN,
    WAYS,
    click_picture,
    difference,
    focus,
    go_to,
    lab_of,
    pixels_shown,
    press,
    saved,
    slide,
)

from koalacli.color.join import colorize_pixels
from koalacli.color.lab import lightness_of
from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig, ReviewConfig
from koalacli.control.hints import Hint, Hints
from koalacli.control.kernel import SCOPES
from koalacli.control.solver import apply_hints, value_at
from koalacli.errors import UsageError
from koalacli.photograph.guides import guide_of
from koalacli.pipelines.colorize import colorize
from koalacli.pipelines.review.pictures import SHEETS
from koalacli.pipelines.review.pipeline import review
from koalacli.pipelines.review.server import ReviewServer, note_sources
from koalacli.records import Outcome, Record
from koalacli.report import evaluation
from koalacli.report.review import SCRIPTS, review_page
from koalacli.report.templates import read_asset

COUNT = 40
LARGE = "39.png"  # of the size that the page shows at most; the others are small
HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "\"quotes\" & 'more'.png",
    "</script><script>alert(1)</script>.png".replace("/", "\u2215"),
    "🐨 family.png",
    "משפחה (1932).png",
    "/".join(["long" * 50] * 5) + ".png",
    "__proto__.png",
)
SCOPE_NAMES = list(SCOPES)


@dataclass(frozen=True)
class Batch:
    """Gray pictures, and the page made of them."""

    folder: Path
    page: Path
    records: list[Any]


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    """The shipped weights, seeing little: forty pictures are soon done."""
    return Colorizer(device="cpu", size=64)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory, examples: list[Path], colorizer: Colorizer) -> Batch:
    """Forty small pictures, cut out of the examples, some with names that no page should trust."""
    root = tmp_path_factory.mktemp("review")
    grays = [np.asarray(Image.open(path).convert("L")) for path in examples]
    for number in range(COUNT):
        gray = grays[number % len(grays)]
        row, column = (37 * number) % (gray.shape[0] - 240), (53 * number) % (gray.shape[1] - 320)
        name = HOSTILE[number - 20] if 0 <= number - 20 < len(HOSTILE) else f"{number:02}.png"
        path = root / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(gray[row : row + 240, column : column + 320]).save(path)
    Image.open(examples[-1]).convert("L").save(root / "scans" / LARGE)
    (root / "scans" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    config = ReviewConfig(output=str(root / "page"))
    return Batch(root / "scans", root / "page" / "index.html", list(review(str(root / "scans"), config, colorizer)))


def open_page(page: Any, batch: Batch) -> None:
    """Open from disk and wait until the first picture can be worked with."""
    page.goto(batch.page.as_uri())
    page.locator(SHOWN).wait_for()


def test_every_picture_gets_a_sheet_and_a_torn_file_is_told(batch: Batch, colorizer: Colorizer) -> None:
    """One record per input; the page lists what could be read, and a second run makes nothing anew."""
    outcomes = [record.outcome for record in batch.records if isinstance(record, Record)]
    assert outcomes.count(Outcome.DONE) == COUNT
    failed = [record for record in batch.records if isinstance(record, Record) and record.outcome == Outcome.FAILED]
    assert [Path(record.source).name for record in failed] == ["torn.png"]
    assert len(list((batch.page.parent / "pictures").glob("*.js"))) == COUNT
    before = batch.page.read_bytes()
    again = review(str(batch.folder), ReviewConfig(output=str(batch.page.parent)), colorizer)
    assert sum(isinstance(record, Record) and record.outcome == Outcome.SKIPPED for record in again) == COUNT
    assert batch.page.read_bytes() == before


@pytest.mark.parametrize("held", ["a.jpg", "pictures/holiday.js", "index.html"])
def test_a_folder_that_holds_something_else_is_left_alone(batch: Batch, tmp_path: Path, held: str) -> None:
    """The page is not put among other files, and a page of somebody else's is not replaced."""
    (tmp_path / held).parent.mkdir(exist_ok=True)
    (tmp_path / held).write_text("mine", "utf-8")
    with pytest.raises(UsageError, match="holds other things"):
        list(review(str(batch.folder), ReviewConfig(output=str(tmp_path))))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / held]


def test_sheets_behind_a_link_are_left_alone(tmp_path: Path) -> None:
    """A review cleans up among its sheets; those of another one are not its own."""
    for name in ("in", "other", "page"):
        (tmp_path / name).mkdir()
    Image.new("L", (40, 40), 99).save(tmp_path / "in" / "a.png")
    (tmp_path / "page" / SHEETS).symlink_to(tmp_path / "other")
    with pytest.raises(UsageError, match="is a link"):
        list(review(str(tmp_path / "in"), ReviewConfig(output=str(tmp_path / "page"))))


def test_the_page_shows_what_koala_colorizes(batch: Batch, page: Any, colorizer: Colorizer) -> None:
    """Without decisions the joined pixels are those of the command line, up to the packing of gray and planes."""
    open_page(page, batch)
    go_to(page, "00.png")
    with Image.open(batch.folder / "00.png") as image:
        gray = np.asarray(image)
    guide = guide_of(gray, colorizer)
    mean, high = difference(colorize_pixels(gray, guide, colorizer.predict([guide]).ab[0]), pixels_shown(page))
    assert mean < 2
    assert high < 4


@pytest.mark.parametrize("saturation", [1.0, 0.7])
def test_the_solver_of_the_page_is_that_of_the_command_line(
    batch: Batch, page: Any, colorizer: Colorizer, saturation: float
) -> None:
    """Eight points of all scopes: the same colors, up to the packing of gray, planes and features."""
    points = [
        Hint(0.1 + 0.1 * n, (0.37 * n) % 1, f"{20 - 5 * n},{7 * n - 30}", 0.05 * (n % 2), SCOPE_NAMES[n % 3])
        for n in range(8)
    ]
    given = [{"x": hint.x, "y": hint.y, "ab": hint.ab, "radius": hint.radius, "scope": hint.scope} for hint in points]
    open_page(page, batch)
    go_to(page, "30.png")
    page.evaluate("(given) => decisions.set('30.png', given)", {"points": given, "saturation": saturation})
    with Image.open(batch.folder / "30.png") as image:
        gray = np.asarray(image)
    guide = guide_of(gray, colorizer)
    said = colorizer.predict([guide], features=True)
    lightness = lightness_of(gray)
    ab = apply_hints(
        said.ab[0],
        said.features[0],
        guide,
        Hints(tuple(points), (), saturation),
        lambda x, y: value_at(lightness, x, y),
    )
    expected = lab_of(colorize_pixels(gray, guide, ab))
    off = np.linalg.norm(expected[..., 1:] - lab_of(pixels_shown(page))[..., 1:], axis=-1)
    plain = lab_of(colorize_pixels(gray, guide, said.ab[0] * np.float32(saturation)))
    moved = np.linalg.norm(expected[..., 1:] - plain[..., 1:], axis=-1)
    assert moved.mean() > 8, "the points change much"
    assert off.mean() < 1.5
    assert np.percentile(off, 99) < 6


def test_pictures_are_changed_in_all_ways_kept_saved_and_applied(
    batch: Batch, page: Any, colorizer: Colorizer, tmp_path: Path
) -> None:
    """By mouse and by keyboard alone; after a reload nothing is lost; koala colorize makes what the page showed."""
    open_page(page, batch)
    page.locator("#more").click()
    page.get_by_label("Your name").fill("Ada <b>")
    page.locator("#menu .close").click()
    first = 4
    for number, (by_mouse, _, _) in enumerate(WAYS.values(), first):
        go_to(page, number)
        by_mouse(page)
    page.reload()
    page.locator(SHOWN).wait_for()
    focus(page, "stage")
    press(page, "ArrowRight")
    for _, by_keyboard, _ in WAYS.values():
        by_keyboard(page)
        press(page, "ArrowRight")
    told = page.locator("#progress").text_content()
    assert told == f"8 of {COUNT} decided · 2 flagged"
    numbers = range(first, first + 2 * len(WAYS))
    pixels = {number: (go_to(page, number), pixels_shown(page))[1] for number in numbers}
    page.reload()
    page.locator(SHOWN).wait_for()
    assert page.locator("#progress").text_content() == told
    for number, shown in pixels.items():
        go_to(page, number)
        assert np.array_equal(pixels_shown(page), shown), "what was decided is shown again"
    held = saved(page, tmp_path / "decisions.json")
    assert (held["koala-hints"], held["reviewer"]) == (1, "Ada <b>")
    assert held["settings"]["weights"] == colorizer.weights.digest
    names = page.evaluate("ENTRIES.map((entry) => entry.name)")
    for number, (way, (_, _, expected)) in zip(numbers, 2 * list(WAYS.items()), strict=True):
        assert set(held["pictures"][names[number]]) - {"sha256", "date", "reviewer"} == expected, way
    config = ColorizeConfig(decisions=(str(tmp_path / "decisions.json"),))
    list(colorize(str(batch.folder), str(tmp_path / "color"), config, colorizer))
    for number, shown in pixels.items():
        decision, path = held["pictures"][names[number]], tmp_path / "color" / names[number]
        assert path.exists() == (decision.get("verdict") != "reject")
        if path.exists():
            with Image.open(path) as image:
                mean, high = difference(np.asarray(image.convert("RGB")), shown)
            assert mean < 2, (names[number], decision)
            assert high < 4, (names[number], decision)


def test_a_written_color_that_is_none_is_said_to_be_none(batch: Batch, page: Any) -> None:
    """And nothing is held of it."""
    open_page(page, batch)
    click_picture(page, 0.3, 0.3)
    page.locator("#color-field").fill("no color")
    page.locator("#color-field").press("Enter")
    assert page.locator("#color-wrong").is_visible()
    assert page.evaluate("decisions.size") == 0


def test_names_are_text_never_markup(batch: Batch, page: Any) -> None:
    """Tags, quotes, emoji, right-to-left and a thousand characters are shown as they are, and nothing runs."""
    open_page(page, batch)
    for name in HOSTILE:
        go_to(page, name)
        assert page.locator("#name").text_content() == name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        press(page, "g")
    assert page.locator("#name *, #strip script, #strip img[onerror]").count() == 0
    assert set(json.loads(page.evaluate("asFile()"))["pictures"]) == set(HOSTILE)


def test_files_of_strangers_are_refused_or_shown_as_text(batch: Batch, page: Any, tmp_path: Path) -> None:
    """Wrong types, paths, markup, another picture's digest, 100 MB: a line each, and no decision changes."""
    open_page(page, batch)
    head = {"koala-hints": 1}
    pictures = {
        "../../etc/passwd": {"verdict": "keep"},
        "<b>bold</b>.png": {"verdict": "keep"},
        "__proto__": {"verdict": "keep"},
        "00.png": {"sha256": "0" * 64, "verdict": "reject"},
        "01.png": {"verdict": "<b>"},
        "02.png": {"points": [{"x": 7, "y": 0, "color": "1,1"}]},
        "03.png": {"saturation": "many"},
        "04.png": {"points": {"length": 3}},
        "05.png": [],
        "06.png": {"points": [{"x": 0.5, "y": 0.5, "color": "javascript:alert(1)"}]},
        "07.png": {"polygons": [{"points": [[0, 0], [1, 1]], "color": "teal"}]},
        "08.png": {"polygons": [{"points": [[0, 0], [1, 1], ["<b>", 0]], "color": "teal"}]},
        "09.png": {"proposal": 2, "vividness": 0.3},
        "10.png": {"masks": [{"file": "../x.png", "color": "teal"}]},
    }
    texts = ["{", "[]", json.dumps({"pictures": {}}), json.dumps({**head, "pictures": pictures})]
    expected = ["no JSON", "no decisions", "no decisions", "Decisions taken over: 0."]
    page.locator("#more").click()
    for number, (text, answer) in enumerate(zip(texts, expected, strict=True)):
        path = tmp_path / f"{number}.json"
        path.write_text(text, "utf-8")
        page.locator("#file").set_input_files(path)
        page.locator("#told", has_text=answer).wait_for()
    assert page.locator("#told li").count() == 1 + len(pictures)
    assert page.locator("#told b").count() == 0
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(100_000_000)
    page.locator("#file").set_input_files(tmp_path / "large.json")
    page.locator("#told", has_text="too large").wait_for()
    assert page.evaluate("decisions.size") == 0


def test_a_file_goes_on_where_another_left_off(batch: Batch, page: Any, tmp_path: Path) -> None:
    """Of two decisions about a picture the later one counts, whichever way they meet."""
    open_page(page, batch)
    go_to(page, "00.png")
    press(page, "k")
    pictures = {
        "00.png": {"verdict": "reject", "date": "2020-01-01T00:00:00.000Z"},
        "01.png": {"verdict": "gray", "saturation": 1.2, "date": "2020-01-01T00:00:00.000Z"},
    }
    (tmp_path / "old.json").write_text(json.dumps({"koala-hints": 1, "pictures": pictures}), "utf-8")
    page.locator("#more").click()
    page.locator("#file").set_input_files(tmp_path / "old.json")
    page.locator("#told", has_text="Older than what is here, left out: 1.").wait_for()
    held = json.loads(page.evaluate("asFile()"))["pictures"]
    assert held["00.png"]["verdict"] == "keep"
    assert held["01.png"]["verdict"] == "gray"


def test_pictures_are_looked_at_beside_their_gray_and_closely(batch: Batch, page: Any) -> None:
    """The edge is drawn by hand and by keys, Space shows gray while held, + and the wheel show faces, 0 shows all."""
    open_page(page, batch)
    box = page.locator("#sheet").bounding_box()
    edge = "document.getElementById('sheet').style.getPropertyValue('--at')"
    slide(page, "wipe", 0.5)
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, middle[1], steps=3)
    page.mouse.up()
    assert page.evaluate(edge) == "20%"
    focus(page, "stage")
    press(page, ".", ".")
    assert page.evaluate(edge) == "30%"
    assert page.locator("#wipe").get_attribute("aria-valuetext") == "30% gray"
    page.keyboard.down(" ")
    assert page.locator("#color").is_hidden()
    page.keyboard.up(" ")
    assert page.locator("#color").is_visible()
    press(page, "+")
    page.mouse.move(*middle)
    page.mouse.wheel(0, -400)
    page.wait_for_function("view.scale > 2")
    press(page, "0")
    assert page.locator("#sheet").bounding_box() == box
    assert page.evaluate("decisions.size") == 0, "looking decides nothing"


def test_the_filter_shows_what_is_left(batch: Batch, page: Any) -> None:
    """The strip holds what is asked for, and the arrows go through that alone."""
    open_page(page, batch)
    for number, key in ((3, "f"), (5, "x"), (9, "f")):
        go_to(page, number)
        press(page, key)
    page.locator("#filter").select_option(label="flagged")
    page.locator(SHOWN).wait_for()
    shown = page.locator("#strip button:visible")
    assert shown.count() == 2
    focus(page, "stage")
    press(page, "ArrowLeft")
    assert page.evaluate("current") == 3
    press(page, "ArrowRight")
    assert page.evaluate("current") == 9
    page.locator("#filter").select_option(label="not decided yet")
    assert shown.count() == COUNT - 3


def test_four_hundred_pictures_open_soon_and_a_click_costs_little(batch: Batch, browser: Any, tmp_path: Path) -> None:
    """In time of a processor, which others do not slow down: 3 s until the page can be used, 0.1 s per click.

    And looking through all of them leaves nothing behind.
    """
    held = {name: json.loads(part_of(batch.page, name)) for name in ("entries", "facts")}
    many = [{**entry, "name": f"{round_}/{entry['name']}"} for round_ in range(10) for entry in held["entries"]]
    (tmp_path / "index.html").write_text(review_page(many, held["facts"]), "utf-8")
    (tmp_path / "pictures").symlink_to(batch.page.parent / "pictures")
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    system = browser.new_browser_cdp_session()

    def spent() -> float:
        told = system.send("SystemInfo.getProcessInfo")["processInfo"]
        return sum(process["cpuTime"] for process in told if process["type"] == "renderer")

    before = spent()
    page.goto((tmp_path / "index.html").as_uri())
    page.locator(SHOWN).wait_for()
    assert spent() - before < 3
    assert page.locator("#strip button").count() == 400
    go_to(page, f"0/{LARGE}")
    click_picture(page, 0.5, 0.5)
    page.wait_for_timeout(1500)  # neighbors are decoded, wheels are painted
    before = spent()
    for number in range(5):
        page.locator("#likely .swatch").nth(number).click()
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert (spent() - before) / 5 < 0.1
    devtools = page.context.new_cdp_session(page)
    used = []
    for first in (0, 40):
        page.evaluate("async (first) => { for (let n = first; n < first + 40; n += 1) await show(n); }", first)
        devtools.send("HeapProfiler.collectGarbage")
        used.append(devtools.send("Runtime.getHeapUsage")["usedSize"])
    assert used[1] < used[0] + 1e6
    page.close()


def part_of(page: Path, name: str) -> str:
    """The data of that name in a page."""
    found = re.search(
        rf'<script type="application/json" id="{name}">(.*?)</script>', page.read_text("utf-8"), re.DOTALL
    )
    assert found
    return found[1]


def test_all_that_the_page_says_stands_in_one_table(batch: Batch) -> None:
    """Ready for another language: no word in the template but one for browsers without scripts, and none too many."""
    texts = json.loads(read_asset("review_texts.json"))
    template = read_asset("review.html")
    code = "".join(read_asset(name) for name in SCRIPTS)
    words = re.findall(r">([^<>{}]*[A-Za-z]{2}[^<>{}]*)<", re.sub(r"<noscript>.*?</noscript>", "", template))
    assert set(words) <= {"koala review", "koala"}
    assert {key for key in texts if not re.search(rf"\b{key}\b", template + code)} == set()
    told = re.findall(r'say\("(\w+)"', code) + re.findall(r'data-(?:text|title|label|hint)="(\w+)"', template)
    assert set(told) <= set(texts)


def test_the_page_and_the_report_share_style_and_slider() -> None:
    """What the one has learned the other has, too."""
    page = review_page([], {})
    report = inspect.getsource(evaluation)
    for part in ("common.css", "slider.css"):
        assert read_asset(part) in page
        assert f'read_asset("{part}")' in report


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark"), (2560, "light")])
def test_the_page_fits_and_every_control_has_a_name(batch: Batch, browser: Any, width: int, scheme: str) -> None:
    """Nothing sticks out sideways with all tools open, and a screen reader finds a text for whatever can be used."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    open_page(page, batch)
    click_picture(page, 0.5, 0.5)
    press(page, "1")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = "[...document.querySelectorAll('button, input, select')].filter((each) => each.checkVisibility() && "
    unnamed += "!(each.ariaLabel || each.textContent.trim() || each.labels?.length)).map((each) => each.outerHTML)"
    assert page.evaluate(unnamed) == []
    assert page.get_by_role("heading", level=1).count() == 1
    page.close()


def test_a_served_page_writes_to_the_folder_and_shows_full_size(
    batch: Batch, browser: Any, colorizer: Colorizer
) -> None:
    """Decisions are on the disk at once; zoomed in, the gray is the file's own."""
    sources: dict[str, Path] = {}
    list(note_sources(review(str(batch.folder), ReviewConfig(output=str(batch.page.parent)), colorizer), sources))
    with ReviewServer(batch.page.parent, sources) as server:
        threading.Thread(target=server.run, daemon=True).start()
        page = browser.new_page()
        page.goto(server.address)
        page.locator(SHOWN).wait_for()
        go_to(page, "00.png")
        page.locator("#stage").focus()
        press(page, "g")
        page.locator("#status", has_text="Written").wait_for()
        held = json.loads((batch.page.parent / "decisions.json").read_text("utf-8"))
        assert held["pictures"]["00.png"]["verdict"] == "gray"
        press(page, "+", "+")
        page.wait_for_function("picture.full")
        codes = np.frombuffer(bytes(page.evaluate("[...picture.codes]")), np.uint8)
        assert np.array_equal(codes, np.asarray(Image.open(batch.folder / "00.png")).ravel())
        page.close()
        server.close()
    (batch.page.parent / "decisions.json").unlink()


def test_the_page_holds_everything_and_lets_nothing_in(batch: Batch) -> None:
    """No address of anything outside, every slot filled, and a policy that runs the page's own script alone."""
    text = batch.page.read_text("utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'; script-src 'sha256-" in text
    assert "<img src=x" not in text
