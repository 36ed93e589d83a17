"""`koala eval` as a user calls it: table, events, exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from schemas import read_events
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.errors import StorageFullError
from koalacli.metrics.table import DIRECTIONS, METRICS, Metric

run = CliRunner().invoke


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Two references and predictions that are too red."""
    for folder, shift in (("ref", 0), ("pred", 40)):
        (tmp_path / folder).mkdir()
        rng = np.random.default_rng(2)
        for name in ("a.png", "b.png"):
            pixels = np.kron(rng.integers(0, 200, (2, 3, 3)), np.ones((8, 8, 1))) + np.array([shift, 0, 0])
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / name)
    return f"--pred={tmp_path / 'pred'}", f"--ref={tmp_path / 'ref'}"


def test_the_table_shows_figures_floors_and_intervals(folders: tuple[str, str]) -> None:
    """A shift of 40 in one of three channels is 20.86 dB; the protocol is said."""
    done = run(app, ["eval", *folders])
    assert done.exit_code == 0, done.output
    assert "protocol original" in done.stdout
    assert "20.86 [20.9, 20.9]" in done.stdout
    for word in ("gray", "mean", "lookup", "AuC rebalanced"):
        assert word in done.stdout
    assert done.stderr.splitlines()[0] == "intervals …"
    assert "2 pictures judged" in done.stderr
    asked = " ".join(folders).replace("=", " ")
    assert f"next: koala eval {asked} --report report.html" in done.stderr


def test_json_gives_an_event_per_picture_and_the_evaluation(folders: tuple[str, str]) -> None:
    """Standard output holds nothing but JSON, the evaluation last."""
    done = run(app, ["eval", "--json", *folders, "--protocol", "center256"])
    events = read_events("eval", done.stdout)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start"
    assert kinds.count("picture") == 2
    assert kinds[-1] == "evaluation"
    assert events[-1]["protocol"] == "center256"
    assert events[-1]["figures"]["pred"]["psnr"]["value"] == pytest.approx(20.86, abs=0.1)
    assert events[1]["figures"]["floor: gray"]["auc"] > 0


def test_bad_input_ends_with_one(folders: tuple[str, str], tmp_path: Path) -> None:
    """The good pictures are judged, the bad one is named, and the exit code says so."""
    (tmp_path / "ref" / "c.png").write_bytes(b"nothing")
    (tmp_path / "pred" / "c.png").write_bytes(b"nothing")
    done = run(app, ["eval", *folders])
    assert done.exit_code == 1
    assert "failed: c.png" in done.stderr
    assert "1 left out" in done.stdout


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--protocol", "none"], 2), (["--data", "/nowhere"], 3)])
def test_requests_that_cannot_be_met(arguments: list[str], code: int) -> None:
    """Usage is 2, nothing matched is 3."""
    assert run(app, ["eval", *arguments]).exit_code == code


def test_a_metric_is_one_entry(folders: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up metric shows in the terminal's table, in JSON, in the CSV and in the report."""
    redness = Metric(
        *("Redness <r>", "%", "lower", 1, "how much red there is too much"),
        measure=lambda pair: float(pair.prediction.rgb8[..., 0].mean()) - float(pair.reference.rgb8[..., 0].mean()),
    )
    monkeypatch.setitem(METRICS, "redness", redness)
    shown = run(app, ["eval", *folders, f"--csv={tmp_path / 'a.csv'}", f"--report={tmp_path / 'a.html'}"])
    assert shown.exit_code == 0, shown.output
    assert "Redness <r> % ↓" in shown.stdout
    assert "40.0 [40, 40]" in shown.stdout
    event = json.loads(run(app, ["eval", "--json", *folders]).stdout.splitlines()[-1])
    assert event["figures"]["pred"]["redness"] == {"value": 40, "low": 40, "high": 40}
    head, first, *_ = (line.split(",") for line in (tmp_path / "a.csv").read_text("utf-8").splitlines())
    assert first[head.index("redness")] == "40"
    page = (tmp_path / "a.html").read_text("utf-8")
    assert '<th scope="row">Redness &lt;r&gt; <small>%</small></th><td>40.0' in page  # all figures
    assert "Redness &lt;r&gt;</button>" in page  # every picture
    assert "how much red there is too much; lower is better" in page  # how to read this


def test_every_metric_has_a_direction_and_its_truth() -> None:
    """Where a metric is best is an entry of DIRECTIONS; what is best at the true value has that beside it."""
    for name, metric in METRICS.items():
        assert metric.better in DIRECTIONS, name
        if metric.better == "reference":
            assert name.endswith("_reference") or f"{name}_reference" in METRICS, name


def test_the_figures_are_shown_where_a_file_cannot_be_written(
    folders: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full in the end costs the file, not the run."""

    def full(*args: object) -> None:
        raise StorageFullError("no space left")

    monkeypatch.setattr("koalacli.pipelines.evaluate.outputs.write_text", full)
    done = run(app, ["eval", *folders, f"--report={tmp_path / 'a.html'}"])
    assert done.exit_code == 1
    assert "20.86 [20.9, 20.9]" in done.stdout
    assert "intervals and report …" in done.stderr
    assert "no space left" in done.stderr
    assert "written" not in done.stderr


def test_names_do_not_steer_the_terminal(tmp_path: Path) -> None:
    """Escape sequences, markup and bytes that are no text, in a file from a stranger, are shown as escapes."""
    name = "\x1b]0;owned\x07[/bold]\udcff"
    answers = [{"picture": name, "recolored": True, "judged_real": True, "seconds": 1.0}]
    result = {"format": "koala-study-1", "study": "s", "session": "x", "answers": answers}
    (tmp_path / "x.json").write_text(json.dumps(result))
    shown = run(app, ["eval", f"--study-results={tmp_path / 'x.json'}"])
    assert shown.exit_code == 0, shown.output
    assert "\x1b" not in shown.output
    assert r"\x1b]0;owned" in shown.output.replace("\n", "")
