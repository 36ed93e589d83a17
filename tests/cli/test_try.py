"""`koala try`: one page of looks, and the one that is picked is what was shown."""

import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import koalacli
from koalacli import Colorizer
from koalacli.cli.app import app
from koalacli.config import ColorizeConfig
from koalacli.pipelines.looks import list_looks, try_looks
from koalacli.report import looks as page_of
from koalacli.try_config import TryConfig
from koalacli.weights_files import open_weights

run = CliRunner().invoke
OWN = f"{open_weights('koala').header['read_out']['saturation']:g}"  # saturation of the shipped weights


@pytest.fixture
def home(tmp_path: Path, gray: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder with a picture whose name has a space, and a film of two seconds that grows lighter."""
    Image.fromarray(gray).save(tmp_path / "a boy.png")
    with av.open(str(tmp_path / "film.mkv"), "w") as film:
        stream = film.add_stream("libx264", 12, width=64, height=48, pix_fmt="yuv420p", options={"crf": "1"})
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64), 20 + 8 * number, np.uint8), format="gray")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_shows_each_look_with_its_flags(home: Path, colorizer: Colorizer) -> None:
    """Twelve looks, the usual one first, each with a number and the command that makes it; nothing from afar."""
    done = run(app, ["try", "a boy.png"], obj=colorizer)
    assert done.exit_code == 0, done.output
    assert "12 looks → a boy.try.html" in done.stderr
    assert "open it; then: koala try 'a boy.png' --pick N" in done.stderr
    page = (home / "a boy.try.html").read_text("utf-8").replace("<span>", "").replace("</span>", "")
    assert page.count("<img") == 13
    assert "<b>1</b> as usual" in page
    assert "<b>12</b> --size 384 --vividness 0.3 --saturation 1.4" in page
    assert "koala colorize &#x27;a boy.png&#x27; --size 256</code>" in page
    assert "://" not in page


def test_what_is_picked_is_what_was_shown(home: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has the very pixels of the page's picture, which is as large here; a second pick replaces the first."""
    shown: dict[int, Any] = {}
    asked = ["--sizes", "64", "--vividnesses", "0.3", "--saturations", "1.4"]

    def keep(source: str, command: str, moments: Any, gray: Any, tried: Any) -> str:
        shown.update({look.number: look.pictures[0] for look in tried})
        return page_of.looks_page(source, command, moments, gray, tried)

    monkeypatch.setattr("koalacli.pipelines.looks.looks_page", keep)
    assert run(app, ["try", "a boy.png", *asked], obj=colorizer).exit_code == 0
    for number in (8, 3):
        done = run(app, ["try", "a boy.png", *asked, "--pick", str(number)], obj=colorizer)
        assert done.exit_code == 0, done.output
        assert np.array_equal(np.asarray(Image.open("a boy.color.png")), shown[number])
    assert "look 3: --vividness 0.3" in done.stderr
    assert len({picture.tobytes() for picture in shown.values()}) == 8


def test_a_film_is_looked_at_where_it_is_asked(
    home: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames at the times given, in every look; with --pick the film is made, with the flags that are said."""
    seen: list[NDArray[np.uint8]] = []

    def keep(source: str, command: str, moments: Any, gray: Any, tried: Any) -> str:
        seen.extend(gray)
        assert (command, moments) == ("video", ["0:00:00.500", "0:00:01.500"])
        assert [len(look.pictures) for look in tried] == [2, 2]
        return ""

    monkeypatch.setattr("koalacli.pipelines.looks.looks_page", keep)
    asked = ["--sizes", "64", "--vividnesses", "0.5", "--saturations", OWN]
    done = run(app, ["try", "film.mkv", "--at", "0:00.5,1.5", *asked], obj=colorizer)
    assert done.exit_code == 0, done.output
    assert [round(float(frame.mean())) for frame in seen] == pytest.approx([20 + 8 * 6, 20 + 8 * 18], abs=16)
    done = run(app, ["try", "film.mkv", *asked, "--pick", "2", "-o", "out.mkv"], obj=colorizer)
    assert done.exit_code == 0, done.output
    assert "look 2: --size 64" in done.stderr
    assert (home / "out.mkv").is_file()


def test_looks_are_told_by_the_weights(home: Path) -> None:
    """The weights' own values come first, and a value that is theirs is not compared with itself."""
    looks = list_looks(TryConfig(sizes="192,256", vividnesses="0.5", saturations=OWN), ColorizeConfig())
    assert [look.flags for look in looks] == ["", "--size 256"]
    assert [look.number for look in looks] == [1, 2]


def test_looks_begin_with_the_users_own_settings(
    home: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What koala.toml asks for is the first look; the flags of the others make, with that file, what was shown."""
    monkeypatch.delenv("KOALA_CONFIG", raising=False)
    (home / "koala.toml").write_text('vividness = 0.3\n["a *"]\nsize = 64\n')
    asked = ["--vividnesses", "0.3,0.6", "--sizes", "64,96", "--saturations", OWN]
    done = run(app, ["try", "a boy.png", *asked], obj=colorizer)
    assert "4 looks" in done.stderr, done.output
    page = (home / "a boy.try.html").read_text("utf-8").replace("<span>", "").replace("</span>", "")
    for flags in ("</b> as usual", "</b> --vividness 0.6", "</b> --size 96", "</b> --size 96 --vividness 0.6"):
        assert f"{flags}</h2>" in page
    run(app, ["try", "a boy.png", *asked, "--pick", "2", "-o", "picked.png"], obj=colorizer)
    wanted = colorizer.with_look(vividness=0.6, size=64).colorize(np.asarray(Image.open("a boy.png")))
    assert np.array_equal(np.asarray(Image.open("picked.png")), wanted)


def test_commands_of_the_page_say_all_that_is_needed(home: Path, colorizer: Colorizer) -> None:
    """A picture in color would be copied without --colored recolor; what was typed besides the looks is repeated."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).resize((8, 8), 4).resize(
        (64, 64), 0
    ).save("boat.png")
    looks = ["--sizes", "64", "--vividnesses", "0.5", "--saturations", OWN]
    done = run(app, ["try", "boat.png", *looks, "--device", "cpu"], obj=colorizer)
    assert done.exit_code == 0, done.output
    page = (home / "boat.try.html").read_text("utf-8").replace("<span>", "").replace("</span>", "")
    assert "<code>koala colorize boat.png --size 64 --device cpu --colored recolor</code>" in page


def test_a_toned_print_is_seen_as_colorize_sees_it(home: Path, colorizer: Colorizer, gray: NDArray[np.uint8]) -> None:
    """Page, file and Python agree, of sepia too, whose lightness is not what the network shall see."""
    sepia = np.clip(gray[..., None] * [1.35, 1.2, 0.94], 0, 255).astype(np.uint8)
    Image.fromarray(sepia).save("sepia.png")
    page = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("koalacli.pipelines.looks.looks_page", lambda *told: page.extend(told[-1]) or "")
        looks = ["--sizes", "192", "--vividnesses", "0.5", "--saturations", OWN]
        assert run(app, ["try", "sepia.png", *looks], obj=colorizer).exit_code == 0
    assert run(app, ["colorize", "sepia.png"], obj=colorizer).exit_code == 0
    made = np.asarray(Image.open("sepia.color.png"))
    assert np.array_equal(made, page[0].pictures[0])
    assert np.array_equal(made, koalacli.colorize(sepia, colorizer=colorizer))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["a boy.png", "--sizes", "250"], 2, "--sizes 250: give a multiple of 32"),
        (["a boy.png", "--sizes", "wide"], 2, "--sizes wide: give numbers with commas between"),
        (["a boy.png", "--at", "0:10"], 2, "--at 0:10: is for films"),
        (["film.mkv", "--at", "9"], 2, "--at: 0:00:09.000 is behind the end of film.mkv"),
        (["a boy.png", "--pick", "13"], 2, "--pick 13: there are 12 looks"),
        (["a boy.png", "-o", "looks.png"], 2, "needs a name that ends in .html"),
        (["nobody.png"], 3, "nobody.png: no such file"),
        (["."], 2, "is a folder; koala try takes one picture or film"),
    ],
)
def test_mistakes_are_one_line_before_the_network(home: Path, words: list[str], code: int, told: str) -> None:
    """What cannot be tried is said at once."""
    done = run(app, ["try", *words])
    assert done.exit_code == code
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert re.match("koala: ", done.stderr)


def test_nothing_else_is_replaced(home: Path, colorizer: Colorizer) -> None:
    """A page never takes the place of what is tried."""
    page = home / "boy.html"
    page.write_text("mine")
    with pytest.raises(Exception, match="neither a picture nor a film"):
        list(try_looks("boy.html", TryConfig(output="boy.html"), ColorizeConfig(), "", colorizer))
    assert page.read_text() == "mine"
