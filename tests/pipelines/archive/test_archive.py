"""`koala verify`, `koala revert` and manifests, as an archive uses them; with a network that costs nothing."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import av
import formats_inputs as inputs
import numpy as np
import pytest
from painter import Painter
from PIL import Image
from typer.testing import CliRunner, Result

from koalacli.cli.app import app
from koalacli.io.jpeg.layout import read_layout
from koalacli.io.manifest import MANIFEST, read_manifest, write_manifest
from koalacli.io.picture.read import read_picture
from koalacli.io.picture.xmp import source_digest


def koala(*arguments: object) -> Result:
    """A command, with a network that is there already."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], obj=Painter())


def proofs(output: Path, *flags: object) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and what `koala verify --json` says of each output, by name."""
    done = koala("verify", output, "--json", *flags)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, {Path(event["target"]).name: event for event in events if event["event"] == "proof"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty sources in `in`, gray JPEGs for the most part, and their colorings, with manifest and report, in `out`."""
    folder = tmp_path_factory.mktemp("archive")
    makers = {name: maker for name, (_, maker) in inputs.INPUTS.items() if name.startswith(("jpeg-gray", "tiff-gray"))}
    makers |= {name: inputs.INPUTS[name][1] for name in ("png-gray.png", "png-gray16.png", "webp-lossy.webp")}
    (folder / "in" / "box 1").mkdir(parents=True)
    for name, maker in makers.items():
        (folder / "in" / "box 1" / name).write_bytes(maker())
    for number in range(50 - len(makers)):
        pixels = np.random.default_rng(number).integers(0, 255, (50, 60), dtype=np.uint8)
        (folder / "in" / f"{number}.jpg").write_bytes(inputs.jpeg(Image.fromarray(pixels)))
    (folder / "in" / "0.xmp").write_text("beside 0")
    (folder / "in" / "1.jpg.xmp").write_text("beside 1")
    done = koala("colorize", folder / "in", folder / "out", "--manifest", "--report", folder / "report.json")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def copy(archive: Path, tmp_path: Path) -> Path:
    """The archive, to do things to."""
    shutil.copytree(archive, tmp_path / "archive")
    return tmp_path / "archive"


def test_every_output_is_proven(archive: Path) -> None:
    """Gray JPEGs bit for bit, others by their lightness, in one table."""
    code, found = proofs(archive / "out")
    assert code == 0
    assert len(found) == 50
    for name, proof in found.items():
        assert proof["way"] == ("scans" if name.endswith(".jpg") else "lightness"), name
        assert proof["exact"] == name.endswith(".jpg")
    shown = koala("verify", archive / "out")
    assert "50 files proven" in shown.output
    assert "scans" in shown.output
    assert "0.000 bits" in shown.output


def change_luma(path: Path) -> None:
    """Change one byte of a grafted JPEG's luma so that it can still be decoded."""
    data = bytearray(path.read_bytes())
    at = read_layout(bytes(data)).start + 400
    while 0xFF in (data[at - 1], data[at], data[at] ^ 0x10):
        at += 1
    data[at] ^= 0x10
    path.write_bytes(data)


def test_one_changed_byte_of_luma_is_found_among_fifty(copy: Path) -> None:
    """The file is named, the other 49 are proven; with and without the manifest."""
    change_luma(copy / "out" / "7.jpg")
    (copy / "out" / MANIFEST).unlink()
    code, found = proofs(copy / "out")
    assert code == 1
    assert [name for name, proof in found.items() if proof["outcome"] == "failed"] == ["7.jpg"]
    assert "luma" in found["7.jpg"]["reason"]


def test_one_changed_pixel_is_found_where_pixels_are_kept(copy: Path) -> None:
    """A PNG that somebody has touched."""
    (copy / "out" / MANIFEST).unlink()
    path = copy / "out" / "box 1" / "png-gray.png"
    pixels = np.array(Image.open(path))
    pixels[3, 3] = 255 - pixels[3, 3]
    Image.fromarray(pixels).save(path)
    code, found = proofs(copy / "out")
    assert code == 1
    assert [name for name, proof in found.items() if proof["outcome"] == "failed"] == ["png-gray.png"]


def append(path: Path) -> None:
    """One byte, where no decoder looks."""
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "out" / "3.jpg").unlink(), "is gone"),
        (lambda folder: (folder / "in" / "3.jpg").unlink(), "its source"),
        (lambda folder: (folder / "in" / "3.jpg").write_bytes((folder / "in" / "4.jpg").read_bytes()), "has changed"),
        (lambda folder: append(folder / "out" / "3.jpg"), MANIFEST),
        (lambda folder: (folder / "out" / "3.jpg").write_bytes(b"\xff\xd8\xff"), "3.jpg"),
    ],
)
def test_what_cannot_be_proven_is_named(copy: Path, harm: Any, reason: str) -> None:
    """Outputs and sources that are gone, changed or damaged."""
    harm(copy)
    code, found = proofs(copy / "out")
    assert code == 1
    failed = {name: proof["reason"] for name, proof in found.items() if proof["outcome"] == "failed"}
    assert list(failed) == ["3.jpg"]
    assert reason in failed["3.jpg"]


def test_sources_are_found_where_they_are_now(copy: Path) -> None:
    """A folder that was moved, and a single file without journal."""
    (copy / "in").rename(copy / "elsewhere")
    assert proofs(copy / "out")[0] == 1
    assert proofs(copy / "out", "--source", copy / "elsewhere")[0] == 0
    shutil.copy(copy / "out" / "5.jpg", copy / "alone.jpg")
    assert "--source" in proofs(copy / "alone.jpg")[1]["alone.jpg"]["reason"]
    assert proofs(copy / "alone.jpg", "--source", copy / "elsewhere" / "5.jpg")[0] == 0
    code, found = proofs(copy / "alone.jpg", "--source", copy / "elsewhere" / "6.jpg")
    assert code == 1
    assert "has changed" in found["alone.jpg"]["reason"]


def test_the_manifest_is_one_that_sha256sum_checks(archive: Path) -> None:
    """Every output is listed with its digest, every source in a comment above it."""
    text = (archive / "out" / MANIFEST).read_text()
    assert len(read_manifest(archive / "out")) == 50
    for path in (archive / "in").rglob("*.*g"):
        assert f"# {hashlib.sha256(path.read_bytes()).hexdigest()}  ../in/" in text
    if shutil.which("sha256sum"):
        done = subprocess.run(
            ["sha256sum", "--strict", "--quiet", "-c", MANIFEST], cwd=archive / "out", capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_manifest_holds_any_name(tmp_path: Path) -> None:
    """Line feeds and backslashes are written as coreutils write them."""
    names = ["a\nb.jpg", "c\\d.jpg", "e\\nf.jpg", "ü.jpg"]
    write_manifest(tmp_path, [(name, "0" * 64, name, "1" * 64) for name in names])
    assert read_manifest(tmp_path) == dict.fromkeys(names, "0" * 64)


def test_a_manifest_of_somebody_else_stays(tmp_path: Path) -> None:
    """Bags of archives keep digests under the very name; neither they nor what a link leads to are replaced."""
    (tmp_path / "in").mkdir()
    Image.new("L", (40, 40), 99).save(tmp_path / "in" / "a.png")
    place = tmp_path / "out" / MANIFEST
    place.parent.mkdir()
    mine = b"0" * 64 + b"  data/letter.txt\n"
    place.write_bytes(mine)
    refused = koala("colorize", tmp_path / "in", tmp_path / "out", "--manifest")
    assert refused.exit_code == 2
    assert "not koala's" in refused.stderr
    assert place.read_bytes() == mine
    place.unlink()
    place.symlink_to(tmp_path / "mine")
    assert koala("colorize", tmp_path / "in", tmp_path / "out", "--manifest").exit_code == 2
    assert [path.name for path in place.parent.iterdir()] == [MANIFEST]


def test_a_rerun_lists_what_earlier_runs_have_made(copy: Path) -> None:
    """The manifest is of the folder, not of a run."""
    before = (copy / "out" / MANIFEST).read_bytes()
    (copy / "out" / MANIFEST).unlink()
    (copy / "out" / "7.jpg").unlink()
    assert koala("colorize", copy / "in", copy / "out", "--manifest").exit_code == 0
    assert (copy / "out" / MANIFEST).read_bytes() == before
    assert koala("colorize", copy / "in" / "7.jpg", "-", "--manifest").exit_code == 2


def test_report_and_xmp_name_source_settings_and_version(archive: Path) -> None:
    """From an output alone one can tell what it was made of, and how."""
    events = json.loads((archive / "report.json").read_text())
    start = next(event for event in events if event["event"] == "start")
    assert start["version"]
    assert start["settings"] == {}
    digests = {Path(event["source"]).name: event["source_digest"] for event in events if event["event"] == "picture"}
    source = archive / "in" / "box 1" / "jpeg-gray.jpg"
    assert digests[source.name] == hashlib.sha256(source.read_bytes()).hexdigest()
    for name in ("jpeg-gray.jpg", "png-gray.png", "tiff-gray.tif"):
        xmp = read_picture(archive / "out" / "box 1" / name).metadata.xmp
        assert source_digest(xmp) == f"sha256:{digests[name]}"
        assert b"DerivedFrom" in xmp
        assert f'stRef:filePath="{name}"'.encode() in xmp
        assert xmp.count(b">xmp.iid:") == 1
        assert b"koala:Settings=" in xmp


def test_sidecars_go_along(archive: Path) -> None:
    """`name.xmp` and `name.jpg.xmp` lie beside the output, too, and are no strays."""
    assert (archive / "out" / "0.xmp").read_text() == "beside 0"
    assert (archive / "out" / "1.jpg.xmp").read_text() == "beside 1"
    events = json.loads((archive / "report.json").read_text())
    assert not [event for event in events if event.get("outcome") == "skipped"]


def test_sidecars_follow_names_and_orientation(tmp_path: Path) -> None:
    """Beside a PNG that was put upright they say so; without metadata they stay, and that is told."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(inputs.INPUTS["jpeg-gray-turned.jpg"][1]())
    turned = inputs.XMP.replace(b"<rdf:Description", b'<rdf:Description xmlns:tiff="t" tiff:Orientation="6"', 1)
    (folder / "a.jpg.xmp").write_bytes(turned)
    assert koala("colorize", folder, tmp_path / "out", "--format", "png", "--suffix", ".color").exit_code == 0
    carried = (tmp_path / "out" / "a.color.png.xmp").read_bytes()
    assert carried
    assert b"Orientation" not in carried
    done = koala("colorize", folder, tmp_path / "bare", "--strip-metadata")
    assert "a.jpg.xmp beside it is left out" in done.output
    assert not list((tmp_path / "bare").glob("*.xmp"))


def test_sidecars_replace_nothing_and_lead_nowhere(tmp_path: Path) -> None:
    """What a person has noted beside an output stays, and what a link leads to is not copied out."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        Image.new("L", (40, 40), 99).save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in" / "a.xmp").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "b.xmp").write_text("theirs")
    (tmp_path / "out" / "b.xmp").write_text("mine")
    done = koala("colorize", tmp_path / "in", tmp_path / "out", "--verbose")
    assert done.exit_code == 0, done.output
    assert "a.xmp beside it is left out: a link" in done.stderr
    assert "b.xmp is there with other content and stays" in done.stderr
    assert not (tmp_path / "out" / "a.xmp").exists()
    assert (tmp_path / "out" / "b.xmp").read_text() == "mine"
    assert koala("colorize", tmp_path / "in", tmp_path / "out", "--on-exist", "overwrite").exit_code == 0
    assert (tmp_path / "out" / "b.xmp").read_text() == "theirs"


def test_koala_reverts_a_folder(archive: Path, tmp_path: Path) -> None:
    """Every gray JPEG of the archive comes back, byte for byte; the others are not asked for."""
    done = koala("revert", archive / "out", tmp_path / "back")
    assert done.exit_code == 0, done.output
    back = [path for path in (tmp_path / "back").rglob("*") if path.is_file()]
    assert len(back) == len(list((archive / "in").rglob("*.jpg")))
    for path in back:
        assert path.read_bytes() == (archive / "in" / path.relative_to(tmp_path / "back")).read_bytes()
    again = koala("revert", archive / "out", tmp_path / "back")
    assert f"{len(back)} skipped" in again.output


def test_what_cannot_be_reverted_is_refused_and_replaces_nothing(archive: Path, copy: Path) -> None:
    """A foreign JPEG, luma that was changed, an output in place of the input."""
    change_luma(copy / "out" / "7.jpg")
    (copy / "out" / "foreign.jpg").write_bytes(inputs.INPUTS["jpeg-toned.jpg"][1]())
    done = koala("revert", copy / "out", copy / "back")
    assert done.exit_code == 1
    assert done.output.count("failed: ") == 2
    assert not (copy / "back" / "7.jpg").exists()
    assert koala("revert", copy / "out" / "7.jpg", copy / "out" / "7.jpg").exit_code == 2


def film(path: Path, codec: str, *, harm: bool = False) -> Path:
    """Eight gray frames; one sample of the fifth can be another one."""
    with av.open(path, "w") as output:
        stream = output.add_stream(codec, 25, width=64, height=48, pix_fmt="yuv420p")
        for number in range(8):
            coarse = np.random.default_rng(number).integers(16, 235, (3, 4), dtype=np.uint8)
            luma = np.kron(coarse, np.ones((16, 16), np.uint8))
            luma[10, 10] += harm and number == 4
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, np.full((24, 64), 128, np.uint8)]), "yuv420p")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def test_films_are_proven_frame_by_frame(tmp_path: Path) -> None:
    """Lossless films bit for bit; one sample of one frame is found; lossy ones by their mean difference."""
    source = film(tmp_path / "film.mkv", "ffv1")
    assert koala("video", source, "-o", tmp_path / "out" / "film.mkv").exit_code == 0
    code, found = proofs(tmp_path / "out")
    assert code == 0
    assert found["film.mkv"]["way"] == "frames"
    assert found["film.mkv"]["exact"]
    code, found = proofs(film(tmp_path / "harmed.mkv", "ffv1", harm=True), "--source", source)
    assert code == 1
    assert "Y' of 1 frames" in found["harmed.mkv"]["reason"]
    code, found = proofs(film(tmp_path / "lossy.mp4", "libx264"), "--source", source)
    assert code == 0
    assert 0 < found["lossy.mp4"]["figure"] < 3


def test_a_layer_is_transparent_and_nothing_to_verify(archive: Path, tmp_path: Path) -> None:
    """`--layer` writes PNG whatever the input is; verify says that there is no lightness in it."""
    source = archive / "in" / "box 1"
    assert koala("colorize", source, tmp_path / "out", "--layer").exit_code == 0
    with Image.open(tmp_path / "out" / "jpeg-gray.png") as layer:
        assert layer.mode == "RGBA"
    with Image.open(tmp_path / "out" / "tiff-gray16.png") as layer:
        assert layer.mode == "RGBA"
    code, found = proofs(tmp_path / "out")
    assert code == 0
    assert {proof["outcome"] for proof in found.values()} == {"skipped"}
    assert koala("colorize", source, tmp_path / "no", "--layer", "--format", "jpeg").exit_code == 2
