"""Settings once: koala.toml, KOALA_* variables, and what `koala config` tells of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults_driver import Network
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.origins import COMMANDS, make_config
from koalacli.settings import ReadOut
from koalacli.values import settings_of

run = CliRunner().invoke
ALWAYS = """\
vividness = 0.4
weights = "koala"

[colorize]
quality = 92  # of scans
include = ["*.jpg"]
max-pixels = 1000

["phone/**"]
size = 384
format = "png"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which files and variables count as they do for users."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KOALA_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    return tmp_path


def in_force(*words: str) -> dict[tuple[str, str], tuple[object, str]]:
    """Value and origin by command and setting."""
    done = run(app, ["config", *words, "--json"])
    assert done.exit_code == 0, done.stderr
    settings = json.loads(done.stdout)["settings"]
    return {(line["command"], line["setting"]): (line["value"], line["origin"]) for line in settings}


def test_each_value_tells_where_it_comes_from(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own file, the folder's, its sections, variables: the later wins, with file and line."""
    (home / "own/koala").mkdir(parents=True)
    (home / "own/koala/koala.toml").write_text('vividness = 0.9\ndevice = "cpu"\n')
    (home / "koala.toml").write_text(ALWAYS)
    monkeypatch.setenv("KOALA_SATURATION", "1.2")
    monkeypatch.setenv("KOALA_EXCLUDE", "*_back.*, thumbs")
    monkeypatch.setenv("KOALA_RECURSIVE", "off")
    found = in_force()
    assert found["video", "vividness"] == (0.4, "koala.toml:1")
    assert found["colorize", "device"] == ("cpu", f"{home}/own/koala/koala.toml:2")
    assert found["colorize", "quality"] == (92, "koala.toml:5")
    assert found["colorize", "max_pixels"] == (1000, "koala.toml:7")
    assert found["colorize", "size"] == (384, "koala.toml:10")
    assert found["eval", "saturation"] == (1.2, "KOALA_SATURATION")
    assert found["eval", "weights"] == (["koala"], "koala.toml:2")
    assert found["colorize", "exclude"] == (["*_back.*", "thumbs"], "KOALA_EXCLUDE")
    assert found["colorize", "recursive"] == (False, "KOALA_RECURSIVE")
    assert ("train", "quality") not in found
    whole = in_force("video")
    assert whole["video", "crf"] == (18, "default")
    assert {setting for _, setting in whole} == set(settings_of(COMMANDS["video"]))
    shown = run(app, ["config"])
    assert 'koala.toml:10 for "phone/**"' in " ".join(shown.stdout.split())
    assert "read: " in shown.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\nvividnes = 1", "koala.toml:2: vividnes: no such setting; did you mean vividness?"),
        ("[colorize]\ncrf = 1", "koala.toml:2: crf: no setting of `koala colorize`, but of video"),
        ("[colorise]\n", "koala.toml:1: [colorise] is neither a command nor a pattern"),
        ("['a/*']\nsize = 33", "koala.toml:2: size = 33: give a multiple of 32, 32 or more"),
        ("['a/*']\ndry_run = true", "koala.toml:2: dry_run: --dry-run is for the whole run"),
        ("limit = 0", "limit = 0: give a number, 1 or more (`koala eval`; [eval] holds settings for one command)"),
        ("[colorize]\nverify = 'yes'", "koala.toml:2: verify = 'yes': give true or false"),
        ("[colorize]\nquality = 92.5", "koala.toml:2: quality = 92.5: give a number, 1 or more"),
        ("[colorize]\nquality = = 3", "koala.toml:2: no TOML: Invalid value"),
        pytest.param("quality = " + "[" * 50_000, "koala.toml: no TOML that can be read", id="nested"),
        ("[colorize]\nsuffix = 2020-01-01", "koala.toml:2: suffix = datetime.date(2020, 1, 1): give a text"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_place(home: Path, text: str, words: str) -> None:
    """Wrong keys, values, sections and TOML end every command before any work."""
    (home / "koala.toml").write_text(text)
    for command in (["colorize", "nowhere"], ["config"]):
        done = run(app, command)
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1
        assert words in done.stderr


def test_mistakes_elsewhere_are_told_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text, a file that is not there, a mistyped variable, a value of a variable."""
    (home / "odd.toml").write_bytes(b"\xff\xfe")
    assert "odd.toml: cannot be read (no UTF-8)" in run(app, ["colorize", "x", "--config", "odd.toml"]).stderr
    assert "gone.toml: no such file; `none` reads none" in run(app, ["config", "--config", "gone.toml"]).stderr
    assert "did you mean colorize?" in run(app, ["config", "colorise"]).stderr
    monkeypatch.setenv("KOALA_SIZE", "33")
    assert "koala: KOALA_SIZE=33: give a multiple of 32" in run(app, ["colorize", "x"]).stderr
    monkeypatch.setenv("KOALA_SIZE", "many")
    assert "koala: KOALA_SIZE=many: give a multiple of 32" in run(app, ["colorize", "x"]).stderr
    monkeypatch.setenv("KOALA_SIZE", "")
    monkeypatch.setenv("KOALA_VIVIDNES", "1")
    assert "koala: KOALA_VIVIDNES: no such setting; did you mean KOALA_VIVIDNESS?" in run(app, ["colorize", "x"]).stderr


def test_what_is_typed_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags over variables, variables over files, and both over patterns; --config none reads nothing."""
    (home / "koala.toml").write_text(ALWAYS)
    usual = {known.name: known.default for known in settings_of(COMMANDS["colorize"]).values()}
    config = make_config("colorize", usual, ())
    assert (config.vividness, config.quality) == (0.4, 92)
    assert dict(config.rules[0].settings) == {"size": 384, "format": "png"}
    config = make_config("colorize", usual | {"quality": 50, "format": "webp"}, ("quality", "format"))
    assert config.quality == 50
    assert dict(config.rules[0].settings) == {"size": 384}
    monkeypatch.setenv("KOALA_SIZE", "64")
    config = make_config("colorize", usual, ())
    assert config.size == 64
    assert dict(config.rules[0].settings) == {"format": "png"}
    monkeypatch.delenv("KOALA_SIZE")
    assert make_config("colorize", usual, (), "none").rules == ()


def test_pictures_of_a_folder_have_their_own_settings(home: Path, gray: NDArray[np.uint8]) -> None:
    """One run, one summary, one journal; a rerun does nothing, and a changed pattern redoes only its own pictures."""
    for name in ("phone/one.jpg", "phone/two.jpg", "box/three.jpg"):
        (home / "scans" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(gray).save(home / "scans" / name)
    (home / "koala.toml").write_text('["phone/**"]\nformat = "png"\n["scans/box/*"]\nsuffix = "_color"\n')

    def color(*words: str) -> str:
        done = run(app, ["colorize", "scans", "out", *words], obj=Network())
        assert done.exit_code == 0, done.stderr
        return done.stderr

    assert "would do 3" in color("--dry-run")
    told = color()
    assert told.count("starting the network") == 1
    assert "3 pictures colorized → out/" in told
    made = {path.relative_to(home / "out").as_posix() for path in (home / "out").rglob("*.*") if path.name[0] != "."}
    assert made == {"phone/one.png", "phone/two.png", "box/three_color.jpg"}
    assert "3 there already" in color()
    (home / "koala.toml").write_text('["phone/**"]\nformat = "png"\nsize = 64\n["scans/box/*"]\nsuffix = "_color"\n')
    again = color()
    assert "2 pictures colorized" in again
    assert "1 there already" in again


def test_a_network_is_made_for_each_look(home: Path, gray: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a pattern is the size at which the network sees its pictures; its weights are loaded once for all."""
    from koalacli import Colorizer
    from koalacli.model import weights

    for name in ("phone.png", "scan.png", "negative.png"):
        Image.fromarray(gray).save(home / name)
    (home / "koala.toml").write_text('device = "cpu"\n["phone*"]\nsize = 64\n["neg*"]\nquality = 80\n')
    with monkeypatch.context() as patch:
        loaded: list[Any] = []
        load = weights.load_weights
        patch.setattr(weights, "load_weights", lambda *given, **more: loaded.append(given) or load(*given, **more))
        assert run(app, ["colorize", "phone.png", "scan.png", "negative.png", "-o", "out"]).exit_code == 0
    assert len(loaded) == 1
    for name, size in (("phone", 64), ("scan", ReadOut().size)):
        expected = Colorizer(device="cpu", size=size).colorize(gray)
        assert np.array_equal(np.asarray(Image.open(home / "out" / f"{name}.png")), expected), name


def test_patterns_are_refused_where_they_cannot_count(home: Path) -> None:
    """No settings by folder for object stores and watched folders: said, not dropped."""
    (home / "koala.toml").write_text('["phone/**"]\nsize = 64\n')
    (home / "scans").mkdir()
    done = run(app, ["colorize", "s3://bucket/in", "out"])
    assert "settings by folder are for folders on this machine" in done.stderr
    assert "settings by folder and --watch do not go together" in run(app, ["colorize", "scans", "--watch"]).stderr
