"""The report in a browser: slider, sorting, choice of pictures, nothing from outside."""

from pathlib import Path
from typing import Any

import pytest

from koalacli.config import EvalConfig
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.pipeline import evaluate
from koalacli.report.evaluation import choose_pictures
from koalacli.report.templates import fill


@pytest.fixture(scope="module")
def report(colored: Path) -> tuple[Path, Evaluation]:
    """A report of ten pictures and what it is about."""
    target = colored / "report.html"
    config = EvalConfig(pred=(str(colored / "made"),), ref=str(colored / "true"), report=str(target))
    return target, next(record for record in evaluate(config) if isinstance(record, Evaluation))


def column(page: Any, number: int) -> list[str]:
    """Texts of one column of the table of all pictures."""
    return page.locator(f".sortable tbody tr > :nth-child({number})").all_text_contents()


def test_the_report_is_one_file_of_its_own(report: tuple[Path, Evaluation]) -> None:
    """No address of anything outside is in it, every slot is filled, and names are shown as text."""
    text = report[0].read_text("utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "{{" not in text
    assert "<b>0 &" not in text
    assert "&lt;b&gt;0 &amp; co.png" in text


def test_the_slider_moves_by_keyboard(report: tuple[Path, Evaluation], page: Any) -> None:
    """The viewer starts half and half; arrow keys move the edge, and a screen reader hears where it is."""
    page.goto(report[0].as_uri())
    slider = page.get_by_role("slider")
    over = page.locator("#viewer-over")
    assert over.evaluate("image => getComputedStyle(image).clipPath") == "inset(0px 50% 0px 0px)"
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert over.evaluate("image => getComputedStyle(image).clipPath") == "inset(0px 40% 0px 0px)"
    assert slider.get_attribute("aria-valuetext") == "60% gray, the rest made"
    page.locator("#viewer-right").select_option("reference")
    assert "reference" in page.locator("#viewer-under").get_attribute("alt")


def test_the_slider_follows_the_mouse(report: tuple[Path, Evaluation], page: Any) -> None:
    """Pressing at a quarter of the picture shows a quarter of the left version."""
    page.goto(report[0].as_uri())
    box = page.locator(".stage").bounding_box()
    page.locator(".stage").scroll_into_view_if_needed()
    page.locator("#viewer-slider").click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    assert abs(float(page.locator("#viewer-slider").input_value()) - 25) <= 2


def test_the_table_sorts_both_ways(report: tuple[Path, Evaluation], page: Any) -> None:
    """By number, not by text; a second press turns the order, and the heading says so."""
    page.goto(report[0].as_uri())
    names = column(page, 1)
    button = page.get_by_role("button", name="ΔE2000", exact=True)
    place = 2 + page.locator(".sortable thead th button").all_text_contents()[1:].index("ΔE2000")
    button.click()
    values = [float(text) for text in column(page, place)]
    assert values == sorted(values)
    assert button.locator("..").get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert [float(text) for text in column(page, place)] == values[::-1]
    assert button.locator("..").get_attribute("aria-sort") == "descending"
    assert sorted(column(page, 1)) == sorted(names)
    assert "largest first" in page.locator("#sort-status").text_content()


def test_best_median_and_worst_are_chosen_by_metric(report: tuple[Path, Evaluation], page: Any) -> None:
    """What is shown are the pictures that the figures name, best first."""
    _, evaluation = report
    chosen = choose_pictures(evaluation)
    ranks = {name: dict(tags)["delta_e"] for name, tags in chosen.items() if "delta_e" in dict(tags)}
    by_error = sorted(evaluation.pictures, key=lambda name: page_row(evaluation, name)["delta_e"])
    assert [name for name in by_error if ranks.get(name) == "best"] == by_error[:2]
    assert [name for name in by_error if ranks.get(name) == "worst"] == by_error[-2:]
    assert [name for name in by_error if ranks.get(name) == "median"] == by_error[4:6]
    page.goto(report[0].as_uri())
    shown = page.locator(".panel:visible").evaluate_all("panels => panels.map(panel => panel.dataset.name)")
    assert set(shown) == set(ranks)
    assert set(shown[:2]) == set(by_error[:2])
    page.get_by_label("Chosen by").select_option("all")
    assert page.locator(".panel:visible").count() == len(chosen)


def test_the_viewer_opens_on_the_median_picture(report: tuple[Path, Evaluation], page: Any) -> None:
    """Neither the best nor the worst is what one gets."""
    page.goto(report[0].as_uri())
    shown = page.locator("#viewer-picture").input_value()
    assert ("delta_e", "median") in choose_pictures(report[1])[shown]
    assert shown in page.locator("#viewer-over").get_attribute("alt")


def page_row(evaluation: Evaluation, name: str) -> dict[str, float]:
    """The figures of one picture."""
    return evaluation.rows["made"][evaluation.pictures.index(name)]


def test_compare_brings_a_picture_into_the_viewer(report: tuple[Path, Evaluation], page: Any) -> None:
    """The button of a panel shows it large and hands the keyboard to the slider."""
    page.goto(report[0].as_uri())
    panel = page.locator(".panel:visible").last
    panel.get_by_role("button").click()
    assert page.locator("#viewer-picture").input_value() == panel.get_attribute("data-name")
    assert page.evaluate("document.activeElement.id") == "viewer-slider"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_fits_and_can_be_read(
    report: tuple[Path, Evaluation], browser: Any, width: int, scheme: str
) -> None:
    """Nothing sticks out sideways, and text stands out from its ground by at least 4.5 to 1."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(report[0].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colors = page.evaluate(
        "['--ink', '--soft', '--accent', '--paper', '--card']"
        ".map(name => getComputedStyle(document.documentElement).getPropertyValue(name))"
    )
    *inks, paper, card = (luminance(color) for color in colors)
    for ink in inks:
        for ground in (paper, card):
            assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 4.5
    page.close()


def luminance(color: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    codes = [int(color.strip()[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4 for code in codes)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_image_and_chart_has_a_name(report: tuple[Path, Evaluation], page: Any) -> None:
    """A screen reader finds a text for whatever is shown, and one heading of the first level."""
    page.goto(report[0].as_uri())
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    assert page.locator("[role=img]:not([aria-label])").count() == 0
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.locator("select, input").evaluate_all(
        "fields => fields.every(field => field.labels.length || field.ariaLabel)"
    )


def test_what_is_inserted_is_not_read_as_a_template() -> None:
    """A picture named like a slot stays what it is."""
    slots = dict.fromkeys(("style", "count", "pictures", "script"), "") | {"study": "{{count}}"}
    assert "{{count}}" in fill("study.html", slots)
