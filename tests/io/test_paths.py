"""What is found, where outputs go, and what is refused before any work."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalacli.config import ColorizeConfig
from koalacli.errors import NothingMatchedError, OutputError, UsageError
from koalacli.io.files import new_file
from koalacli.io.paths import make_plan, shard_of
from koalacli.journal import Journal
from koalacli.records import Outcome


def touch(*paths: Path) -> None:
    """Empty files, with their folders."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(folder: Path, output: Path, **settings: object) -> list[str]:
    """Inputs of a plan, relative to their folder."""
    plan = make_plan(str(folder), str(output), ColorizeConfig(**settings))  # type: ignore[arg-type]
    return [str(Path(job.source).relative_to(folder)) for job in plan.jobs]


def test_links_are_not_followed_out_of_the_tree(tmp_path: Path) -> None:
    """Links to folders and to files elsewhere are strays with a reason; links inside the tree are inputs."""
    folder = tmp_path / "in"
    touch(folder / "a.jpg", tmp_path / "else" / "secret.jpg")
    (folder / "inside.jpg").symlink_to(folder / "a.jpg")
    (folder / "outside.jpg").symlink_to(tmp_path / "else" / "secret.jpg")
    (folder / "away").symlink_to(tmp_path / "else")
    (folder / "dangling.jpg").symlink_to(folder / "nothing")
    assert names(folder, tmp_path / "out") == ["a.jpg", "inside.jpg"]
    plan = make_plan(str(folder), str(tmp_path / "out"), ColorizeConfig())
    strays = {stray.path: stray.reason for stray in plan.strays}
    assert "leaves the input folder" in strays[str(folder / "outside.jpg")]
    assert "link to a folder" in strays[str(folder / "away")]
    assert "leads nowhere" in strays[str(folder / "dangling.jpg")]
    followed = names(folder, tmp_path / "out", follow_links=True)
    assert followed == ["a.jpg", "away/secret.jpg", "inside.jpg", "outside.jpg"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    """A folder that contains itself is walked once, even when links are followed."""
    folder = tmp_path / "in"
    touch(folder / "deep" / "a.jpg")
    (folder / "deep" / "loop").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    assert names(folder, tmp_path / "out") == ["deep/a.jpg"]
    assert names(folder, tmp_path / "out", follow_links=True) == ["deep/a.jpg"]


def test_outputs_cannot_leave_the_output_folder(tmp_path: Path) -> None:
    """Neither a suffix nor a link in the output folder leads elsewhere."""
    touch(tmp_path / "in" / "sub" / "a.jpg")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="leaves the output folder"):
        names(tmp_path / "in", tmp_path / "out")
    for suffix in ("/../../x", "..\\x", "\0"):
        with pytest.raises(UsageError, match="--suffix"):
            names(tmp_path / "in", tmp_path / "fresh", suffix=suffix)


@given(st.lists(st.text("abcäß/.0", min_size=1, max_size=12), min_size=1, max_size=30, unique=True), st.integers(1, 9))
def test_shards_are_a_partition(relative: list[str], parts: int) -> None:
    """Every path falls into exactly one part, and always into the same."""
    paths = [Path(name) for name in relative]
    found = [[path for path in paths if shard_of(path, parts) == part] for part in range(1, parts + 1)]
    assert sorted(path for part in found for path in part) == sorted(paths)
    assert [shard_of(path, parts) for path in paths] == [shard_of(path, parts) for path in paths]


def test_a_shard_does_not_hang_on_where_the_folder_lies(tmp_path: Path) -> None:
    """Two machines with the same tree in different places agree about who does what."""
    for root in ("one", "two/deeper"):
        touch(*(tmp_path / root / f"{number}.jpg" for number in range(20)))
    for part in ("1/3", "2/3", "3/3"):
        first, second = (names(tmp_path / root, tmp_path / "out", shard=part) for root in ("one", "two/deeper"))
        assert first == second
        assert 0 < len(first) < 20


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/3/5"])
def test_shards_that_make_no_sense_are_refused(tmp_path: Path, shard: str) -> None:
    """The message shows how to write one."""
    touch(tmp_path / "in" / "a.jpg")
    with pytest.raises(UsageError, match="i/n"):
        names(tmp_path / "in", tmp_path / "out", shard=shard)
    with pytest.raises(UsageError, match="i/n"):
        make_plan(str(tmp_path / "in" / "a.jpg"), str(tmp_path / "b.jpg"), ColorizeConfig(shard=shard))


def test_an_empty_shard_is_no_error(tmp_path: Path) -> None:
    """With fewer pictures than parts some parts have nothing to do."""
    touch(tmp_path / "in" / "a.jpg")
    sizes = [len(names(tmp_path / "in", tmp_path / "out", shard=f"{part}/5")) for part in range(1, 6)]
    assert sorted(sizes) == [0, 0, 0, 0, 1]


def test_names_that_are_no_utf8_are_planned(tmp_path: Path) -> None:
    """A name made of any bytes is a name."""
    (tmp_path / "in").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff\xfe.jpg")).write_bytes(b"")
    assert len(names(tmp_path / "in", tmp_path / "out", shard="1/1")) == 1


def test_no_pictures_is_said(tmp_path: Path) -> None:
    """A folder without pictures ends before work."""
    touch(tmp_path / "in" / "notes.txt")
    with pytest.raises(NothingMatchedError, match="no pictures"):
        names(tmp_path / "in", tmp_path / "out")


def test_outputs_beside_their_inputs_are_not_taken_for_inputs(tmp_path: Path) -> None:
    """In one folder with --suffix, a rerun leaves out what the journal says koala made there."""
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert names(tmp_path, tmp_path, suffix=".color") == ["a.jpg", "b.jpg"]
    touch(tmp_path / "a.color.jpg")
    Journal(tmp_path).note(str(tmp_path / "a.color.jpg"), (0, 0), Outcome.DONE, 0.1)
    assert names(tmp_path, tmp_path, suffix=".color") == ["a.jpg", "b.jpg"]


def test_another_input_is_never_replaced(tmp_path: Path) -> None:
    """A file that koala did not make, and that bears the name of an output, stops the run before it begins."""
    touch(tmp_path / "a.jpg", tmp_path / "a.color.jpg")
    with pytest.raises(UsageError, match="would replace the input"):
        names(tmp_path, tmp_path, suffix=".color")


@pytest.mark.parametrize(
    ("output", "reason"), [("file", "is a file"), ("file/deeper", "is a file"), ("a.xyz", "unknown format .xyz")]
)
def test_an_output_that_cannot_be_is_refused(tmp_path: Path, output: str, reason: str) -> None:
    """A file in the way of a folder, and a name of a kind that koala does not write."""
    touch(tmp_path / "in.jpg", tmp_path / "file")
    with pytest.raises(UsageError, match=reason):
        make_plan(str(tmp_path / "in.jpg"), str(tmp_path / output), ColorizeConfig())
    assert make_plan(str(tmp_path / "in.jpg"), str(tmp_path / "a.xyz") + "/", ColorizeConfig()).jobs


def test_a_link_that_leads_to_itself_is_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    """The plan does not stumble over it; writing says why."""
    touch(tmp_path / "in" / "a.jpg")
    (tmp_path / "loop").symlink_to("loop")
    assert [job.target for job in make_plan(str(tmp_path / "in"), str(tmp_path / "loop"), ColorizeConfig()).jobs]
    for output in ("loop", "loop/deeper"):
        with pytest.raises(OutputError, match=r"loop.*cannot be written"), new_file(tmp_path / output / "a.jpg"):
            pass
