"""A photograph's journey: reruns, verification, remarks, metadata options; with a network that costs nothing."""

import importlib.util
import io
import json
import os
import shutil
import stat
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import ColorizeConfig
from koalacli.errors import StorageFullError, UsageError
from koalacli.io.picture.codecs import CODECS, Codec
from koalacli.io.picture.picture import Picture
from koalacli.io.picture.read import read_picture
from koalacli.io.picture.xmp import DIGITAL_SOURCE
from koalacli.pipelines.colorize import colorize
from koalacli.records import Notice, Outcome, Record


def _driver() -> Any:
    spec = importlib.util.spec_from_file_location("faults_driver", Path(__file__).parents[1] / "faults_driver.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Network = _driver().Network


def run(source: Path, output: Path, network: Any = None, **settings: Any) -> dict[str, Record]:
    """Records by the input's name."""
    records = colorize(str(source), str(output), ColorizeConfig(**settings), network or Network())
    return {Path(record.source).name: record for record in records if isinstance(record, Record)}


def outcomes(source: Path, output: Path, network: Any = None, **settings: Any) -> dict[str, Outcome]:
    """Outcomes by the input's name."""
    return {name: record.outcome for name, record in run(source, output, network, **settings).items()}


def save(path: Path, size: tuple[int, int] = (40, 60), **options: Any) -> Path:
    """A gray picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(60, 200, size, dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures and a damaged one."""
    save(tmp_path / "in" / "a.jpg")
    save(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no jpeg")
    return tmp_path / "in"


def test_a_rerun_redoes_what_changed_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    """A touched input is done again, the others are kept, and a failure is remembered as one."""
    first = outcomes(folder, tmp_path / "out")
    assert first == {"a.jpg": Outcome.DONE, "b.png": Outcome.DONE, "bad.jpg": Outcome.FAILED}
    save(folder / "a.jpg", (30, 30))
    assert outcomes(folder, tmp_path / "out") == {**first, "b.png": Outcome.SKIPPED}
    assert read_picture(tmp_path / "out" / "a.jpg").pixels.shape == (30, 30, 3)
    again = run(folder, tmp_path / "out")
    assert [record.outcome for record in again.values()].count(Outcome.SKIPPED) == 2
    assert "as before" in again["bad.jpg"].reason


def test_failures_are_tried_again_when_asked_or_when_the_input_changed(folder: Path, tmp_path: Path) -> None:
    """--retry-failed tries them; a repaired file needs no flag."""
    run(folder, tmp_path / "out")
    assert "as before" not in run(folder, tmp_path / "out", retry_failed=True)["bad.jpg"].reason
    save(folder / "bad.jpg")
    assert outcomes(folder, tmp_path / "out")["bad.jpg"] == Outcome.DONE


def test_other_settings_or_weights_redo_everything(folder: Path, tmp_path: Path) -> None:
    """What would look different is made again; what would not, is kept."""
    run(folder, tmp_path / "out")
    assert outcomes(folder, tmp_path / "out", workers=3)["a.jpg"] == Outcome.SKIPPED
    assert outcomes(folder, tmp_path / "out", quality=80)["a.jpg"] == Outcome.DONE
    network = Network()
    network.weights.digest = "1" * 64
    assert outcomes(folder, tmp_path / "out", network, quality=80)["a.jpg"] == Outcome.DONE
    assert outcomes(folder, tmp_path / "out", network, quality=80)["a.jpg"] == Outcome.SKIPPED


def test_outputs_of_an_older_or_foreign_run_are_kept(folder: Path, tmp_path: Path) -> None:
    """Without an entry in the journal an output that exists counts as done."""
    run(folder, tmp_path / "out")
    (tmp_path / "out" / ".koala-journal.jsonl").unlink()
    assert outcomes(folder, tmp_path / "out")["a.jpg"] == Outcome.SKIPPED


def test_a_dry_run_knows_what_a_rerun_would_do(folder: Path, tmp_path: Path) -> None:
    """It reads the journal and writes nothing."""
    run(folder, tmp_path / "out")
    (tmp_path / "out" / "b.png").unlink()
    before = sorted(tmp_path.rglob("*"))
    planned = outcomes(folder, tmp_path / "out", dry_run=True)
    assert planned == {"a.jpg": Outcome.SKIPPED, "b.png": Outcome.PLANNED, "bad.jpg": Outcome.FAILED}
    assert sorted(tmp_path.rglob("*")) == before


def test_shards_together_do_the_whole(folder: Path, tmp_path: Path) -> None:
    """Each input is done by exactly one shard, and the outputs are those of one run."""
    run(folder, tmp_path / "whole")
    done = [run(folder, tmp_path / "out", shard=f"{part}/3") for part in (1, 2, 3)]
    assert sorted(name for part in done for name in part) == ["a.jpg", "b.png", "bad.jpg"]
    for name in ("a.jpg", "b.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_gray_jpeg_keeps_its_luma_unless_told_otherwise(folder: Path, tmp_path: Path) -> None:
    """--verify finds it identical; without lossless luma it is close, not identical."""
    assert run(folder, tmp_path / "out", verify=True)["a.jpg"].reason == "verified: luma is identical"
    reason = run(folder, tmp_path / "other", verify=True, lossless_luma=False)["a.jpg"].reason
    assert reason.startswith("verified: lightness within")


@pytest.mark.parametrize(("mode", "times"), [("L", 1), ("RGB", 2)])
def test_pillow_opens_a_jpeg_seldom(tmp_path: Path, mode: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the whole way from file to file: to tell quickly what it is, and, with color planes, to decode it."""
    path = save(tmp_path / "in" / "a.jpg")
    with Image.open(path) as image:
        image.convert(mode).save(path)
    opened: list[Any] = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda *given: opened.append(given) or original(*given))
    record = run(tmp_path / "in", tmp_path / "out")["a.jpg"]
    assert (record.outcome, record.reason) == (Outcome.DONE, "")
    assert len(opened) == times


def test_a_fallback_is_told(tmp_path: Path) -> None:
    """A gray JPEG whose luma had to be encoded anew has the reason in its record."""
    if not shutil.which("jpegtran"):
        pytest.skip("jpegtran (libjpeg-turbo-progs) is not installed")
    path = save(tmp_path / "in" / "a.jpg")
    subprocess.run(["jpegtran", "-arithmetic", "-outfile", str(path), str(path)], check=True)
    assert run(tmp_path / "in", tmp_path / "out")["a.jpg"].reason == "luma is encoded anew: arithmetic JPEG"


def test_verification_notices_a_wrong_output(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output whose luma is not the input's fails, and no file is left."""
    from koalacli.photograph import canvas

    original = canvas.graft_cbcr
    other = io.BytesIO()
    Image.new("L", (60, 40), 77).save(other, "JPEG")
    from koalacli.io.jpeg.layout import read_layout

    monkeypatch.setattr(canvas, "graft_cbcr", lambda _, *rest: original(read_layout(other.getvalue()), *rest))
    record = run(folder, tmp_path / "out", verify=True)["a.jpg"]
    assert record.outcome == Outcome.FAILED
    assert "verification failed" in record.reason
    assert not (tmp_path / "out" / "a.jpg").exists()


@pytest.mark.parametrize("name", ["a.jpg", "b.png"])
def test_metadata_options(tmp_path: Path, name: str) -> None:
    """Stripping leaves the profile and the provenance, and each can be left out alone."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a barn", 6
    save(tmp_path / "in" / name, exif=exif)

    def look(folder: str, **settings: Any) -> tuple[Any, int, bool, bool]:
        run(tmp_path / "in", tmp_path / folder, **settings)
        with Image.open(tmp_path / folder / name) as image:
            image.load()
            found, xmp = image.getexif(), image.info.get("xmp", b"")
            told = DIGITAL_SOURCE.encode() in (xmp if isinstance(xmp, bytes) else xmp.encode())
            return found.get(0x010E), found.get(0x0112, 1), "icc_profile" in image.info, told

    kept = 6 if name == "a.jpg" else 1  # a graft carries the orientation, everything else applies it
    assert look("plain") == ("a barn", kept, True, True)
    assert look("stripped", strip_metadata=True) == (None, kept, True, True)
    assert look("untold", provenance=False) == ("a barn", kept, True, False)


def test_times_are_preserved_when_asked(folder: Path, tmp_path: Path) -> None:
    """Modification times are those of the inputs, to the nanosecond."""
    os.utime(folder / "a.jpg", ns=(10**18, 10**18 + 123456789))
    run(folder, tmp_path / "out", preserve_times=True)
    assert (tmp_path / "out" / "a.jpg").stat().st_mtime_ns == 10**18 + 123456789
    run(folder, tmp_path / "now")
    assert (tmp_path / "now" / "a.jpg").stat().st_mtime_ns > 10**18 + 10**17


def test_permissions_are_those_of_any_new_file(folder: Path, tmp_path: Path) -> None:
    """The umask decides; a secret temporary mode does not stick, nor an executable bit."""
    (folder / "a.jpg").chmod(0o777)
    before = os.umask(0o027)
    try:
        run(folder, tmp_path / "out")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out" / "a.jpg").stat().st_mode) == 0o640


def test_running_out_of_memory_is_told_once_and_of_no_picture(tmp_path: Path) -> None:
    """When the network halves its batches, a notice says so, and all pictures are done without a remark."""
    for number in range(9):
        save(tmp_path / "in" / f"{number}.png")
    network = Network()
    original = network.predict

    def halving(guides: list[Any]) -> Any:
        network.batch_size = 2
        return original(guides)

    network.predict = halving
    records = list(colorize(str(tmp_path / "in"), str(tmp_path / "out"), ColorizeConfig(), network))
    notices = [record.text for record in records if isinstance(record, Notice)]
    assert notices == ["out of memory: 2 pictures per network call from here on"]
    pictures = [record for record in records if isinstance(record, Record)]
    assert [(record.outcome, record.reason) for record in pictures] == [(Outcome.DONE, "")] * 9


def test_a_full_journal_stops_the_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for the journal is no room at all."""
    import errno

    from koalacli import journal

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal.os, "write", full)
    with pytest.raises(StorageFullError, match="no space left"):
        run(folder, tmp_path / "out")


def test_frames_that_do_not_fit_the_format_are_refused(tmp_path: Path) -> None:
    """An animation is not silently reduced to its first frame."""
    path = tmp_path / "in" / "a.gif"
    path.parent.mkdir()
    frames = [Image.new("L", (20, 20), level) for level in (10, 200)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    record = run(tmp_path / "in", tmp_path / "out", format="jpeg")["a.gif"]
    assert record.outcome == Outcome.FAILED
    assert "has 2 frames" in record.reason
    assert record.reason.startswith(str(path))


@pytest.mark.parametrize("settings", [{"quality": 0}, {"quality": 101}, {"max_pixels": 0}])
def test_settings_out_of_range_are_refused(folder: Path, tmp_path: Path, settings: dict[str, int]) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError):
        run(folder, tmp_path / "out", **settings)


def test_graft_and_still_agree_about_color(tmp_path: Path) -> None:
    """The quick way, chroma made at half size, shows the colors that the thorough way shows."""
    ramp = np.tile(np.linspace(70, 190, 200), (150, 1)) + 15 * np.sin(np.arange(150) / 9)[:, None]
    (tmp_path / "in").mkdir()
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "in" / "a.jpg", quality=95)
    run(tmp_path / "in", tmp_path / "graft")
    run(tmp_path / "in", tmp_path / "still", lossless_luma=False)
    colors = [read_picture(tmp_path / kind / "a.jpg").pixels.astype(float) for kind in ("graft", "still")]
    assert np.abs(colors[0] - colors[1]).mean() < 2.5
    assert colors[0].std(-1).mean() > 3


def test_a_made_up_codec_writes_verifies_and_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry in CODECS is all that a format needs, in every part of the command."""

    def to_pnm(picture: Picture, quality: int, subsampling: str) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(picture.pixels).save(buffer, "PPM")
        return buffer.getvalue()

    monkeypatch.setitem(CODECS, "pnm", Codec((".pgm", ".ppm"), to_pnm, ("PPM",), lossless=True, holds=()))
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "b.pgm")
    call = partial(CliRunner().invoke, app, obj=Network())
    there = call(["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--verify", "--json"])
    told = [json.loads(line) for line in there.stdout.splitlines()]
    reasons = {Path(line["source"]).name: line["reason"] for line in told if line["event"] == "picture"}
    assert reasons["a.png"].startswith("verified: lightness within")
    assert reasons["b.pgm"].startswith("pnm has no place for XMP; verified: lightness within")
    back = call(["colorize", str(tmp_path / "out"), str(tmp_path / "back"), "--format", "pnm", "--verify"])
    assert (there.exit_code, back.exit_code) == (0, 0), back.output
    # The PNG says that koala made it, and is not colorized again.
    assert [path.name for path in (tmp_path / "back").glob("[!.]*")] == ["b.pgm"]
    assert read_picture(tmp_path / "back" / "b.pgm").format == "pnm"


def test_a_format_of_both_kinds_is_verified_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever writes lossless what was read so is compared pixel by pixel, not on average."""
    entry = replace(CODECS["png"], as_read=True, lossless=False, suffixes=(".made",))
    monkeypatch.setitem(CODECS, "made", entry)
    save(tmp_path / "a.png")
    done = run(tmp_path / "a.png", tmp_path / "out", format="made", verify=True)
    assert "on average" not in done["a.png"].reason


def test_large_scans_in_color_are_copied_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read in strips is judged as well: color is copied, a toned scan is colored."""
    monkeypatch.setattr("koalacli.io.picture.scans.LARGE", 10_000)
    rows, columns = np.mgrid[40:240, 40:240].astype(np.uint8)
    source = tmp_path / "in"
    source.mkdir()
    Image.fromarray(np.dstack([rows, columns, rows])).save(source / "color.tif")
    Image.fromarray(np.dstack([rows, rows // 8 * 7, rows // 8 * 5])).save(source / "toned.tif")
    records = run(source, tmp_path / "out")
    assert records["color.tif"].reason == "in color already, copied"
    assert (tmp_path / "out/color.tif").read_bytes() == (source / "color.tif").read_bytes()
    assert records["toned.tif"].reason == ""
    assert run(source, tmp_path / "all", colored="recolor")["color.tif"].reason == ""
