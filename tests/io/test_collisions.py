"""Names that are alike: the file system knows whether they are one."""

from pathlib import Path

import pytest
from PIL import Image

from koalacli.config import ColorizeConfig
from koalacli.errors import UsageError
from koalacli.io import collisions
from koalacli.io.collisions import find_collision
from koalacli.io.paths import make_plan

ALIKE = [("stra\u00dfe.jpg", "strasse.jpg"), ("A.jpg", "a.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg")]


@pytest.mark.parametrize("pair", ALIKE, ids=["sharp s", "case", "NFC and NFD"])
def test_names_that_the_disk_tells_apart_are_done(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Both files are there, so both are colorized, and nothing of the question is left behind."""
    (tmp_path / "in").mkdir()
    for name in pair:
        (tmp_path / "in" / name).touch()
    if len(list((tmp_path / "in").iterdir())) == 1:
        pytest.skip("this file system takes the two names for one")
    assert len(make_plan(str(tmp_path / "in"), str(tmp_path / "out"), ColorizeConfig()).jobs) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("pair", ALIKE, ids=["sharp s", "case", "NFC and NFD"])
def test_names_that_the_disk_takes_for_one_are_refused(
    tmp_path: Path, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the answer is no, the message says what helps: another name or another disk, not --suffix."""
    monkeypatch.setattr(collisions, "_tells_apart", lambda folder, name, rival: False)
    (tmp_path / "in").mkdir()
    for name in pair:
        (tmp_path / "in" / name).touch()
    with pytest.raises(UsageError, match=r"would both be written to .*; rename one of them, or choose a folder"):
        make_plan(str(tmp_path / "in"), str(tmp_path / "out"), ColorizeConfig())


def test_what_is_advised_for_one_format_works(tmp_path: Path) -> None:
    """a.tif and a.jpg as JPEG: refused, and with the pattern of the advice each kind goes its way."""
    (tmp_path / "in").mkdir()
    for name in ("a.tif", "a.jpg"):
        Image.new("L", (8, 8)).save(tmp_path / "in" / name)
    config = ColorizeConfig(format="jpeg")
    with pytest.raises(UsageError, match=r"leave out --format, or .* \('\*\*/\*\.jpg' picks one\)"):
        make_plan(str(tmp_path / "in"), str(tmp_path / "out"), config)
    plan = make_plan(f"{tmp_path / 'in'}/**/*.jpg", str(tmp_path / "out"), config)
    assert [Path(job.source).name for job in plan.jobs] == ["a.jpg"]


def test_folders_that_are_one_through_a_link_collide(tmp_path: Path) -> None:
    """The same file by two ways is one file."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert find_collision([tmp_path / "real" / "a", tmp_path / "b", tmp_path / "link" / "a"]) == (0, 2)
