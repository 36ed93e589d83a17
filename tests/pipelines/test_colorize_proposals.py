"""`koala colorize --proposals`: files, a sheet and facts per picture; reruns do what is missing and spoil nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig
from koalacli.errors import UsageError
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record


@pytest.fixture
def batch(tmp_path: Path, examples: list[Path], gray: Any) -> Path:
    """A gray JPEG, which keeps its luma, a PNG of 16 bits, a toned print (one channel is seen), an animation."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(examples[0], folder / "a.jpg")
    Image.fromarray(gray.astype(np.uint16) * 257).save(folder / "b.png")
    tone = gray[..., None] ** np.array([0.9, 1.0, 1.1]) * 255 / 255 ** np.array([0.9, 1.0, 1.1])
    Image.fromarray(np.rint(tone).astype(np.uint8)).save(folder / "toned.png")
    frames = [Image.fromarray(gray), Image.fromarray(255 - gray)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    return folder


def run(batch: Path, colorizer: Colorizer, **settings: Any) -> dict[str, Record]:
    """Records by name."""
    made = colorize(str(batch), str(batch.parent / "out"), ColorizeConfig(**settings), colorizer)
    return {Path(record.source).name: record for record in made if isinstance(record, Record)}


def test_proposals_are_files_with_a_sheet_and_facts(batch: Path, colorizer: Colorizer) -> None:
    """The first is today's result to the bit; a rerun does nothing, or what is missing; fewer later leave no rest."""
    out = batch.parent / "out"
    run(batch, colorizer)
    records = run(batch, colorizer, proposals=4)
    assert records["moving.gif"].outcome == Outcome.FAILED
    assert "one frame" in records["moving.gif"].reason
    for name, suffix in (("a", ".jpg"), ("b", ".png"), ("toned", ".png")):
        facts = json.loads((out / f"{name}{suffix}.proposals.json").read_text())
        files = [one["file"] for one in facts["proposals"]]
        assert files == [f"{name}.{number}{suffix}" for number in range(1, len(files) + 1)]
        assert len(files) >= 2
        assert str(len(files)) in records[f"{name}{suffix}"].reason
        assert (out / files[0]).read_bytes() == (out / f"{name}{suffix}").read_bytes()
        assert len({(out / file).read_bytes() for file in files}) == len(files)
        assert sum(region["share"] for region in facts["regions"]) == pytest.approx(1, abs=0.01)
        assert b"urn:koala" in (out / f"{name}{suffix}.proposals.jpg").read_bytes()
    assert run(batch, colorizer, proposals=4)["a.jpg"].outcome == Outcome.SKIPPED
    (out / "a.2.jpg").unlink()
    records = run(batch, colorizer, proposals=4)
    assert [records[name].outcome for name in ("a.jpg", "b.png")] == [Outcome.DONE, Outcome.SKIPPED]
    run(batch, colorizer, proposals=2)
    assert sorted(path.name for path in out.glob("a.[0-9].jpg")) == ["a.1.jpg", "a.2.jpg"]


def test_proposals_replace_no_file_of_somebody_else(batch: Path, colorizer: Colorizer) -> None:
    """Neither one that lies where a proposal would go, nor an input."""
    (batch.parent / "out").mkdir()
    (batch.parent / "out" / "a.2.jpg").write_text("mine")
    records = run(batch, colorizer, proposals=2)
    assert records["a.jpg"].outcome == Outcome.FAILED
    assert "a.2.jpg: exists" in records["a.jpg"].reason
    assert (batch.parent / "out" / "a.2.jpg").read_text() == "mine"
    shutil.copy(batch / "a.jpg", batch / "a.2.jpg")
    with pytest.raises(UsageError, match=r"a\.2\.jpg"):
        list(colorize(str(batch), str(batch), ColorizeConfig(proposals=2, suffix=""), colorizer))


def test_python_gives_the_same_proposals(gray: Any, colorizer: Colorizer) -> None:
    """The first is what colorize gives."""
    found = colorizer.propose(gray, 3)
    assert 2 <= len(found) <= 3
    assert np.array_equal(found[0], colorizer.colorize(gray))
    assert np.abs(found[0].astype(int) - found[1]).mean() > 2


def test_proposals_are_refused_where_they_make_no_sense(batch: Path, colorizer: Colorizer) -> None:
    """With what a person knows, and to standard output."""
    with pytest.raises(UsageError, match="--hints"):
        list(colorize(str(batch), "out", ColorizeConfig(proposals=2, hints="x"), colorizer))
    with pytest.raises(UsageError, match="several files"):
        list(colorize(str(batch / "a.jpg"), "-", ColorizeConfig(proposals=2), colorizer))
