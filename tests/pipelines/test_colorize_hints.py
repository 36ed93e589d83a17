"""`koala colorize --hints`: applied to every kind of picture, remembered picture by picture, told in the outputs."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from koalacli import Colorizer, Hint
from koalacli.color.lab import rgb_to_lab
from koalacli.config import ColorizeConfig
from koalacli.io.picture import scans
from koalacli.io.picture.read import read_picture
from koalacli.metrics.pictures import delta_e_2000
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record

POINT = {"x": 0.3, "y": 0.6, "color": "10,-12", "scope": "picture"}


@pytest.fixture
def folder(tmp_path: Path, gray: np.ndarray) -> Path:
    """The same photograph as a gray JPEG, a turned one, a PNG, a 16-bit TIFF, and an animation."""
    source = tmp_path / "in"
    source.mkdir()
    image = Image.fromarray(gray)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(source / "graft.jpg", quality=95)
    image.rotate(90, expand=True).save(source / "turned.jpg", quality=95, exif=exif)
    image.save(source / "still.png")
    Image.fromarray(cv2.resize(gray, None, fx=3, fy=3).astype(np.uint16) * 257).save(source / "scroll.tif")
    image.save(source / "moving.gif", save_all=True, append_images=[Image.fromarray(gray[::-1])])
    return source


def run(source: Path, colorizer: Colorizer, hints: Any, **settings: Any) -> dict[str, Record]:
    """Records by name; `hints` are entries by picture."""
    book = source.parent / "hints.json"
    book.write_text(json.dumps({"koala-hints": 1, "pictures": hints}), "utf-8")
    config = ColorizeConfig(hints=str(book), **settings)
    records = colorize(str(source), str(source.parent / "out"), config, colorizer)
    return {Path(record.source).name: record for record in records if isinstance(record, Record)}


def outcomes(records: dict[str, Record]) -> dict[str, Outcome]:
    """Outcomes by name."""
    return {name: record.outcome for name, record in records.items()}


def test_every_kind_of_picture_meets_its_hints(
    folder: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graft, turned graft, still and scroll have the color at the point, as displayed; several frames fail."""
    monkeypatch.setattr(scans, "LARGE", 100_000)
    names = ["graft.jpg", "turned.jpg", "still.png", "scroll.tif", "moving.gif"]
    records = run(folder, colorizer, {name: {"points": [POINT]} for name in names}, reviewer="Someone <s>")
    assert records["moving.gif"].outcome == Outcome.FAILED
    assert "one frame" in records["moving.gif"].reason
    for name in names[:-1]:
        assert records[name].outcome == Outcome.DONE, records[name]
        assert "hinted: 1 point" in records[name].reason
        picture = read_picture(folder.parent / "out" / name)
        height, width = picture.pixels.shape[:2]
        full = np.float32(np.iinfo(picture.pixels.dtype).max)
        area = picture.pixels[int(0.6 * height) - 1 :, int(0.3 * width) - 1 :][:3, :3].astype(np.float32) / full
        found = rgb_to_lab(area).mean((0, 1))
        assert delta_e_2000(np.array([found[0], 10, -12], np.float32), found) < 2, name
        assert b'koala:Hints="1 point"' in picture.metadata.xmp
        assert b"Someone &lt;s&gt;" in picture.metadata.xmp


def test_a_rerun_after_editing_one_entry_redoes_that_picture_alone(folder: Path, colorizer: Colorizer) -> None:
    """Also where an entry is taken away; pictures without hints have the bytes that they have without the file."""
    (folder / "moving.gif").unlink()
    plain = {**ColorizeConfig().__dict__, "hints": ""}
    list(colorize(str(folder), str(folder.parent / "plain"), ColorizeConfig(**plain), colorizer))
    entries = {"still.png": {"points": [POINT]}, "graft.jpg": {"points": [POINT]}}
    first = run(folder, colorizer, entries)
    assert set(outcomes(first).values()) == {Outcome.DONE}
    for name in ("turned.jpg", "scroll.tif"):
        assert (folder.parent / "out" / name).read_bytes() == (folder.parent / "plain" / name).read_bytes()
    assert set(outcomes(run(folder, colorizer, entries)).values()) == {Outcome.SKIPPED}
    edited = run(folder, colorizer, {**entries, "still.png": {"points": [{**POINT, "x": 0.35}]}})
    assert [name for name, record in edited.items() if record.outcome == Outcome.DONE] == ["still.png"]
    without = run(folder, colorizer, {"still.png": {"points": [{**POINT, "x": 0.35}]}})
    assert [name for name, record in without.items() if record.outcome == Outcome.DONE] == ["graft.jpg"]
    named = run(folder, colorizer, {"still.png": {"points": [{**POINT, "x": 0.35}]}}, reviewer="Someone")
    assert [name for name, record in named.items() if record.outcome == Outcome.DONE] == ["still.png"]
    assert (folder.parent / "out" / "graft.jpg").read_bytes() == (folder.parent / "plain" / "graft.jpg").read_bytes()


def test_wrong_entries_are_told_and_nothing_is_done(folder: Path, colorizer: Colorizer) -> None:
    """A failed record for each of them, and no output."""
    records = run(folder, colorizer, {"still.png": {"points": [POINT]}, "absent.png": {}, "graft.jpg": {"colour": 1}})
    assert outcomes(records) == {"absent.png": Outcome.FAILED, "graft.jpg": Outcome.FAILED}
    assert not (folder.parent / "out").exists()


def test_a_painted_copy_colors_its_picture(folder: Path, colorizer: Colorizer, gray: np.ndarray) -> None:
    """A stroke drawn on a copy shows in the output."""
    copy = np.repeat(gray[..., None], 3, -1)
    copy[70:76, 40:60] = (190, 60, 60)
    (folder.parent / "painted").mkdir()
    Image.fromarray(copy).save(folder.parent / "painted" / "still.png")
    config = ColorizeConfig(hints=str(folder.parent / "painted"))
    records = list(colorize(str(folder / "still.png"), str(folder.parent / "out"), config, colorizer))
    assert isinstance(records[-1], Record)
    assert records[-1].outcome == Outcome.DONE
    ab = rgb_to_lab(read_picture(folder.parent / "out" / "still.png").pixels.astype(np.float32) / 255)[73, 50, 1:]
    assert ab[0] > 20


def test_a_hint_asks_for_color(tmp_path: Path, colorizer: Colorizer) -> None:
    """A picture in color is colored anew where somebody says which colors it has, and copied otherwise."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows, columns = np.mgrid[40:104, 40:104].astype(np.uint8)
    for name in ("told.png", "other.png"):
        Image.fromarray(np.dstack([rows, columns, rows])).save(folder / name)
    records = run(folder, colorizer, {"told.png": {"points": [POINT]}})
    assert records["told.png"].reason.startswith("hinted")
    assert records["other.png"].reason == "in color already, copied"


def test_a_picture_takes_its_own_vividness_or_proposal(folder: Path, colorizer: Colorizer) -> None:
    """Its vividness makes what --vividness makes; its proposal is that of --proposals; one too many fails alone."""
    hints = {"still.png": {"vividness": 0.3}, "graft.jpg": {"proposal": 2}, "scroll.tif": {"proposal": 8}}
    records = run(folder, colorizer, hints)
    assert records["scroll.tif"].outcome == Outcome.FAILED
    assert "there is no proposal 8" in records["scroll.tif"].reason
    assert records["graft.jpg"].outcome == records["still.png"].outcome == Outcome.DONE
    still = np.asarray(Image.open(folder / "still.png"))
    vivid = Colorizer(device="cpu", vividness=0.3, size=colorizer.read_out.size).colorize(still)
    made = read_picture(folder.parent / "out" / "still.png").pixels
    assert np.abs(made.astype(int) - vivid).max() <= 2, "to within rounding: it is read from probabilities"
    several = ColorizeConfig(proposals=2)
    list(colorize(str(folder / "graft.jpg"), str(folder.parent / "several"), several, colorizer))
    expected = read_picture(next((folder.parent / "several").rglob("graft.2.jpg"))).pixels
    assert np.array_equal(read_picture(folder.parent / "out" / "graft.jpg").pixels, expected)


def test_a_proposal_is_read_from_what_the_batch_was_asked(
    folder: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network looks at a picture once, whichever of its colorings is wanted."""
    asked: list[int] = []
    predict = Colorizer.predict

    def counted(self: Colorizer, lightness: Any, **extras: bool) -> Any:
        asked.append(len(lightness))
        return predict(self, lightness, **extras)

    monkeypatch.setattr(Colorizer, "predict", counted)
    records = run(folder, colorizer, {"still.png": {"proposal": 2}}, include=("still.png",))
    assert records["still.png"].outcome == Outcome.DONE
    assert asked == [1]


def test_many_points_for_the_whole_picture_are_looked_at_twice(
    folder: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line and Python make the same of a usual and a closer look; with fewer points there is one look."""
    points = [{**POINT, "x": 0.02 + 0.04 * n, "y": (0.37 * n) % 1, "color": f"{n - 10},{8 - n}"} for n in range(24)]
    looks: list[int] = []
    predict = colorizer.predict

    def noted(lightness: Any, **asked: bool) -> Any:
        looks.append(min(lightness[0].shape[:2]))
        return predict(lightness, **asked)

    monkeypatch.setattr(colorizer, "predict", noted)
    hints = {"still.png": {"points": points}, "graft.jpg": {"points": points}, "turned.jpg": {"points": points[:20]}}
    records = run(folder, colorizer, hints, include=("still.png", "graft.jpg", "turned.jpg"))
    assert all(record.outcome == Outcome.DONE for record in records.values())
    size = colorizer.read_out.size
    assert sorted(looks) == [size] * 3 + [round(size * 5 / 3 / 32) * 32] * looks.count(max(looks))
    known = [Hint(*(point[name] for name in ("x", "y", "color")), scope="picture") for point in points]
    expected = colorizer.colorize(np.asarray(Image.open(folder / "still.png")), hints=known)
    assert np.array_equal(read_picture(folder.parent / "out" / "still.png").pixels, expected)
