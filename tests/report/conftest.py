"""A headless browser that can reach nothing, and pages made from small pictures."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CHROMIUM = shutil.which("chromium")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; skips where either is absent."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page; fails the test if the page asks for anything beside itself or its script fails."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, accept_downloads=True)
    opened = context.new_page()
    trouble: list[str] = []
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    opened.on(
        "request",
        lambda request: (
            trouble.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None
        ),
    )
    yield opened
    context.close()
    assert not trouble


@pytest.fixture(scope="package")
def colored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `true` and `made`: ten references of two colors, and predictions farther off from one to the next."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("colored")
    (folder / "true").mkdir()
    (folder / "made").mkdir()
    for number in range(10):
        reference = np.full((24, 36, 3), (200, 120 + 3 * number, 60), np.uint8)
        reference[:, : 3 * number + 2] = (40, 90, 160)
        prediction = np.clip(reference + np.array([9, 2 * number, -4 * number]), 0, 255).astype(np.uint8)
        name = f"<b>{number} & co.png"  # a name that would break a page that trusts names
        Image.fromarray(reference).save(folder / "true" / name)
        Image.fromarray(prediction).save(folder / "made" / name)
    return folder
