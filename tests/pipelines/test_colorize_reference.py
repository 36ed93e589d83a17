"""`koala colorize --reference`: applied, remembered, told in the outputs; what it does not fit is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig
from koalacli.errors import KoalaError
from koalacli.pipelines.colorize import colorize
from koalacli.records import Notice, Outcome, Record


def test_a_reference_is_followed_remembered_and_named(tmp_path: Path, gray: Any, colorizer: Colorizer) -> None:
    """The pixels are those of Python's way; a rerun does nothing, another strength, no reference or a new one does."""
    (tmp_path / "in").mkdir()
    Image.fromarray(gray).save(tmp_path / "in" / "a.png")
    place = tmp_path / "red.png"
    rgb = np.stack([gray, gray[::-1], gray[:, ::-1]], -1)
    Image.fromarray(rgb).save(place)

    def run(**settings: Any) -> Record:
        made = colorize(str(tmp_path / "in"), str(tmp_path / "out"), ColorizeConfig(**settings), colorizer)
        return next(record for record in made if isinstance(record, Record))

    assert run().outcome == Outcome.DONE
    plain = (tmp_path / "out" / "a.png").read_bytes()
    record = run(reference=str(place), reference_strength=1.0)
    assert record.outcome == Outcome.DONE
    assert "reference: " in record.reason
    made = (tmp_path / "out" / "a.png").read_bytes()
    assert b'koala:Reference="red.png, strength 1, palette and ' in made
    assert made.count(b"koala:Tool") == 1
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert np.array_equal(
            np.asarray(image.convert("RGB")), colorizer.colorize(gray, reference=rgb, reference_strength=1)
        )
    assert run(reference=str(place), reference_strength=1.0).outcome == Outcome.SKIPPED
    assert run(reference=str(place)).outcome == Outcome.DONE
    Image.fromarray(rgb[..., ::-1]).save(place)
    assert run(reference=str(place)).outcome == Outcome.DONE
    assert run().outcome == Outcome.DONE
    assert (tmp_path / "out" / "a.png").read_bytes() == plain


def test_each_picture_follows_the_best_of_a_folder(tmp_path: Path, shared: Path, colorizer: Colorizer) -> None:
    """Other prints of the same shots are found and told in record and XMP; what has no color is told and left out."""
    photographs = sorted((shared / "eval" / "bsds64").glob("*.jpg"))[:4]
    for name in ("in", "color"):
        (tmp_path / name).mkdir()
    for number, path in enumerate(photographs):
        with Image.open(path) as image:
            inner = image.crop((9, 6, image.width - 6, image.height - 9))
            inner.save(tmp_path / "color" / f"print-{3 - number}.png")
            if number < 2:
                image.convert("L").save(tmp_path / "in" / f"{number}.png")
    Image.new("L", (40, 40), 9).save(tmp_path / "color" / "gray.png")
    (tmp_path / "color" / "torn.png").write_bytes(b"no picture")
    config = ColorizeConfig(reference=str(tmp_path / "color"))
    told = list(colorize(str(tmp_path / "in"), str(tmp_path / "out"), config, colorizer))
    left_out = [one.text for one in told if isinstance(one, Notice)]
    assert any("gray.png has no color" in text for text in left_out)
    assert any("torn.png" in text for text in left_out)
    for record in (one for one in told if isinstance(one, Record)):
        right = f"reference: print-{3 - int(Path(record.source).stem)}.png, strength 0.5, a print of the same shot"
        assert right in record.reason
        assert b"a print of the same shot" in Path(record.target).read_bytes()
    again = list(colorize(str(tmp_path / "in"), str(tmp_path / "out"), config, colorizer))
    assert all(one.outcome == Outcome.SKIPPED for one in again if isinstance(one, Record))


def test_a_palette_is_followed_by_name_and_from_a_photograph(tmp_path: Path, gray: Any, colorizer: Colorizer) -> None:
    """The pixels are those of Python's way, record and XMP tell it, another palette makes the picture anew."""
    (tmp_path / "in").mkdir()
    Image.fromarray(gray).save(tmp_path / "in" / "a.png")
    rgb = np.stack([gray, gray[::-1], gray[:, ::-1]], -1)
    Image.fromarray(rgb).save(tmp_path / "red.png")
    for place, palette in (("kodachrome-1940s", "kodachrome-1940s"), (str(tmp_path / "red.png"), rgb)):
        config = ColorizeConfig(palette=place, reference_strength=1.0)
        made = colorize(str(tmp_path / "in"), str(tmp_path / "out"), config, colorizer)
        record = next(one for one in made if isinstance(one, Record))
        assert record.outcome == Outcome.DONE
        assert f"palette of {place}" in record.reason
        assert (
            f'koala:Reference="palette of {Path(place).name}, strength 1"'.encode() in Path(record.target).read_bytes()
        )
        with Image.open(record.target) as image:
            expected = colorizer.colorize(gray, palette=palette, reference_strength=1)
            assert np.array_equal(np.asarray(image.convert("RGB")), expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"hints": "x"},
        {"proposals": 2},
        {"reference": "gray.png"},
        {"reference": "no"},
        {"reference": "empty"},
        {"palette": "kodachrome-1940s"},
        {"reference": "", "palette": "gray.png"},
        {"reference": "", "palette": "agfa"},
    ],
)
def test_what_does_not_fit_a_reference_is_refused(
    tmp_path: Path, gray: Any, colorizer: Colorizer, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hints, proposals, both at once, gray ones and none at all: a line, and no output."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Image.fromarray(gray).save("gray.png")
    Image.fromarray(np.stack([gray, gray[::-1], gray[:, ::-1]], -1)).save("red.png")
    with pytest.raises(KoalaError, match=r"--reference|--palette|no"):
        list(colorize("gray.png", "out/", ColorizeConfig(**{"reference": "red.png", **settings}), colorizer))
    assert not Path("out").exists()
