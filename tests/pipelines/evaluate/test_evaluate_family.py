"""Networks of different kinds side by side in one report."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.color.bins import gamut_bins
from koalacli.model.heads import head_of
from koalacli.model.network import build_network
from koalacli.model.weights import encode_weights
from koalacli.presets import PRESETS

MEMBERS = ("zhang-2016", "larsson-2016", "wallner-gan")  # bins, histograms, and ab at full size


@pytest.fixture
def weights(tmp_path: Path) -> list[str]:
    """Fresh, narrow networks, each the best of its own run, beginning at different colors."""
    bins, files = gamut_bins(), []
    for number, preset in enumerate(MEMBERS):
        keras.utils.set_random_seed(number)
        config = replace(PRESETS[preset].network, width=1 / 32)
        config = replace(config, bins=len(bins)) if config.head == "bins" else config
        prior = np.exp(-np.abs(bins - [10 * number, 30]).sum(axis=1) / 20)
        tables = {"gamut_bins": bins, "bin_prior": (prior / prior.sum()).astype(np.float32)}
        head = head_of(config.head)
        network = build_network(config, {name: tables[name] for name in head.tables})
        head.start(network.core, head.constant(config, tables, 0.0))
        file = tmp_path / preset / "best.safetensors"
        file.parent.mkdir()
        file.write_bytes(encode_weights(network, replace(head.settings, size=64), {})[0])
        files.append(str(file))
    return files


def test_three_of_the_family_stand_in_one_report(weights: list[str], tmp_path: Path) -> None:
    """Each has its own figures, in the table of the page as in JSON, under its run's name, beside the same floors."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for photograph in (data.astronaut, data.coffee):
        small = cv2.resize(photograph(), (96, 64), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(photographs / f"{photograph.__name__}.png"), small[..., ::-1])
    flags = [flag for file in weights for flag in ("--weights", file)]
    report = tmp_path / "report.html"
    done = CliRunner().invoke(
        app, ["eval", "--json", "--data", str(photographs), *flags, "--report", str(report), "--device", "cpu"]
    )
    assert done.exit_code == 0, done.output
    evaluation = json.loads(done.stdout.splitlines()[-1])
    names = evaluation["predictions"]
    assert len(names) == len(set(names)) == len(MEMBERS)
    page = report.read_text("utf-8")
    for preset, name in zip(MEMBERS, names, strict=True):
        assert preset in name
        assert name in page
    errors = [evaluation["figures"][name]["delta_e"]["value"] for name in names]
    assert len(set(errors)) == len(MEMBERS)
    gray = evaluation["figures"]["floor: gray"]["delta_e"]["value"]
    assert all(np.isfinite(error) and error != gray for error in errors)
