"""Work on a film that was begun: nothing of others is touched, nothing finished is lost or trusted blindly."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from painter import Painter

from koalacli.config import VideoConfig
from koalacli.errors import OutputError
from koalacli.journal import JOURNAL, Journal
from koalacli.pipelines.video import film as video_film
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.records import Outcome, Record

SETTINGS = {"crf": 30, "encoder_preset": "ultrafast"}


@pytest.fixture
def begun(film: Any, colorizer: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Color film.mkv and stop after its third segment: begun(crf=30, ...) gives the folder with the work."""
    monkeypatch.setattr(video_film, "SEGMENT_SECONDS", 0.2)
    monkeypatch.setattr(video_film, "PROGRESS_SECONDS", 0)
    source = film("film.mkv", audio=0, pts=list(range(0, 40 * 30, 40)))

    def begin(**settings: Any) -> Path:
        config = VideoConfig(**{**SETTINGS, **settings})
        known = set(source.parent.glob(".out.mp4.koala/*"))
        for progress in colorize_film(FilmJob(str(source), str(source.with_name("out.mp4"))), config, colorizer):
            if progress.done >= 22:
                break
        (folder,) = {path for path in source.parent.glob(".out.mp4.koala/*") if path.is_dir()} - known
        return folder

    return begin


def fresh_frames(finish: Any, source: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, Record]:
    """How many frames were colored to finish the film, and its record."""
    fresh: list[int] = []
    real = video_film.Progress
    monkeypatch.setattr(video_film, "Progress", lambda *args: fresh.append(args[3]) or real(*args))
    record = finish(source, **SETTINGS)
    return (fresh or [0])[-1], record


def test_work_with_other_settings_is_kept_and_said(begun: Any, finish: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another --crf begins work of its own; the first request goes on where it was."""
    folder = begun()
    source = folder.parent.parent / "film.mkv"
    other = finish(source, crf=20, encoder_preset="ultrafast")
    assert str(folder) in other.reason
    assert len(list(folder.glob("*.packets"))) >= 3
    fresh, record = fresh_frames(finish, source, monkeypatch)
    assert record.outcome == Outcome.DONE
    assert 0 < fresh <= 20, "finished segments are not made again"
    assert sorted(path.name for path in source.parent.iterdir()) == [JOURNAL, "film.mkv", "out.mp4"]


def zero(path: Path) -> None:
    """A stretch of zeros, as a failing disk leaves it."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 50] = bytes(50)
    path.write_bytes(data)


DAMAGE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "zeroed packets": ("000001.packets", zero),
    "zeroed state": ("000001.npz", zero),
    "empty state": ("000002.npz", lambda path: path.write_bytes(b"")),
    "cut state": ("000002.npz", lambda path: path.write_bytes(path.read_bytes()[:-200])),
    "no state": ("000002.npz", Path.unlink),
    "nested journal": (
        "journal.jsonl",
        lambda path: path.write_bytes(b"\n".join([path.read_bytes().split(b"\n")[0], b"[" * 100_000, b""])),
    ),
    "torn journal": ("journal.jsonl", lambda path: path.write_bytes(path.read_bytes()[:-100])),
    "empty journal": ("journal.jsonl", lambda path: path.write_bytes(b"")),
    "changed number": ("journal.jsonl", lambda path: path.write_bytes(path.read_bytes().replace(b"[0,", b"[1,", 1))),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_work_is_made_again(
    damage: str, begun: Any, finish: Any, contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit its digest is made again, with all that follows it; what stands before it is kept."""
    folder = begun()
    source = folder.parent.parent / "film.mkv"
    name, break_it = DAMAGE[damage]
    break_it(folder / name)
    fresh, record = fresh_frames(finish, source, monkeypatch)
    assert record.outcome == Outcome.DONE, record.reason
    whole = contents(source.with_name("out.mp4"))
    assert len(whole.times) == 30
    assert fresh >= {"zeroed packets": 23, "zeroed state": 23, "changed number": 30}.get(damage, 12)
    if "journal" not in damage and damage != "changed number":
        assert "damaged" in record.reason
        assert fresh < 30


def test_a_work_folder_that_is_a_link_is_refused(film: Any, finish: Any, tmp_path: Path) -> None:
    """A link leads where nobody meant koala to delete anything; nothing there is touched."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "000000.packets").write_bytes(b"mine")
    (tmp_path / ".out.mp4.koala").symlink_to("precious")
    with pytest.raises(OutputError, match=r"\.out\.mp4\.koala: is a link.*remove the link"):
        finish(film("film.mp4"))
    assert [path.name for path in precious.iterdir()] == ["000000.packets"]


@pytest.mark.parametrize("name", ["lock", "journal.jsonl", "000000.packets"])
def test_a_link_inside_a_work_folder_is_refused(name: str, begun: Any, finish: Any, tmp_path: Path) -> None:
    """Neither the lock nor a segment is written through a link."""
    folder = begun()
    place = (folder.parent if name == "lock" else folder) / name
    (tmp_path / "mine").write_bytes(b"123 precious")
    place.unlink(missing_ok=True)
    place.symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match=r"\.out\.mp4\.koala"):
        finish(tmp_path / "film.mkv", **SETTINGS)
    assert (tmp_path / "mine").read_bytes() == b"123 precious"


def test_what_others_keep_in_a_work_folder_stays(begun: Any, finish: Any) -> None:
    """Only files of koala's own names go; a lock that koala did not write is nobody's business of ours."""
    folder = begun()
    for place in (folder / "notes.txt", folder.parent / "photo.jpg"):
        place.write_bytes(b"mine")
    (folder.parent / "album").mkdir()
    source = folder.parent.parent / "film.mkv"
    assert finish(source, **SETTINGS).outcome == Outcome.DONE
    kept = sorted(str(path.relative_to(folder.parent)) for path in folder.parent.rglob("*"))
    assert kept == sorted([folder.name, f"{folder.name}/notes.txt", "album", "photo.jpg"])
    source.with_name("out.mp4").unlink()
    shutil.rmtree(folder)
    (folder.parent / "lock").write_bytes(b"a diary")
    with pytest.raises(OutputError, match="did not make"):
        finish(source, **SETTINGS)
    assert (folder.parent / "lock").read_bytes() == b"a diary"


def test_films_are_skipped_only_with_the_same_settings(film: Any, run: Any, tmp_path: Path) -> None:
    """Another setting makes the film again; the same one, and a film that koala did not make, stay."""
    film("film.mp4", audio=0, pts=list(range(0, 200, 40)))
    output = tmp_path / "film.color.mp4"
    assert "film.color.mp4" in run(tmp_path / "film.mp4", "--preset", "ultrafast")[1]
    first = output.read_bytes()
    assert "skipped:" in run(tmp_path / "film.mp4", "--preset", "ultrafast")[1]
    assert "skipped:" not in run(tmp_path / "film.mp4", "--preset", "ultrafast", "--crf", "40")[1]
    assert output.read_bytes() != first
    code, said = run(tmp_path / "film.mp4", "--crf", "41", "--on-exist", "error")
    assert (code, "exists already" in said) == (1, True)
    (tmp_path / JOURNAL).unlink()
    assert "skipped:" in run(tmp_path / "film.mp4", "--crf", "42")[1]


def test_a_part_is_not_taken_for_the_film(film: Any, run: Any, tmp_path: Path) -> None:
    """--start and --end have their place in the name; a preview with another length is made again."""
    film("film.mp4", audio=0)
    quick = ("--preset", "ultrafast")
    run(tmp_path / "film.mp4", "--start", "0:00.2", "--end", "0.4", *quick)
    run(tmp_path / "film.mp4", "--start", "0.5", *quick)
    assert "skipped:" not in run(tmp_path / "film.mp4", *quick)[1]
    sizes = []
    for seconds in ("0.1", "0.4"):
        assert "skipped:" not in run(tmp_path / "film.mp4", "--preview", seconds, *quick)[1]
        sizes.append((tmp_path / "film.preview.mp4").stat().st_size)
    assert sizes[0] < sizes[1]
    names = sorted(path.name for path in tmp_path.glob("film.*.mp4"))
    assert names == ["film.0.2s-0.4s.color.mp4", "film.0.5s-end.color.mp4", "film.color.mp4", "film.preview.mp4"]


def test_damage_is_told_again_by_a_rerun(long_film: Any, run: Any, tmp_path: Path) -> None:
    """A film that could be colored in part only fails as before, and its exit code says so, until it is made anew."""
    source = long_film("film.mkv", audio=0)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
    for said in ("damaged", "as before"):
        code, output = run(source, "--preset", "ultrafast")
        assert (code, said in output) == (1, True)


def test_a_film_that_was_joined_and_not_noted_is_noted_by_the_next_run(
    film: Any, finish: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two: its segments are joined again to the same file, and no work is left behind."""
    source = film("film.mp4")

    def die(*_given: object, **_named: object) -> str:
        raise ZeroDivisionError("kill -9")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "note", die)
        with pytest.raises(ZeroDivisionError):
            finish(source)
    made = (tmp_path / "out.mp4").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Painter, "predict", die)
        assert finish(source).outcome == Outcome.DONE
    assert (tmp_path / "out.mp4").read_bytes() == made
    assert [entry.outcome for entry in Journal(tmp_path).entries()] == [Outcome.DONE]
    assert not list(tmp_path.glob(".out*"))
    assert finish(source).outcome == Outcome.SKIPPED
