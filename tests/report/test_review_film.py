"""A film on the review page: one still per scene; what is decided about scenes comes back to `koala video`."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from review_driver import SHOWN, click_picture, go_to, lab_of, pixels_shown, press, saved

from koalacli.colorizer import Colorizer
from koalacli.config import ReviewConfig, VideoConfig
from koalacli.pipelines.review.pipeline import review
from koalacli.pipelines.video.pipeline import colorize_video
from koalacli.records import Notice, Outcome, Record

FRAMES = 9  # of each scene


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    """The shipped weights, seeing little."""
    return Colorizer(device="cpu", size=64)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, examples: list[Path]) -> Path:
    """Two scenes that move by a pixel per frame."""
    path = tmp_path_factory.mktemp("film") / "walk <1>.mkv"
    with av.open(str(path), "w") as out:
        track = out.add_stream("ffv1", rate=25, width=160, height=112, pix_fmt="gray")
        for example in (examples[0], examples[3]):
            gray = np.asarray(Image.open(example).convert("L").resize((260, 180)))
            for shift in range(FRAMES):
                part = np.ascontiguousarray(gray[30:142, 40 + shift : 200 + shift])
                out.mux(track.encode(av.VideoFrame.from_ndarray(part, format="gray")))
        out.mux(track.encode())
    return path


@pytest.fixture(scope="module")
def folder(film: Path, colorizer: Colorizer) -> Path:
    """The page of the film."""
    folder = film.parent / "page"
    records = list(review(str(film), ReviewConfig(output=str(folder)), colorizer))
    assert [record.outcome for record in records if isinstance(record, Record)] == [Outcome.DONE] * 2
    return folder


def open_page(page: Any, folder: Path) -> None:
    """Open from disk and wait until the first still can be worked with."""
    page.goto((folder / "index.html").as_uri())
    page.locator(SHOWN).wait_for()


def frames_of(path: Path) -> list[np.ndarray]:
    """Every frame in rgb."""
    with av.open(str(path)) as opened:
        return [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]


def test_decisions_about_scenes_come_back_to_the_film(
    film: Path, folder: Path, colorizer: Colorizer, page: Any, tmp_path: Path
) -> None:
    """A point holds for its scene as the page showed it, a scene kept gray has no color, a flag is told."""
    open_page(page, folder)
    assert page.locator("#name").text_content() == "walk <1>.mkv at 0:00:00.160"
    assert page.get_by_role("button", name="Reject").count() == 0
    press(page, "x", "f")
    click_picture(page, 0.5, 0.5)
    page.locator("#likely .swatch").nth(2).click()
    page.locator("#saturation").fill("120")
    shown = pixels_shown(page)
    go_to(page, 1)
    press(page, "g")
    held = saved(page, tmp_path / "decisions.json")["pictures"]
    frames = held["walk <1>.mkv"]["frames"]
    assert [(frame["at"], frame["verdict"]) for frame in frames] == [("0:00:00.160", "flag"), ("0:00:00.520", "gray")]
    page.evaluate("decisions.clear()")
    told = page.evaluate("(text) => takeFile(text)", (tmp_path / "decisions.json").read_text("utf-8"))
    assert told == ["Decisions taken over: 2."]
    config = VideoConfig(decisions=(str(tmp_path / "decisions.json"),), output=str(tmp_path / "color.mkv"))
    made = list(colorize_video(str(film), config, colorizer))
    assert [record.outcome for record in made if isinstance(record, Record)] == [Outcome.DONE]
    told = [record.text for record in made if isinstance(record, Notice)]
    assert told == ["flagged for another look: walk <1>.mkv at 0:00:00.160"]
    colors = frames_of(tmp_path / "color.mkv")
    assert all(np.ptp(frame.astype(int), axis=-1).max() <= 1 for frame in colors[FRAMES:]), "gray"
    off = np.linalg.norm(lab_of(colors[FRAMES // 2])[..., 1:] - lab_of(shown)[..., 1:], axis=-1)
    assert np.ptp(colors[0].astype(int), axis=-1).mean() > 8, "there is color"
    assert off.mean() < 2.5, "the page shows what the film gets, whose chroma is halved"


@pytest.mark.parametrize(
    ("sha256", "expected"), [("0" * 64, "the picture has changed since"), ("", "Decisions taken over: 1.")]
)
def test_decisions_about_another_film_are_refused(folder: Path, page: Any, sha256: str, expected: str) -> None:
    """By the page, scene by scene; a scene that is not there is named."""
    open_page(page, folder)
    frames = [{"at": "0:00:00.160", "verdict": "keep"}, {"at": "9:00:00", "verdict": "keep"}, 7]
    entry = {"frames": frames, "sha256": sha256} if sha256 else {"frames": frames}
    book = json.dumps({"koala-hints": 1, "pictures": {"walk <1>.mkv": entry, "other.mkv": entry}})
    told = page.evaluate("(text) => takeFile(text)", book)
    assert expected in " ".join(told)
    assert "walk <1>.mkv at 9:00:00: not in this batch" in told
    assert "other.mkv: not in this batch" in told
