"""What a person does on the review page, and what the page shows then."""

import base64
import json
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
