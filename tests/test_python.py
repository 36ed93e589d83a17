"""Python for people: pictures, files and films with named options, and the page that shows them."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import koalacli
from koalacli import Colorizer, KoalaError
from koalacli.api import COMMAND_LINE_ONLY
from koalacli.config import ColorizeConfig, VideoConfig
from koalacli.values import settings_of

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def home(tmp_path: Path, gray: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the inputs that docs/python.md speaks of."""
    (tmp_path / "scans").mkdir()
    for name in ("old.jpg", "scans/one.png", "scans/two.jpg"):
        Image.fromarray(gray).save(tmp_path / name)
    with av.open(str(tmp_path / "film.mkv"), "w") as film:
        stream = film.add_stream("libx264", 24, width=160, height=120, pix_fmt="yuv420p")
        for number in range(12):
            moved = np.ascontiguousarray(np.roll(gray, number, axis=1))
            film.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="gray")))
        film.mux(stream.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_importing_koala_loads_nothing() -> None:
    """Neither the network's library nor any other: `import koalacli` costs nothing, and knows its names."""
    code = "import sys, koalacli; assert not {'tensorflow', 'keras', 'numpy', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    for name in koalacli.__all__:
        assert getattr(koalacli, name)


def test_the_page_does_what_it_says(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every line of Python in docs/python.md runs, in order, in one program."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.DOTALL)
    exec(compile("\n".join(blocks), "docs/python.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "done scans/one.png color/one.png" in printed
    assert "3 of 3: " in printed
    assert "did you mean vividness?" in printed
    assert "film.mkv: 12 of 12 frames" in printed
    assert np.ptp(np.asarray(Image.open("new.png")).astype(int), axis=-1).max() > 10
    assert (home / "film.color.mkv").is_file()
    assert (home / "calm" / "two.jpg").is_file()


def test_what_comes_in_comes_out(gray: NDArray[np.uint8], colorizer: Colorizer) -> None:
    """Pillow gives Pillow, with its transparency; arrays give arrays of their depth."""
    glass = Image.fromarray(gray).convert("LA")
    glass.putalpha(77)
    made = koalacli.colorize(glass, colorizer=colorizer)
    assert (made.mode, made.size) == ("RGBA", (160, 120))
    assert set(np.asarray(made)[..., 3].ravel()) == {77}
    deep = koalacli.colorize(gray.astype(np.uint16) * 257, colorizer=colorizer)
    assert (deep.dtype, deep.shape) == (np.uint16, (120, 160, 3))
    assert koalacli.colorize(gray[..., None], colorizer=colorizer).shape == (120, 160, 3)
    assert np.array_equal(np.asarray(made)[..., :3], koalacli.colorize(gray, colorizer=colorizer))


def test_what_cannot_be_colored_in_memory_is_refused(
    tmp_path: Path, gray: NDArray[np.uint8], colorizer: Colorizer
) -> None:
    """Sixteen bits of Pillow, several frames, arrays of no picture, a look beside a loaded network: one line each."""
    deep, walk = tmp_path / "deep.png", tmp_path / "walk.gif"
    sixteen = Image.fromarray(gray.astype(np.uint16) * 257)
    sixteen.save(deep)
    Image.fromarray(gray).save(walk, save_all=True, append_images=[Image.fromarray(gray[::-1])])
    for picture, words in (
        (deep, "16 bits"),
        (sixteen, "mode I;16"),
        (walk, "2 frames"),
        (gray.astype(np.float32), "float32"),
        (np.dstack([gray] * 4), "120 x 160 x 4"),
        (7, "int: give a path"),
        (tmp_path / "none.jpg", "the file is gone"),
    ):
        with pytest.raises(KoalaError, match=words):
            koalacli.colorize(picture, colorizer=colorizer)
    with pytest.raises(KoalaError, match="its own weights"):
        koalacli.colorize(gray, colorizer=colorizer, vividness=0.3)


def test_every_setting_is_an_option(tmp_path: Path) -> None:
    """Names, kinds and choices of the command line hold here, before any work; help shows them."""
    for function, config in ((koalacli.colorize_files, ColorizeConfig), (koalacli.colorize_video, VideoConfig)):
        shown = inspect.signature(function).parameters
        assert set(settings_of(config)) - set(COMMAND_LINE_ONLY) <= set(shown)
        assert "Annealing temperature" in str(function.__doc__)
    for wrong, words in (
        ({"size": 33}, "size = 33: give a multiple of 32"),
        ({"size": 64.0}, "size = 64.0: give a multiple"),
        ({"colored": "never"}, "give one of auto, recolor, skip, copy"),
        ({"verify": 1}, "give true or false"),
        ({"include": [1]}, "a text, or a list of texts"),
        ({"quality": True}, "quality = True"),
        ({"alone": True}, "alone: no such setting"),
        ({"report": "r.json"}, "report: is for the command line"),
    ):
        with pytest.raises(KoalaError, match=words):
            koalacli.colorize_files(tmp_path, **wrong)
    with pytest.raises(KoalaError, match="no inputs were given"):
        koalacli.colorize_files([])


def test_a_failure_is_told(
    tmp_path: Path, gray: NDArray[np.uint8], colorizer: Colorizer, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged file is a record and a warning; the other is done."""
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    Image.fromarray(gray).save(tmp_path / "whole.jpg")
    sources = (tmp_path / name for name in ("torn.jpg", "whole.jpg"))
    records = koalacli.colorize_files(sources, tmp_path / "out", colorizer=colorizer)
    assert sorted(record.outcome for record in records) == ["done", "failed"]
    assert [entry.levelname for entry in caplog.records if "torn.jpg" in entry.message] == ["WARNING"]
