"""Words of a command line: inputs, outputs, defaults, patterns and names."""

from pathlib import Path, PurePath

import pytest

from koalacli.config import ColorizeConfig
from koalacli.errors import UsageError
from koalacli.io.arguments import default_output, is_wanted, split_arguments
from koalacli.io.paths import make_plan


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `scans` with a.jpg, a.tif, b.jpg and box/c.jpg, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "a.tif", "b.jpg", "box/c.jpg"):
        path = Path("scans", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return Path("scans")


WORDS = {
    "one": (["a.jpg"], "", ["a.jpg"], ""),
    "one and its output": (["scans/a.jpg", "new.jpg"], "", ["scans/a.jpg"], "new.jpg"),
    "one over another": (["scans/a.jpg", "scans/b.jpg"], "", ["scans/a.jpg"], "scans/b.jpg"),
    "what a shell makes of a pattern": (["scans/a.jpg", "scans/a.tif", "scans/b.jpg"], "", None, ""),
    "a pattern and a folder": (["scans/a.jpg", "scans/b.jpg", "out"], "", ["scans/a.jpg", "scans/b.jpg"], "out"),
    "with -o": (["scans/a.jpg", "out"], "there", ["scans/a.jpg", "out"], "there"),
}


@pytest.mark.parametrize("name", WORDS)
def test_the_last_word_is_the_output_where_it_can_be(name: str, scans: Path) -> None:
    """Names of a shell's pattern are all inputs, the word behind them is the output."""
    words, given, inputs, output = WORDS[name]
    assert split_arguments(words, given) == (inputs or words, output)


def test_outputs_stand_beside_their_inputs(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NAME-color beside a folder, NAME.color beside files, the streams for the stream."""
    assert default_output(["scans"]) == ("scans-color", "")
    assert default_output(["scans/"]) == ("scans-color", "")
    assert default_output(["scans/a.jpg", "scans/b.jpg"]) == ("scans", ".color")
    assert default_output(["scans/*.jpg"]) == ("scans", ".color")
    assert default_output(["-"]) == ("-", "")
    monkeypatch.chdir(scans)
    assert default_output(["."]) == ("../scans-color", "")


@pytest.mark.parametrize("sources", [["scans", "scans/a.jpg"], ["scans/a.jpg", "scans/box/c.jpg"], ["s3://box/a"]])
def test_where_no_place_is_beside_all_inputs_the_user_says_one(sources: list[str], scans: Path) -> None:
    """Several folders, or a store, need -o."""
    with pytest.raises(UsageError, match="-o"):
        default_output(sources)


def test_several_inputs_keep_apart(scans: Path) -> None:
    """Folders keep their own names below the output, files theirs; what is given twice is done once."""
    jobs = make_plan(["scans/a.jpg", "scans/box", "scans/b.jpg", "scans/a.jpg"], "out", ColorizeConfig()).jobs
    assert [job.target for job in jobs] == ["out/a.jpg", "out/box/c.jpg", "out/b.jpg"]


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        ((), (), {"a.jpg", "a.tif", "b.jpg", "box/c.jpg"}),
        (("*.jpg",), (), {"a.jpg", "b.jpg", "box/c.jpg"}),
        (("*.jpg",), ("box",), {"a.jpg", "b.jpg"}),
        (("box/*",), (), {"box/c.jpg"}),
        ((), ("a.*", "c.*"), {"b.jpg"}),
    ],
)
def test_patterns_choose_inputs(include: tuple[str, ...], exclude: tuple[str, ...], left: set[str]) -> None:
    """By name, by path, by folder; what is excluded stays out."""
    names = ("a.jpg", "a.tif", "b.jpg", "box/c.jpg")
    assert {name for name in names if is_wanted(PurePath(name), include, exclude)} == left


def test_a_template_keeps_names_apart(scans: Path) -> None:
    """a.jpg and a.tif become two pictures of one format; what is no template is refused."""
    config = ColorizeConfig(name="{stem}_{source}.{ext}", format="png", include=("a.*",))
    assert [job.target for job in make_plan("scans", "out", config).jobs] == ["out/a_jpg.png", "out/a_tif.png"]
    for wrong in ("{stem}", "{other}.{ext}", "../{stem}.{ext}", "x.{ext}", "{stem[0]}{0}.{ext}"):
        with pytest.raises(UsageError, match="--name"):
            make_plan("scans", "out", ColorizeConfig(name=wrong))
