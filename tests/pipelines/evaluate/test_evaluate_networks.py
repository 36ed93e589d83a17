"""FID and LPIPS appear only where the user gives the networks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from koalacli.config import EvalConfig
from koalacli.metrics.results import Evaluation
from koalacli.model import judges
from koalacli.pipelines.evaluate.pipeline import evaluate


def run(**settings: object) -> Evaluation:
    """The evaluation alone."""
    records = evaluate(EvalConfig(**settings))  # type: ignore[arg-type]
    return next(record for record in records if isinstance(record, Evaluation))


class MeanColors:
    """Stands for a network: the mean of each channel as features, the mean distance as LPIPS."""

    def __init__(self, path: str):
        self.path = path

    def __call__(self, *pictures: object) -> object:
        if len(pictures) == 1:
            return np.array([picture.mean((0, 1)) for picture in pictures[0]], np.float64)
        reference, others = pictures
        return [float(np.abs(reference.astype(float) - other).mean()) for other in others]


def test_networks_judge_what_metrics_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both get the same pictures as all other metrics; without files, neither figure exists."""
    rng = np.random.default_rng(3)
    for name in ("a", "b", "c", "d"):
        reference = np.kron(rng.integers(20, 230, (4, 4, 3)), np.ones((6, 6, 1))).astype(np.uint8)
        for folder, pixels in (("ref", reference), ("same", reference), ("off", reference + np.uint8(7))):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    settings = {"pred": (str(tmp_path / "same"), str(tmp_path / "off")), "ref": str(tmp_path / "ref")}
    assert not {"fid", "lpips"} & run(**settings).figures["same"].keys()
    monkeypatch.setattr(judges, "InceptionFeatures", MeanColors)
    monkeypatch.setattr(judges, "Lpips", MeanColors)
    evaluation = run(**settings, inception="x.h5", lpips="y.safetensors", report=str(tmp_path / "report.html"))
    assert evaluation.figures["same"]["fid"].value == pytest.approx(0, abs=1e-6)
    assert evaluation.figures["off"]["fid"].value == pytest.approx(3 * 7**2, rel=1e-3)
    assert evaluation.figures["same"]["lpips"].value == 0
    assert evaluation.figures["off"]["lpips"].value == pytest.approx(7)
    assert evaluation.as_event()["figures"]["off"]["fid"]["low"] is None
    assert "FID (Keras)" in (tmp_path / "report.html").read_text("utf-8")
