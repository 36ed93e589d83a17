"""One way to walk a folder, for all commands."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import ColorizeConfig, VideoConfig
from koalacli.data.sources import find_samples, read_sample
from koalacli.errors import InputError, NothingMatchedError, UsageError
from koalacli.io.paths import make_plan
from koalacli.io.walk import Stray, walk
from koalacli.pipelines.video.pipeline import find_films


def touch(*paths: Path) -> None:
    """Files with a byte, with their folders."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder refuse to be listed, also to root."""

    def refuse(folder: Path) -> None:
        real = os.scandir

        def scandir(path: Path) -> object:
            if Path(path) == folder:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return refuse


def test_files_come_sorted_and_hidden_ones_not_at_all(tmp_path: Path) -> None:
    """Depth first, by name; neither hidden files nor what lies in hidden folders; the outputs' folder is left out."""
    touch(*(tmp_path / name for name in ("b/2.jpg", "b/1.jpg", "a.jpg", "c.jpg", ".x.jpg", ".git/y.jpg", "out/z.jpg")))
    found = list(walk(tmp_path, leave_out=tmp_path / "out"))
    assert found == [tmp_path / name for name in ("a.jpg", "b/1.jpg", "b/2.jpg", "c.jpg")]
    assert list(walk(tmp_path, recursive=False)) == [tmp_path / "a.jpg", tmp_path / "c.jpg"]


def test_what_is_no_file_is_a_stray_with_its_reason(tmp_path: Path) -> None:
    """Pipes, links that lead nowhere or in a circle."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    strays = {Path(stray.path).name: stray for stray in walk(tmp_path) if isinstance(stray, Stray)}
    assert sorted(strays) == ["gone.jpg", "loop.jpg", "pipe.jpg"]
    assert "no ordinary file" in strays["pipe.jpg"].reason
    assert not any(stray.failed for stray in strays.values())


def test_a_tree_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    """A thousand folders in each other are no reason to stop."""
    place = tmp_path
    for _ in range(900):
        place /= "d"
        place.mkdir()
    touch(place / "a.jpg")
    assert list(walk(tmp_path)) == [place / "a.jpg"]


def test_a_folder_that_cannot_be_read_fails_and_the_rest_is_done(
    tmp_path: Path, unreadable: Callable[[Path], None]
) -> None:
    """Every command tells it: the others are colored, judged, trained on, and the exit code says that some were not."""
    touch(tmp_path / "a.jpg", tmp_path / "a.mp4", tmp_path / "lost" / "b.jpg")
    unreadable(tmp_path / "lost")
    plan = make_plan(str(tmp_path), str(tmp_path / "out"), ColorizeConfig())
    assert [job.source for job in plan.jobs] == [str(tmp_path / "a.jpg")]
    films, strays = find_films(tmp_path, VideoConfig())
    assert films == [tmp_path / "a.mp4"]
    for met in (plan.strays, strays):
        (failed,) = [stray.record() for stray in met if stray.failed]
        assert failed.reason == f"{tmp_path / 'lost'}: cannot be read (Permission denied)"
    samples = find_samples([str(tmp_path)])
    assert [sample.name for sample in samples] == ["a.jpg", "lost"]
    with pytest.raises(InputError, match="lost: cannot be read"):
        read_sample(samples[1])
    done = CliRunner().invoke(app, ["colorize", str(tmp_path), str(tmp_path / "out"), "--dry-run"])
    assert done.exit_code == 1
    assert "Permission denied" in done.stderr


def test_links_cannot_multiply_training_pictures(tmp_path: Path) -> None:
    """Loops, links to a folder beside, links to a picture: each picture is one sample."""
    touch(*(tmp_path / "tree" / f"{number}.jpg" for number in range(3)), tmp_path / "more" / "x.jpg")
    (tmp_path / "tree" / "loop").symlink_to(".")
    (tmp_path / "tree" / "twin.jpg").symlink_to("0.jpg")
    (tmp_path / "tree" / "more").symlink_to(tmp_path / "more")
    (tmp_path / "tree" / "again").symlink_to(tmp_path / "more")
    names = [sample.name for sample in find_samples([str(tmp_path / "tree")])]
    assert names == ["0.jpg", "1.jpg", "2.jpg", "again/x.jpg"]


def test_films_of_rare_kinds_are_done_or_named(tmp_path: Path) -> None:
    """Tapes and bare streams are films; a name that other programs use, too, is one only if it opens as one."""
    touch(*(tmp_path / name for name in ("tape.dv", "raw.Y4M", "x.m2v", "x.rm", "notes.txt", "a.mp4", "b.color.mp4")))
    films, strays = find_films(tmp_path, VideoConfig())
    assert [path.name for path in films] == ["a.mp4", "raw.Y4M", "tape.dv", "x.m2v"]
    assert [Path(stray.path).name for stray in strays] == ["x.rm"]
    touch(tmp_path / "p.jpg")
    plan = make_plan(str(tmp_path), str(tmp_path / "out"), ColorizeConfig())
    reasons = {Path(stray.path).name: stray.reason for stray in plan.strays}
    assert "koala video" in reasons["tape.dv"]
    assert "not a picture" in reasons["notes.txt"]


def test_what_is_given_by_name_and_cannot_be_gets_its_reason(tmp_path: Path) -> None:
    """A pipe, a film, a text: not "no such file", not "no pictures found"."""
    os.mkfifo(tmp_path / "pipe.jpg")
    touch(tmp_path / "film.mov", tmp_path / "notes.txt")
    with pytest.raises(UsageError, match="neither a file nor a folder; use -"):
        make_plan(str(tmp_path / "pipe.jpg"), str(tmp_path / "out"), ColorizeConfig())
    with pytest.raises(NothingMatchedError, match="koala video"):
        make_plan(str(tmp_path / "film.mov"), str(tmp_path / "out"), ColorizeConfig())
    with pytest.raises(NothingMatchedError, match="not a picture"):
        make_plan(str(tmp_path / "notes.txt"), str(tmp_path / "out"), ColorizeConfig())
