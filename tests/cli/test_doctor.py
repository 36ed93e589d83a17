"""`koala doctor` tells what is there, and what is wrong."""

from pathlib import Path

import pytest
from schemas import read_events
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.version import __version__

run = CliRunner().invoke


def test_what_is_there_is_told() -> None:
    """Versions, devices and whole weights; exit code 0."""
    done = run(app, ["doctor"])
    assert done.exit_code == 0, done.output
    for word in (__version__, "tensorflow", "cpu", "weights koala", "whole, sha256:", "jpeg"):
        assert word in done.stdout


def test_damaged_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file is a finding that is wrong, and the exit code says so."""
    (tmp_path / "koala.safetensors").write_bytes(b"no weights")
    monkeypatch.setattr("koalacli.weights_files.weights_folder", lambda: tmp_path)
    done = run(app, ["doctor", "--json"])
    assert done.exit_code == 1
    wrong = [finding["name"] for finding in read_events("doctor", done.stdout)[0]["findings"] if finding["wrong"]]
    assert wrong == ["weights koala"]
