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
from koalacli.records import Outcome, Record


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
    assert b'koala:Reference="red.png, strength 1"' in made
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


@pytest.mark.parametrize("settings", [{"hints": "x"}, {"proposals": 2}, {"reference": "gray.png"}, {"reference": "no"}])
def test_what_does_not_fit_a_reference_is_refused(
    tmp_path: Path, gray: Any, colorizer: Colorizer, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hints, proposals, a gray reference and none at all: a line, and no output."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(gray).save("gray.png")
    Image.fromarray(np.stack([gray, gray[::-1], gray[:, ::-1]], -1)).save("red.png")
    with pytest.raises(KoalaError, match=r"--reference|no"):
        list(colorize("gray.png", "out/", ColorizeConfig(**{"reference": "red.png", **settings}), colorizer))
    assert not Path("out").exists()
