"""READ_OUTS: a way to read color is one entry, and travels in weights files by its name."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.color.lab import rgb_to_lab
from koalacli.model.read_outs import READ_OUTS, Reading, reading_of
from koalacli.model.weights import encode_weights, load_weights
from koalacli.settings import ReadOut
from koalacli.tables import HEADS, kinds_of


@pytest.mark.parametrize("head", HEADS)
def test_every_head_has_a_usual_reading(head: str) -> None:
    """A read-out that names none is read by it."""
    assert reading_of(ReadOut(), head).head in kinds_of(head)


def test_a_new_entry_works_from_weights_to_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that name a made-up reading are colored by it; nothing but the table knows of it."""

    def read_sepia(made, tables, config, read_out):
        return made.outputs[..., :2] * 0 + (3.0, 40.0)

    monkeypatch.setitem(READ_OUTS, "sepia", Reading("bins", read_sepia, "one tone for all"))
    loaded = load_weights("koala")
    path = tmp_path / "sepia.safetensors"
    path.write_bytes(encode_weights(loaded.network, ReadOut(size=64, method="sepia"), loaded.provenance)[0])
    gray = np.tile(np.linspace(90, 170, 50), (40, 1)).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    done = CliRunner().invoke(
        app, ["colorize", str(tmp_path / "gray.png"), str(tmp_path / "out.png"), "--weights", str(path)]
    )
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "out.png") as image:
        ab = rgb_to_lab(np.asarray(image) / np.float32(255))[..., 1:]
    assert np.abs(ab - (3.0, 40.0)).max() < 2


def test_a_setting_that_says_nothing_is_not_written(tmp_path: Path) -> None:
    """Weights that are read the usual way stay what they were before there was a choice."""
    loaded = load_weights("koala")
    (tmp_path / "w.safetensors").write_bytes(encode_weights(loaded.network, ReadOut(), loaded.provenance)[0])
    with safe_open(tmp_path / "w.safetensors", framework="numpy") as file:
        written = json.loads(file.metadata()["koala"])["read_out"]
    assert written == {name: value for name, value in asdict(ReadOut()).items() if name != "method"}
