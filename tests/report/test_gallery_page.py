"""The gallery of a run, in a browser: the slider by hand and by keyboard, a phone, and paper."""

from pathlib import Path
from typing import Any

import numpy as np

from koalacli.records import Outcome
from koalacli.report.gallery import Exhibit, gallery_page


def make_page(folder: Path) -> str:
    """Two pictures before and after, a copy, a failure; names that would break a page that trusts them."""
    gray = np.full((30, 40, 3), 120, np.uint8)
    color = np.full((30, 40, 3), (200, 90, 40), np.uint8)
    exhibits = [
        Exhibit("<b>one & co.jpg", Outcome.DONE, "reference: sea.jpg", gray, color),
        Exhibit("tall.jpg", Outcome.DONE, "", gray.transpose(1, 0, 2), color.transpose(1, 0, 2)),
        Exhibit("beach.jpg", Outcome.DONE, "in color already, copied", None, color),
        Exhibit("torn.jpg", Outcome.FAILED, "torn.jpg: cannot be read"),
    ]
    target = folder / "family.html"
    target.write_text(gallery_page("family", exhibits), "utf-8")
    return target.as_uri()


def test_pictures_are_compared_by_hand_and_by_keyboard(page: Any, tmp_path: Path) -> None:
    """The slider moves the border between before and after, says so, and nothing is wider than a phone."""
    page.set_viewport_size({"width": 400, "height": 700})
    page.goto(make_page(tmp_path))
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    slider = page.get_by_role("slider").first
    slider.fill("20")
    assert page.locator(".stage").first.evaluate("stage => stage.style.getPropertyValue('--at')") == "20%"
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "21% before, the rest after"
    assert page.get_by_role("heading", name="<b>one & co.jpg").count() == 1
    assert page.get_by_text("torn.jpg: cannot be read").count() == 1
    assert page.get_by_text("3 pictures, 1 failed").count() == 1


def test_paper_shows_both_beside_each_other(page: Any, tmp_path: Path) -> None:
    """In print before stands left of after, whole, and nothing that only a screen can use is left."""
    page.emulate_media(media="print")
    page.goto(make_page(tmp_path))
    before, after = (
        page.locator(".stage").first.locator(f"img{kind}").bounding_box() for kind in (".over", ":first-child")
    )
    assert before["x"] + before["width"] <= after["x"]
    assert before["y"] == after["y"]
    assert page.locator(".stage .over").first.evaluate("image => getComputedStyle(image).clipPath") == "none"
    assert not page.get_by_role("slider").first.is_visible()
