"""Hints files and painted copies: what they say, and what is refused, one line for each fault."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from koalacli.control import book
from koalacli.control.bind import HintedJob, bind_hints
from koalacli.control.book import read_book
from koalacli.control.hints import Hints
from koalacli.control.painted import MOST_POINTS, Painted, strokes_of
from koalacli.errors import InputError, UsageError
from koalacli.io.paths import Job
from koalacli.io.picture.picture import Frame
from koalacli.io.picture.read import displayed_size, read_picture

POINT = {"x": 0.4, "y": 0.2, "color": "#6b2f2a"}


def write(path: Path, pictures: Any, **more: Any) -> Path:
    """A hints file."""
    path.write_text(json.dumps({"koala-hints": 1, "pictures": pictures, **more}), "utf-8")
    return path


def gray(path: Path, size: tuple[int, int] = (40, 60)) -> Path:
    """A gray picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, 120, np.uint8)).save(path)
    return path


def test_an_entry_says_points_areas_and_saturation(tmp_path: Path) -> None:
    """All that the format has, in one entry."""
    Image.fromarray(np.eye(40, 60, dtype=np.uint8) * 255).save(tmp_path / "coat.png")
    entry = {
        "points": [{**POINT, "radius": 0.02, "scope": "place"}, {"x": 0.7, "y": 0.5, "gray": True}],
        "polygons": [{"points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], "color": "teal", "strength": 0.5}],
        "masks": [{"file": "coat.png", "color": "12,-30"}],
        "saturation": 1.1,
    }
    (read,), faults = read_book(write(tmp_path / "hints.json", {"deep/a.jpg": entry}))
    assert not faults
    first, second = read.hints.points
    assert (first.x, first.radius, first.scope) == (0.4, 0.02, "place")
    assert second.ab == (0, 0)
    polygon, mask = read.hints.areas
    assert polygon.coverage.mean() == pytest.approx(0.5, abs=0.01)
    assert (polygon.strength, mask.ab) == (0.5, (12, -30))
    assert read.sizes == {"coat.png": (40, 60)}
    assert str(read.hints) == "2 points, 2 areas, saturation 1.1"


FAULTS: dict[str, Any] = {
    "no object": ["points"],
    "unknown": {"pints": []},
    "no list": {"points": {"x": 1}},
    "no number": {"points": [{**POINT, "x": "0.4"}]},
    "true is no number": {"points": [{**POINT, "x": True}]},
    "huge": {"points": [{**POINT, "x": 10**400}]},
    "outside": {"points": [{**POINT, "y": 1.01}]},
    "no color": {"points": [{"x": 0.1, "y": 0.1}]},
    "color and gray": {"points": [{**POINT, "gray": True}]},
    "not gray": {"points": [{"x": 0.1, "y": 0.1, "gray": False}]},
    "a color that is none": {"points": [{**POINT, "color": "#12345"}]},
    "a scope that is none": {"points": [{**POINT, "scope": "all"}]},
    "too many": {"points": [POINT] * 501},
    "two corners": {"polygons": [{"points": [[0, 0], [1, 1]], "color": "red"}]},
    "a corner outside": {"polygons": [{"points": [[0, 0], [1, 1], [2, 0]], "color": "red"}]},
    "a strength above 1": {"polygons": [{"points": [[0, 0], [1, 1], [1, 0]], "color": "red", "strength": 2}]},
    "no mask there": {"masks": [{"file": "absent.png", "color": "red"}]},
    "a mask that leads out": {"masks": [{"file": "../mask.png", "color": "red"}]},
    "a mask at the root": {"masks": [{"file": "/etc/passwd", "color": "red"}]},
    "a digest that is none": {"sha256": "xyz"},
    "wild saturation": {"saturation": -1},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_entry_is_one_line_and_the_others_are_read(tmp_path: Path, fault: str) -> None:
    """Wrong types, what is out of range, unknown or leads out."""
    gray(tmp_path / "mask.png")
    path = write(tmp_path / "in.json", {"bad.jpg": FAULTS[fault], "good.jpg": {"points": [POINT]}})
    (tmp_path / "deep").mkdir()
    path = path.rename(tmp_path / "deep" / "in.json")
    entries, faults = read_book(path)
    assert [entry.name for entry in entries] == ["good.jpg"]
    ((name, reason),) = faults
    assert name == "bad.jpg"
    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"koala-hints": 2, "pictures": {}}',
        '{"koala-hints": true, "pictures": {}}',
        '{"koala-hints": 1, "pictures": []}',
        '{"koala-hints": 1, "pictures": {}, "more": 1}',
        '{"koala-hints": 1, "pictures": {"a": {}, "a": {}}}',
        '{"koala-hints": 1, "pictures": {"a": {"saturation": NaN}}}',
        "[" * 100_000,
        "\ud800",
    ],
)
def test_what_is_no_hints_file_is_refused(tmp_path: Path, text: str) -> None:
    """Other versions, other JSON, no JSON, JSON that would fell a parser."""
    path = tmp_path / "hints.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match=r"hints\.json"):
        read_book(path)


def test_a_file_beyond_all_measure_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is looked at before its content."""
    monkeypatch.setattr(book, "LARGEST_FILE", 10)
    with pytest.raises(UsageError, match="larger"):
        read_book(write(tmp_path / "hints.json", {}))


def bound(place: Path, source: Path) -> tuple[dict[str, Hints | Painted], dict[str, str]]:
    """Hints by the name of the picture, and faults."""
    jobs = [Job(str(path), "") for path in sorted(source.rglob("*.*"))]
    found, faults = bind_hints(str(place), str(source), jobs)
    hinted = {Path(job.source).name: job.hints for job in found if isinstance(job, HintedJob)}
    return hinted, {Path(name).name: reason for name, reason in faults}


def test_hints_find_their_picture_by_path_and_by_digest(tmp_path: Path) -> None:
    """A moved picture is found by its digest; a changed, an absent one and a mask of another size are told."""
    for number, name in enumerate(("a.png", "deep/b.png", "c.png", "d.png")):
        gray(tmp_path / "in" / name, (40, 60 + number))
    digest = book_digest(tmp_path / "in" / "deep" / "b.png")
    gray(tmp_path / "mask.png", (10, 10))
    pictures = {
        "a.png": {"points": [POINT]},
        "was/elsewhere.png": {"points": [POINT], "sha256": digest},
        "c.png": {"points": [POINT], "sha256": "0" * 64},
        "d.png": {"masks": [{"file": "mask.png", "color": "red"}]},
        "absent.png": {"points": [POINT]},
    }
    hinted, faults = bound(write(tmp_path / "hints.json", pictures), tmp_path / "in")
    assert set(hinted) == {"a.png", "b.png"}
    assert set(faults) == {"c.png", "d.png", "absent.png"}
    assert "changed" in faults["c.png"]
    assert "10x10" in faults["d.png"]


def book_digest(path: Path) -> str:
    """SHA-256 of a file."""
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_painted_copies_find_their_pictures(tmp_path: Path) -> None:
    """By name, with another extension or `_hints`; what fits no picture, or has another size, is told."""
    for name in ("a.png", "b.png", "c.png"):
        gray(tmp_path / "in" / name)
    for name, size in (("a.png", (40, 60)), ("b_hints.webp", (40, 60)), ("c.png", (20, 30)), ("d.png", (40, 60))):
        gray(tmp_path / "painted" / name, size)
    hinted, faults = bound(tmp_path / "painted", tmp_path / "in")
    assert set(hinted) == {"a.png", "b.png"}
    assert set(faults) == {"c.png", "d.png"}
    with pytest.raises(InputError, match="no strokes"):
        hinted["a.png"].read()  # type: ignore[union-attr]


def test_strokes_become_points_of_their_color() -> None:
    """On a gray copy, on a toned one, and on a transparent layer; an unpainted copy has none."""
    for tone in ((120, 120, 120), (150, 120, 90)):
        copy = np.full((200, 300, 3), tone, np.uint8)
        assert strokes_of(Frame(copy)) == []
        copy[100:110, 60:90] = (200, 40, 40)
        points = strokes_of(Frame(copy))
        assert points
        assert all(0.2 < point.x < 0.3 and 0.5 < point.y < 0.55 and point.ab[0] > 40 for point in points)
    layer = np.zeros((200, 300, 3), np.uint8)
    alpha = np.zeros((200, 300), np.uint8)
    alpha[20:24, 20:24] = 255  # black on a layer: gray is meant
    assert {point.ab for point in strokes_of(Frame(layer, alpha))} == {(0.0, 0.0)}


def test_a_copy_painted_all_over_gives_no_more_points_than_needed() -> None:
    """Cells grow until there are few enough."""
    copy = np.full((300, 900, 3), (200, 40, 40), np.uint8)
    copy[:, :200] = 128
    assert 0 < len(strokes_of(Frame(copy))) <= MOST_POINTS


@pytest.mark.parametrize("name", ["turned.jpg", "turned.tif", "plain.png"])
def test_the_size_of_a_header_is_that_of_the_picture(tmp_path: Path, name: str) -> None:
    """As displayed, whatever EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 50), np.uint8)).save(tmp_path / name, **({"exif": exif} if "turned" in name else {}))
    assert displayed_size(tmp_path / name) == read_picture(tmp_path / name).pixels.shape[:2]


def test_only_what_shapes_color_is_in_the_digest() -> None:
    """The same color in other words is the same; a point elsewhere is another."""
    from koalacli import Hint

    first, same = Hints((Hint(0.1, 0.2, "red"),)), Hints((Hint(0.1, 0.2, "#f00"),))
    assert first.digest == same.digest
    assert first.digest != Hints((Hint(0.1, 0.3, "red"),)).digest
