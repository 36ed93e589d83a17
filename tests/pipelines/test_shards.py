"""Tar shards in, tar shards out: whole or not at all, and nothing in them leads out."""

import io
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from standin import StandIn

from koalacli.config import ColorizeConfig
from koalacli.errors import NothingMatchedError, UsageError
from koalacli.journal import JOURNAL, Journal
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record


def png(number: int) -> bytes:
    """A small gray picture."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(60, 200, (40, 50), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_shard(path: Path, files: dict[str, bytes], **fields: Any) -> Path:
    """A shard of these files; fields of their headers."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in fields.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return path


def read_shard(path: Path) -> dict[str, bytes]:
    """Names and contents, in order."""
    with tarfile.open(path) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


@pytest.fixture
def shards(tmp_path: Path) -> str:
    """Three shards of two pictures with labels, as a range."""
    for number in range(3):
        files = {
            f"{number}{key}.{suffix}": data for key in "ab" for suffix, data in (("png", png(number)), ("cls", b"7"))
        }
        write_shard(tmp_path / "in" / f"photos-{number:03d}.tar", files)
    return str(tmp_path / "in" / "photos-{000..002}.tar")


def run(source: str, output: Path, **settings: Any) -> list[Record]:
    """Records of a run."""
    news = colorize(source, str(output), ColorizeConfig(workers=2, **settings), StandIn(output.parent))
    return [one for one in news if isinstance(one, Record)]


def test_shards_become_shards_of_the_same_names(shards: str, tmp_path: Path) -> None:
    """Pictures in color, all else as it was, in order; a rerun skips whole shards and redoes one that is gone."""
    output = tmp_path / "out"
    records = run(shards, output)
    assert Counter(record.outcome for record in records) == {Outcome.DONE: 6}
    assert records[0].source.startswith(str(tmp_path / "in" / "photos-000.tar"))
    made = {path.name: path.read_bytes() for path in output.glob("*.tar")}
    assert sorted(made) == ["photos-000.tar", "photos-001.tar", "photos-002.tar"]
    files = read_shard(output / "photos-001.tar")
    assert list(files) == ["1a.png", "1a.cls", "1b.png", "1b.cls"]
    assert files["1a.cls"] == b"7"
    with Image.open(io.BytesIO(files["1a.png"])) as image:
        assert image.mode == "RGB"
    (output / "photos-001.tar").unlink()
    assert Counter(record.outcome for record in run(shards, output)) == {Outcome.DONE: 2, Outcome.SKIPPED: 2}
    assert {path.name: path.read_bytes() for path in output.glob("*.tar")} == made


def test_parts_of_the_shards_add_up(shards: str, tmp_path: Path) -> None:
    """`--shard` divides whole shards."""
    for part in (1, 2):
        run(shards, tmp_path / "out", shard=f"{part}/2")
    assert len(list((tmp_path / "out").glob("*.tar"))) == 3


def test_a_damaged_picture_is_left_out_and_told_again(tmp_path: Path) -> None:
    """Its shard is written without it, and a rerun does not forget."""
    shard = write_shard(tmp_path / "in" / "a.tar", {"good.png": png(1), "bad.png": png(2)[:60]})
    records = run(str(shard), tmp_path / "out")
    assert {Path(record.source).name: record.outcome for record in records} == {
        "good.png": Outcome.DONE, "bad.png": Outcome.FAILED,
    }  # fmt: skip
    assert list(read_shard(tmp_path / "out" / "a.tar")) == ["good.png"]
    (again,) = run(str(shard), tmp_path / "out")
    assert again.outcome == Outcome.FAILED
    assert "1 of 2 pictures failed" in again.reason


def test_a_shard_that_was_not_noted_is_made_again(shards: str, tmp_path: Path) -> None:
    """By a run that was killed: nobody sees whether pictures were left out of it. Afterwards each is noted once."""
    output = tmp_path / "out"
    run(shards, output)
    lines = (output / JOURNAL).read_text().splitlines()
    (output / JOURNAL).write_text("\n".join([*lines[:-1], ""]))
    assert Counter(record.outcome for record in run(shards, output)) == {Outcome.DONE: 2, Outcome.SKIPPED: 2}
    assert Counter(entry.outcome for entry in Journal(output).entries()) == {"done": 3}


@pytest.mark.parametrize(
    ("name", "fields", "fault"),
    [
        ("../up.png", {}, "leads out of it"),
        ("/etc/up.png", {}, "leads out of it"),
        ("a/../../up.png", {}, "leads out of it"),
        ("link.png", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "is no ordinary file"),
    ],
)
def test_names_that_lead_out_are_refused(name: str, fields: dict[str, Any], fault: str, tmp_path: Path) -> None:
    """The shard fails by name, and nothing of it is written anywhere."""
    shard = write_shard(tmp_path / "in" / "a.tar", {name: png(1)}, **fields)
    (record,) = run(str(shard), tmp_path / "out")
    assert record.outcome == Outcome.FAILED
    assert fault in record.reason
    assert not list((tmp_path / "out").glob("*.tar"))


def test_a_shard_that_is_cut_off_fails_by_name(shards: str, tmp_path: Path) -> None:
    """The others are done."""
    cut = tmp_path / "in" / "photos-001.tar"
    cut.write_bytes(cut.read_bytes()[:700])
    failed = [record for record in run(shards, tmp_path / "out") if record.outcome == Outcome.FAILED]
    assert [record.source for record in failed] == [str(cut)]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == ["photos-000.tar", "photos-002.tar"]


def test_shards_that_are_not_there_are_told(shards: str, tmp_path: Path) -> None:
    """Before any work."""
    with pytest.raises(NothingMatchedError, match="photos-003"):
        run(shards.replace("002", "003"), tmp_path / "out")
    with pytest.raises(UsageError, match="give one range"):
        run(shards.replace("{000..002}", "{2..1}"), tmp_path / "out")
