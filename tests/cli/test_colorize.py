"""`koala colorize` as a user calls it: outputs, exit codes, messages."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from koalacli import Colorizer
from koalacli.cli.app import app
from koalacli.color.lab import lightness_of

ROOT = Path(__file__).resolve().parents[2]
run = CliRunner().invoke


def save(path: Path, shape: tuple[int, ...] = (40, 50), **options: object) -> Path:
    """A small gray picture with some structure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(60, 200, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def files_under(folder: Path) -> list[str]:
    """Visible files, as relative paths."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not path.name.startswith("."))


def test_help_starts_fast_and_light() -> None:
    """`koala --help` imports neither TensorFlow nor Keras."""
    code = (
        "import sys; sys.argv = ['koala', '--help']\n"
        "from koalacli.cli.app import app\n"
        "try: app()\nexcept SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'cv2', 'PIL', 'av'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "colorize" in done.stdout


def test_a_tree_is_mirrored_offline(tmp_path: Path, no_network: None) -> None:
    """Folders, names with spaces and accents, and upper-case suffixes are kept; no network is used."""
    names = ["a.jpg", "deep er/b ü.PNG", "deep er/again/c.JPEG", "d.webp", "e.TIF", "f.bmp"]
    for name in names:
        save(tmp_path / "in" / name)
    done = run(app, ["colorize", str(tmp_path / "in"), str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert files_under(tmp_path / "out") == sorted(names)
    assert "6 pictures colorized → " in done.stderr
    for name in names:
        with Image.open(tmp_path / "out" / name) as image, Image.open(tmp_path / "in" / name) as source:
            assert image.size == source.size
            assert image.format == source.format
            assert image.mode == "RGB"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_lossless_outputs_keep_lightness(tmp_path: Path, suffix: str, examples: list[Path]) -> None:
    """In every lossless format, L* of each pixel is within 0.6 of the input's."""
    with Image.open(examples[0]) as image:
        image.convert("L").resize((200, 160)).save(tmp_path / f"gray{suffix}")
    done = run(app, ["colorize", str(tmp_path / f"gray{suffix}"), str(tmp_path / f"color{suffix}")])
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / f"gray{suffix}") as source, Image.open(tmp_path / f"color{suffix}") as result:
        difference = lightness_of(np.asarray(result)) - lightness_of(np.asarray(source))
        assert np.asarray(result).std(axis=-1).mean() > 1
    assert np.abs(difference).max() <= 0.6


def test_odd_inputs_never_stop_a_batch(tmp_path: Path) -> None:
    """Damaged and extreme files: each is done or reported by name, and the exit code says so."""
    folder = tmp_path / "in"
    save(folder / "good.jpg")
    save(folder / "one pixel.png", (1, 1))
    save(folder / "wide.png", (1, 3000))
    save(folder / "tall.jpg", (5000, 20))
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("P").save(folder / "palette.png")
    with_alpha = np.random.default_rng(0).integers(0, 255, (20, 30, 2), dtype=np.uint8)
    Image.fromarray(with_alpha, "LA").save(folder / "alpha.png")
    Image.new("CMYK", (30, 20), (10, 20, 30, 40)).save(folder / "cmyk.jpg")
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "truncated.jpg").write_bytes(save(folder / "good.jpg", (200, 200)).read_bytes()[:2000])
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "Thumbs.db").write_text("stray")
    (folder / "notes.txt").write_text("stray")
    (folder / ".DS_Store").write_text("hidden")
    done = run(app, ["colorize", str(folder), str(tmp_path / "out"), "--report", str(tmp_path / "report.json")])
    assert done.exit_code == 1
    events = json.loads((tmp_path / "report.json").read_text())
    failed = {Path(event["source"]).name for event in events if event.get("outcome") == "failed"}
    skipped = {Path(event["source"]).name for event in events if event.get("outcome") == "skipped"}
    assert failed == {"zero.jpg", "truncated.jpg", "text.jpg"}
    assert skipped == {"Thumbs.db", "notes.txt"}
    good = ["alpha.png", "cmyk.jpg", "good.jpg", "one pixel.png", "palette.png", "tall.jpg", "wide.png"]
    assert files_under(tmp_path / "out") == good
    for name in failed:
        assert name in done.stderr
    with Image.open(tmp_path / "out" / "alpha.png") as image:
        assert np.array_equal(np.asarray(image.getchannel("A")), with_alpha[..., 1])
    assert "Traceback" not in done.output


def test_a_rerun_does_only_what_is_missing(tmp_path: Path) -> None:
    """Existing outputs are kept by default, made again with overwrite, an error with error."""
    for name in ("a.png", "b.png"):
        save(tmp_path / "in" / name)
    arguments = ["colorize", str(tmp_path / "in"), str(tmp_path / "out")]
    assert run(app, arguments).exit_code == 0
    (tmp_path / "out" / "b.png").unlink()
    before = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    assert " · 1 there already · " in run(app, arguments).stderr
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == before
    assert "2 pictures colorized" in run(app, [*arguments, "--on-exist", "overwrite"]).stderr
    again = run(app, [*arguments, "--on-exist", "error"])
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_names_of_any_bytes_are_told_in_one_line(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, line ends and terminal codes in names spoil neither files, nor lines, nor JSON."""
    names = [b"bad\xff.png", b"two\nlines.png", b"\x1b[31mred.png", b"[bold]x.png"]
    (tmp_path / "in").mkdir()
    for name in names:
        (Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/" + name))).write_bytes(b"no picture")
    driver = str(ROOT / "tests" / "faults_driver.py")  # a network that costs nothing
    command = [sys.executable, driver, "run", "colorize", str(tmp_path / "in"), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    report = ["--report", str(tmp_path / "report.json")]
    first = subprocess.run([*command, *report], capture_output=True, env=environment, cwd=tmp_path, check=False)
    assert first.returncode == 1
    lines = first.stderr.decode().splitlines()
    assert len(lines) == 7  # what begins, four failures, the summary, the report
    assert all(line.isprintable() for line in lines)
    said = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert {os.fsencode(Path(event["source"]).name) for event in said if event["event"] == "picture"} == set(names)
    again = subprocess.run([*command, "--json"], capture_output=True, env=environment, cwd=tmp_path, check=False)
    events = [json.loads(line) for line in again.stdout.decode().splitlines()]
    assert {os.fsencode(Path(event["source"]).name) for event in events[1:-1]} == set(names)
    assert all("as before" in event["reason"] for event in events[1:-1])


def test_a_name_that_would_be_too_long_fails_alone(tmp_path: Path) -> None:
    """With --suffix a name may grow beyond what the file system takes: that output fails by name."""
    save(tmp_path / "in" / f"{'n' * 250}.png")
    save(tmp_path / "in" / "a.png")
    done = run(app, ["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--suffix", ".color"])
    assert done.exit_code == 1
    assert "File name too long" in done.stderr
    assert files_under(tmp_path / "out") == ["a.color.png"]


def test_a_rerun_with_nothing_to_do_loads_no_network(tmp_path: Path) -> None:
    """Where all is done, koala says so in a moment: neither TensorFlow nor Keras is imported."""
    save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    arguments = ["colorize", str(tmp_path / "in"), str(tmp_path / "out")]
    assert run(app, arguments).exit_code == 1
    code = (
        f"import sys; sys.argv = ['koala', *{arguments!r}]\n"
        "from koalacli.cli.app import app\n"
        "try: app()\nexcept SystemExit as end: print(end.code)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"
    assert "as before; see --retry-failed" in done.stderr
    assert "0 pictures colorized · " in done.stderr


def test_native_code_cannot_write_between_the_lines() -> None:
    """What libraries print by themselves is dropped, what Python prints arrives, and afterwards all is as before."""
    code = (
        "import os, sys\nfrom koalacli.process import native_notes_dropped\n"
        "with native_notes_dropped():\n    os.write(2, b'noise ')\n    print('said', file=sys.stderr)\n"
        "os.write(2, b'after')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == "said\nafter"


def test_outputs_inside_the_input_are_not_taken_again(tmp_path: Path) -> None:
    """With the output folder inside the input folder, a rerun finds the same inputs."""
    save(tmp_path / "a.png")
    arguments = ["colorize", str(tmp_path), str(tmp_path / "color"), "--suffix", ".color", "--on-exist", "overwrite"]
    assert run(app, arguments).exit_code == 0
    assert run(app, arguments).exit_code == 0
    assert files_under(tmp_path) == ["a.png", "color/a.color.png"]


def test_two_inputs_for_one_output_are_refused_before_work(tmp_path: Path) -> None:
    """A collision is a usage error, and nothing is written."""
    save(tmp_path / "in" / "a.jpg")
    save(tmp_path / "in" / "a.png")
    done = run(app, ["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--format", "png"])
    assert done.exit_code == 2
    assert "would both be written" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_input_is_never_replaced(tmp_path: Path) -> None:
    """Writing onto the input itself is refused."""
    path = save(tmp_path / "a.png")
    done = run(app, ["colorize", str(path), str(path)])
    assert done.exit_code == 2
    assert "replace its input" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing", "out"], 3, "no such file or folder"),
        (["empty", "out"], 3, "no pictures found"),
        (["one", "out", "--weights", "nowhere"], 4, "no such weights"),
        (["one", "out", "--device", "gpu:9"], 5, "not available"),
        (["one", "out", "--format", "xyz"], 2, "format"),
        (["one", "out", "--size", "100"], 2, "multiple of 32"),
        (["one", "out", "--batch-size", "many"], 2, "--batch-size"),
        (["one", "out", "--on-exist", "perhaps"], 2, "perhaps"),
        ([], 2, "INPUT"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    """Every kind of error ends with its documented code and says what is wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    save(tmp_path / "one" / "a.png")
    done = run(app, ["colorize", *arguments])
    assert done.exit_code == code, done.output
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    """The plan is shown pair by pair, and no file or folder appears."""
    save(tmp_path / "in" / "a.png")
    done = run(app, ["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--dry-run"])
    assert done.exit_code == 0
    assert f"{tmp_path / 'in' / 'a.png'} -> {tmp_path / 'out' / 'a.png'}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_json_events_are_one_per_line(tmp_path: Path) -> None:
    """Start, one event per input, summary; nothing else on standard output."""
    save(tmp_path / "in" / "a.png")
    done = run(app, ["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--json"])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["start", "picture", "summary"]
    assert events[1]["outcome"] == "done"
    assert events[2]["done"] == 1


def test_fail_fast_stops_at_the_first_failure(tmp_path: Path) -> None:
    """With --fail-fast the run ends with exit code 1 once an input fails."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"")
    done = run(app, ["colorize", str(tmp_path / "in"), str(tmp_path / "out"), "--fail-fast"])
    assert done.exit_code == 1


def test_colored_inputs_follow_the_policy(tmp_path: Path) -> None:
    """Pictures in color are copied, recolored or skipped, as asked; toned ones count as gray."""
    ramp = np.linspace(40, 220, 64).astype(np.uint8)
    colored = np.stack([np.tile(ramp, (64, 1)), np.tile(ramp[:, None], (1, 64)), np.full((64, 64), 80, np.uint8)], -1)
    toned = np.clip(np.tile(ramp, (64, 1))[..., None].astype(int) + np.array((12, 0, -15)), 0, 255).astype(np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(colored).save(tmp_path / "in" / "colored.png")
    Image.fromarray(toned).save(tmp_path / "in" / "toned.png")
    arguments = ["colorize", str(tmp_path / "in")]
    assert "1 in color already" in run(app, [*arguments, str(tmp_path / "s"), "--colored", "skip"]).stderr
    assert run(app, [*arguments, str(tmp_path / "c"), "--colored", "copy"]).exit_code == 0
    assert (tmp_path / "c/colored.png").read_bytes() == (tmp_path / "in/colored.png").read_bytes()
    assert "2 pictures colorized" in run(app, [*arguments, str(tmp_path / "r"), "--colored", "recolor"]).stderr
    assert (tmp_path / "r/colored.png").read_bytes() != (tmp_path / "in/colored.png").read_bytes()
    told = run(app, [*arguments, str(tmp_path / "a")])
    assert "1 in color already: copied; --colored recolor" in told.stderr
    assert (tmp_path / "a/colored.png").read_bytes() == (tmp_path / "in/colored.png").read_bytes()
    made = [np.asarray(Image.open(tmp_path / run / "toned.png")) for run in ("a", "r")]
    assert np.array_equal(*made)
    assert run(app, [*arguments, str(tmp_path / "t"), "--format", "tiff"]).exit_code == 0
    with Image.open(tmp_path / "t/colored.tif") as image:  # in another format, with its own pixels
        assert np.array_equal(np.asarray(image), colored)


def test_glob_and_single_file(tmp_path: Path) -> None:
    """A pattern selects files, and a single file can be given an output name of another format."""
    for name in ("a1.png", "a2.png", "b.png"):
        save(tmp_path / name)
    assert run(app, ["colorize", str(tmp_path / "a*.png"), str(tmp_path / "out")]).exit_code == 0
    assert files_under(tmp_path / "out") == ["a1.png", "a2.png"]
    assert run(app, ["colorize", str(tmp_path / "b.png"), str(tmp_path / "b color.jpg")]).exit_code == 0
    with Image.open(tmp_path / "b color.jpg") as image:
        assert image.format == "JPEG"


def test_of_two_pictures_that_are_there_none_is_replaced(tmp_path: Path, colorizer: Colorizer) -> None:
    """What a shell makes of *.png in a folder of two are two inputs, which is said; a rerun of INPUT OUTPUT is one."""
    first, second = save(tmp_path / "a.png"), save(tmp_path / "bb.png")
    before = second.read_bytes()
    done = run(app, ["colorize", str(first), str(second)], obj=colorizer)
    assert done.exit_code == 0, done.output
    assert files_under(tmp_path) == ["a.color.png", "a.png", "bb.color.png", "bb.png"]
    assert second.read_bytes() == before
    assert f"{second}: is there, and koala did not make it, so it is an input, too" in done.stderr
    for _ in range(2):
        done = run(app, ["colorize", str(first), str(tmp_path / "out.png")], obj=colorizer)
        assert "an input, too" not in done.stderr
    assert "1 there already" in done.stderr
    run(app, ["colorize", str(first), str(second), "--on-exist", "overwrite"], obj=colorizer)
    assert second.read_bytes() == (tmp_path / "out.png").read_bytes()


def test_pipes(tmp_path: Path) -> None:
    """`koala colorize - -` reads a picture from stdin and writes only the picture to stdout."""
    data = save(tmp_path / "a.png").read_bytes()
    command = [sys.executable, "-m", "koalacli", "colorize", "-", "-"]
    done = subprocess.run(command, input=data, capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.format == "PNG"
        assert image.mode == "RGB"


def test_the_historical_photographs_get_color(shared: Path, tmp_path: Path) -> None:
    """Real old photographs come out in their own size with at least half the chroma of modern ones."""

    def chroma(folder: Path) -> float:
        return float(np.mean([np.hypot(*np.moveaxis(ab_of(path), -1, 0)).mean() for path in folder.glob("[!.]*")]))

    def ab_of(path: Path) -> np.ndarray:
        from koalacli.color.lab import rgb_to_lab

        with Image.open(path) as image:
            return rgb_to_lab(np.asarray(image.convert("RGB"), np.float32) / 255)[..., 1:]

    (tmp_path / "modern").mkdir()
    for path in sorted((shared / "eval" / "bsds64").iterdir())[:16]:
        with Image.open(path) as image:
            image.convert("L").save(tmp_path / "modern" / f"{path.stem}.png")
    for source, target in ((shared / "historical", "old"), (tmp_path / "modern", "new")):
        assert run(app, ["colorize", str(source), str(tmp_path / target)]).exit_code == 0
    assert chroma(tmp_path / "old") > 0.5 * chroma(tmp_path / "new")
    for path in (shared / "historical").iterdir():
        with Image.open(path) as source, Image.open(tmp_path / "old" / path.name) as result:
            assert source.size == result.size
