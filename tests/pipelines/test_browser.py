"""docs/browser: the exported network in a browser gives koala's color.

onnxruntime-web is no Python package: ORT_WEB_DIST names the `dist` folder of its npm package; skipped without it.
"""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from koalacli import Colorizer
from koalacli.cli.app import app
from koalacli.color.lab import rgb_to_lab

PAGE = Path(__file__).resolve().parents[2] / "docs" / "browser" / "index.html"
RUNTIME = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and tells nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_the_page_colors_as_koala_does(tmp_path: Path, examples: list[Path], colorizer: Colorizer) -> None:
    """Served on this machine, opened in Chromium, given a photograph."""
    runtime, chromium = os.environ.get("ORT_WEB_DIST"), shutil.which("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    if not (runtime and chromium):
        pytest.skip("needs Chromium, and ORT_WEB_DIST for the dist folder of onnxruntime-web")
    for path in (PAGE, *(Path(runtime) / name for name in RUNTIME)):
        shutil.copy(path, tmp_path)
    assert CliRunner().invoke(app, ["export", "onnx", str(tmp_path / "koala.onnx")]).exit_code == 0
    gray = cv2.resize(cv2.imread(str(examples[0]), cv2.IMREAD_GRAYSCALE), (320, 240), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "gray.png"), gray)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.set_input_files("#file", str(tmp_path / "gray.png"))
        page.wait_for_function("/done|failed/.test(document.getElementById('state').textContent)", timeout=120_000)
        told = page.inner_text("#state")
        codes = page.evaluate("[...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]")
        browser.close()
    server.shutdown()
    server.server_close()
    assert told.startswith("done"), told
    found = rgb_to_lab(np.array(codes, np.float32).reshape(240, 320, 4)[..., :3] / 255)
    expected = rgb_to_lab(colorizer.colorize(gray).astype(np.float32) / 255)
    # koala enlarges color along the edges of the lightness; the page, which is a start, does not.
    assert np.abs(found - expected)[..., 1:].mean() < 0.3 * np.abs(expected[..., 1:]).mean()
    assert np.abs(found - expected)[..., 0].mean() < 1
