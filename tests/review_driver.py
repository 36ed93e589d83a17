"""What a person does on the review page, and what the page shows then."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.color.lab import rgb_to_lab
from koalacli.metrics.pictures import delta_e_2000

SHOWN = "#stage[aria-busy=false]"


def go_to(page: Any, picture: int | str) -> None:
    """Show a picture by its place in the strip, or by its name."""
    number = picture
    if isinstance(picture, str):
        number = page.evaluate("(name) => ENTRIES.findIndex((entry) => entry.name === name)", picture)
    page.locator("#strip button").nth(number).click()
    page.locator(SHOWN).wait_for()


def click_picture(page: Any, x: float, y: float) -> None:
    """Click at shares of the picture's width and height."""
    box = page.locator("#sheet").bounding_box()
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def press(page: Any, *keys: str) -> None:
    """Keys, one after the other, where the focus is; a picture that they lead to is waited for."""
    for key in keys:
        page.keyboard.press(key)
        page.locator(SHOWN).wait_for()


def slide(page: Any, name: str, share: float) -> None:
    """Click on a slider, so far from its left end."""
    slider = page.locator(f"#{name}")
    box = slider.bounding_box()
    slider.click(position={"x": share * box["width"], "y": box["height"] / 2})


def press_button(page: Any, name: str) -> None:
    """Click what a screen reader calls so."""
    page.get_by_role("button", name=name, exact=False).first.click()


def focus(page: Any, name: str) -> None:
    """Tab on until something has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == name:
            return
    raise AssertionError(f"no Tab leads to {name}")


def pixels_shown(page: Any) -> NDArray[np.uint8]:
    """The colored picture as the page has it now, rgb (H, W, 3)."""
    page.evaluate("paintColor(picture, decisionOf(entryNow()), byId('color'))")
    data = page.evaluate("document.getElementById('color').toDataURL('image/png')").split(",")[1]
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def lab_of(rgb8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB of a picture."""
    return rgb_to_lab(rgb8.astype(np.float32) / 255)


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[float, float]:
    """ΔE2000 between two pictures: mean and 99th percentile."""
    found = delta_e_2000(lab_of(first), lab_of(second))
    return float(found.mean()), float(np.percentile(found, 99))


def saved(page: Any, target: Path) -> dict[str, Any]:
    """Press Save and read what comes down."""
    with page.expect_download() as download:
        page.keyboard.press("Control+s")
    download.value.save_as(target)
    return json.loads(target.read_text("utf-8"))


def _mouse_all_of_it(page: Any) -> None:
    click_picture(page, 0.75, 0.25)
    page.locator("#wheel").click(position={"x": 100, "y": 60})
    page.get_by_text("whole picture", exact=True).click()


def _mouse_several(page: Any) -> None:
    for x, y, likely in ((0.2, 0.3, 1), (0.7, 0.4, 3), (0.5, 0.8, 2)):
        click_picture(page, x, y)
        page.locator("#likely .swatch").nth(likely).click()
    slide(page, "radius", 0.3)
    click_picture(page, 0.9, 0.9)
    page.locator("#wheel").click(position={"x": 40, "y": 30})
    page.get_by_text("this place", exact=True).click()


def _mouse_from_another(page: Any) -> None:
    here = page.evaluate("current")
    page.locator("#dropper").click()
    go_to(page, 0)
    click_picture(page, 0.5, 0.5)
    go_to(page, here)
    click_picture(page, 0.3, 0.6)
    page.locator("#paste").click()


def _mouse_area(page: Any) -> None:
    page.locator("#outline").click()
    for corner in ((0.1, 0.2), (0.6, 0.2), (0.3, 0.8), (0.1, 0.2)):
        click_picture(page, *corner)
    page.locator("#wheel").click(position={"x": 30, "y": 70})
    slide(page, "strength", 0.6)


def _mouse_undone(page: Any) -> None:
    for name in ("Good", "Undo", "Redo", "Reject", "Undo"):
        press_button(page, name)
    click_picture(page, 0.4, 0.4)
    page.locator("#likely .swatch").nth(1).click()
    press_button(page, "Undo")


def _keys(*keys: str) -> Callable[[Any], None]:
    return lambda page: press(page, *keys)


def _keys_all_of_it(page: Any) -> None:
    press(page, "p", *["Shift+ArrowUp"] * 4, *["Shift+ArrowRight"] * 5, "Enter", "2")
    focus(page, "chroma")
    press(page, *["ArrowRight"] * 9)
    page.evaluate("document.querySelector('#scopes :checked').id = 'scope-now'")  # radios have one place in the order
    focus(page, "scope-now")
    press(page, "ArrowRight", "ArrowRight", "Escape")


def _keys_several(page: Any) -> None:
    for moves, color in ((["ArrowLeft"] * 5, "2"), (["ArrowRight"] * 5, "4"), (["ArrowDown"] * 6, "3")):
        press(page, "p", *(f"Shift+{move}" for move in moves), "Enter", color)
    focus(page, "radius")
    press(page, *["ArrowRight"] * 8, "Escape")


def _keys_from_another(page: Any) -> None:
    press(page, "ArrowLeft", "e", "Enter", "ArrowRight", "p", "ArrowLeft", "Enter", "v", "Escape")


def _keys_area(page: Any) -> None:
    press(page, "a", "Enter", *["Shift+ArrowLeft"] * 6, "Enter", "Enter", "Backspace", *["Shift+ArrowUp"] * 6, "Enter")
    press(page, "a")
    focus(page, "color-field")
    page.keyboard.type("teal")
    press(page, "Enter")
    focus(page, "strength")
    press(page, *["ArrowLeft"] * 8, "Escape")


# What can be done to a picture -> how by mouse, how by keyboard, and what is then held of it.
WAYS: dict[str, tuple[Callable[[Any], None], Callable[[Any], None], set[str]]] = {
    "a likely color": (
        lambda page: (click_picture(page, 0.25, 0.5), page.locator("#likely .swatch").nth(2).click()),
        _keys("p", *["ArrowLeft"] * 5, "Enter", "1", "Escape"),
        {"points"},
    ),
    "any color, for all of it": (_mouse_all_of_it, _keys_all_of_it, {"points"}),
    "several hints": (_mouse_several, _keys_several, {"points"}),
    "a color of another picture": (_mouse_from_another, _keys_from_another, {"points"}),
    "an area": (_mouse_area, _keys_area, {"polygons"}),
    "another coloring": (
        lambda page: page.locator("#proposals button").nth(2).click(),
        _keys("3"),
        {"proposal"},
    ),
    "saturation": (lambda page: slide(page, "saturation", 0.7), _keys("s", "s", "S", "s"), {"saturation"}),
    "vividness": (lambda page: slide(page, "vividness", 0.8), _keys("C", "C", "C"), {"vividness"}),
    "keep gray": (lambda page: press_button(page, "Keep gray"), _keys("g"), {"verdict"}),
    "reject": (lambda page: press_button(page, "Reject"), _keys("x"), {"verdict"}),
    "flag": (lambda page: press_button(page, "Flag"), _keys("f"), {"verdict"}),
    "good, undone and done again": (
        _mouse_undone,
        _keys("k", "z", "y", "x", "z", "p", "Enter", "2", "z"),
        {"verdict"},
    ),
}
