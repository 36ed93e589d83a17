"""`koala export onnx`: what other programs compute with the file."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from typer.testing import CliRunner

from koalacli import Colorizer
from koalacli.cli.app import app
from koalacli.model.weights import load_weights


def koala(*arguments: object) -> Any:
    """The command."""
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped weights as ONNX."""
    path = tmp_path_factory.mktemp("onnx") / "koala.onnx"
    done = koala("onnx", path)
    assert done.exit_code == 0, done.output
    assert "within" in done.output
    return path


def session(path: Path) -> onnxruntime.InferenceSession:
    """The file, ready to run."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", [(32, 32), (96, 160)])
def test_onnxruntime_gives_the_ab_of_koala(exported: Path, colorizer: Colorizer, shape: tuple[int, int]) -> None:
    """At any size in multiples of 32, for a batch; lightness has its range already."""
    lightness = np.random.default_rng(0).uniform(0, 100, (3, *shape, 1)).astype(np.float32)
    (ab,) = session(exported).run(None, {"lightness": lightness.transpose(0, 3, 1, 2)})
    assert ab.dtype == np.float32
    assert np.abs(ab.transpose(0, 2, 3, 1) - colorizer.predict(lightness).ab).max() < 1e-4


def test_opencv_gives_the_same(exported: Path, colorizer: Colorizer) -> None:
    """The reader that is part of OpenCV, as docs/interchange.md has it."""
    lightness = np.random.default_rng(0).uniform(0, 100, (1, 64, 96, 1)).astype(np.float32)
    network = cv2.dnn.readNetFromONNX(str(exported))
    network.setInput(lightness.transpose(0, 3, 1, 2))
    ab = network.forward().transpose(0, 2, 3, 1)
    assert np.abs(ab - colorizer.predict(lightness).ab).max() < 1e-3


def test_the_contract_stands_in_the_file(exported: Path) -> None:
    """What goes in, what comes out, and whose it is."""
    told = session(exported).get_modelmeta().custom_metadata_map
    assert "L* 0..100" in told["input"]
    assert "multiples of 32" in told["input"]
    assert "CIELAB" in told["output"]
    assert told["weights_digest"] == f"sha256:{load_weights('koala').digest}"
    assert told["terms"]


def test_logits_and_half(tmp_path: Path, exported: Path) -> None:
    """Logits come with the bins that they are of; half is half as large, with ends of 32 bits."""
    assert koala("onnx", "koala", tmp_path / "half.onnx", "--half", "--logits").exit_code == 0
    assert (tmp_path / "half.onnx").stat().st_size < 0.6 * exported.stat().st_size
    model = onnx.load(str(tmp_path / "half.onnx"))
    ends = [*model.graph.input, *model.graph.output]
    assert [end.type.tensor_type.elem_type for end in ends] == [onnx.TensorProto.FLOAT] * 2
    assert "gamut_bins" in {item.key for item in model.metadata_props}


def test_what_cannot_be_exported_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """Another suffix, other weights, too many names; nothing is written."""
    assert koala("onnx", tmp_path / "koala.pt").exit_code == 2
    assert koala("onnx", "no such", tmp_path / "koala.onnx").exit_code == 4
    assert koala("onnx", "koala", "koala", tmp_path / "koala.onnx").exit_code == 2
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a link and a place in a file are refused without a look at the network."""
    monkeypatch.setattr("koalacli.model.weights.load_weights", None)
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "link.onnx").symlink_to("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("folder.onnx", "link.onnx", "file/koala.onnx"):
        assert koala("onnx", tmp_path / name).exit_code == 2, name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.onnx", "link.onnx"]


def test_the_recipe_of_the_docs_makes_a_picture(exported: Path, tmp_path: Path, examples: list[Path]) -> None:
    """The OpenCV lines of docs/interchange.md, word for word, run in a folder with a picture and the file."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "interchange.md").read_text("utf-8")
    code = re.search(r"```python\n(import cv2\n.*?)```", page, re.DOTALL)
    assert code
    shutil.copy(exported, tmp_path / "koala.onnx")
    shutil.copy(examples[0], tmp_path / "old.jpg")
    done = subprocess.run([sys.executable, "-c", code[1]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "color.png")).std(axis=-1).mean() > 1
