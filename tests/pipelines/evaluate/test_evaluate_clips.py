"""`koala eval` on clips."""

from pathlib import Path

import av
import numpy as np
import pytest

from koalacli.config import EvalConfig
from koalacli.io.film.frames import read_frames
from koalacli.metrics.results import Evaluation
from koalacli.pipelines.evaluate.pipeline import evaluate


def write_clip(path: Path, tints: list[tuple[int, int, int]]) -> Path:
    """A lossless clip of a still texture with one tint per frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texture = np.kron(np.random.default_rng(1).integers(60, 190, (6, 8)), np.ones((8, 8)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for tint in tints:
            rgb8 = np.clip(texture[..., None] + np.array(tint), 0, 255).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(rgb8, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def run(**settings: object) -> Evaluation:
    """The evaluation alone."""
    records = evaluate(EvalConfig(**settings))  # type: ignore[arg-type]
    return next(record for record in records if isinstance(record, Evaluation))


STEADY, FLICKER = [(40, 0, -20)] * 6, [(40, 0, -20), (0, 40, -20)] * 3


def test_flicker_is_told_from_steady_color(tmp_path: Path) -> None:
    """Finished clips are paired by name and judged frame by frame and over time."""
    write_clip(tmp_path / "ref" / "a.mkv", STEADY)
    write_clip(tmp_path / "steady" / "a.mkv", STEADY)
    write_clip(tmp_path / "flicker" / "a.mkv", FLICKER)
    pred = (str(tmp_path / "steady"), str(tmp_path / "flicker"))
    evaluation = run(pred=pred, ref=str(tmp_path / "ref"), report=str(tmp_path / "report.html"))
    steady, flicker = evaluation.figures["steady"], evaluation.figures["flicker"]
    assert steady["cdc"].value == steady["warp_error"].value == 0
    assert steady["psnr"].value == 100
    assert flicker["cdc"].value > 0.05
    assert flicker["warp_error"].value > 10
    assert "CDC" in (tmp_path / "report.html").read_text("utf-8")


def test_weights_color_clips_frame_by_frame(tmp_path: Path) -> None:
    """No more frames than asked for are judged, beside the floors."""
    clip = write_clip(tmp_path / "a.mkv", STEADY)
    evaluation = run(data=str(clip), clip_frames=5, size=64, device="cpu")
    assert evaluation.pictures == ("a.mkv",)
    assert evaluation.figures["floor: gray"]["warp_error"].value < 0.1
    assert np.isfinite(evaluation.figures["koala"]["cdc"].value)
    assert len(list(read_frames(clip, 5))) == 5


def test_clips_that_do_not_match_are_left_out(tmp_path: Path) -> None:
    """Too few frames, and a gray reference."""
    for name, reference, prediction in (
        ("a", STEADY, STEADY[:4]),
        ("b", [(0, 0, 0)] * 6, STEADY),
        ("c", STEADY, FLICKER),
    ):
        write_clip(tmp_path / "ref" / f"{name}.mkv", reference)
        write_clip(tmp_path / "pred" / f"{name}.mkv", prediction)
    (tmp_path / "ref" / "d.mkv").write_bytes(b"no film")
    write_clip(tmp_path / "pred" / "d.mkv", STEADY)
    evaluation = run(pred=(str(tmp_path / "pred"),), ref=str(tmp_path / "ref"))
    assert evaluation.pictures == ("c.mkv",)
    assert "number of frames" in evaluation.excluded["a.mkv"]
    assert "reference is gray" in evaluation.excluded["b.mkv"]
    assert "cannot be read as a film" in evaluation.excluded["d.mkv"]


@pytest.mark.parametrize(("height", "tolerance"), [(48, 3), (720, 3)])
def test_frames_keep_their_color_in_either_matrix(tmp_path: Path, height: int, tolerance: int) -> None:
    """Untagged small films are BT.601 and large ones BT.709; a saturated color comes back as it went in."""
    color = np.full((height, 64, 3), (180, 60, 40), np.uint8)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv444p"
        frame = av.VideoFrame.from_ndarray(color, format="rgb24")
        matrix = "ITU709" if height >= 720 else "ITU601"
        for packet in (*stream.encode(frame.reformat(format="yuv444p", dst_colorspace=matrix)), *stream.encode()):
            container.mux(packet)
    (shown,) = read_frames(path)
    assert np.abs(shown.astype(int) - color).max() <= tolerance
