"""`koala video --hints` and `--references`: what is known of a frame holds for its scene, and for no other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from koalacli.config import VideoConfig
from koalacli.io.picture.read import read_picture
from koalacli.pipelines.video import film as video_film
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob

Run = Callable[..., tuple[int, str]]
LOSSLESS = ("--crf", 0, "--encoder-preset", "ultrafast")
CUT = 12
GREEN = {"x": 0.5, "y": 0.5, "color": "-60,50", "scope": "picture"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, write_film: Callable[..., Path]) -> Path:
    """A film of two scenes, 12 and 12 frames, whose shape is not one that the network knows."""
    path = tmp_path_factory.mktemp("known") / "walk.mkv"
    return write_film(path, width=112, audio=0, cut_at=CUT, pts=list(range(0, 40 * 2 * CUT, 40)))


def write_hints(path: Path, *frames: dict[str, Any], name: str = "walk.mkv") -> Path:
    """A hints file about one film."""
    path.write_text(json.dumps({"koala-hints": 1, "pictures": {name: {"frames": list(frames)}}}))
    return path


def paint_stills(folder: Path) -> None:
    """Give every still one strong red, as a person's program would: 8 bits, in another format."""
    for path in folder.glob("*.png"):
        gray = np.asarray(read_picture(path).pixels // 257, np.float32)
        rgb = np.stack([gray * 0.6 + 100, gray * 0.6, gray * 0.6], -1)
        Image.fromarray(rgb.astype(np.uint8)).save(path.with_suffix(".jpg"), quality=95)
        path.unlink()


@pytest.fixture(scope="module")
def plain(source: Path, contents: Any, colorizer: Any) -> Any:
    """The film without hints."""
    output = source.with_name("plain.mkv")
    list(colorize_film(FilmJob(str(source), str(output)), VideoConfig(crf=0, encoder_preset="ultrafast"), colorizer))
    return contents(output)


def test_hints_of_a_frame_hold_for_its_scene_and_end_at_the_cut(
    source: Path, run: Run, contents: Any, plain: Any, tmp_path: Path
) -> None:
    """Before and after the frame the scene turns green; frames of the next scene are the very same as without."""
    hints = write_hints(tmp_path / "hints.json", {"at": "0:00:00.280", "points": [GREEN]})
    code, said = run(source, "--hints", hints, "-o", tmp_path / "out.mkv", *LOSSLESS)
    assert (code, "hints at 0:00:00.280 (1 point)" in said) == (0, True), said
    made = contents(tmp_path / "out.mkv")
    change = [float((one[1].astype(int) - other[1]).mean()) for one, other in zip(made.cbcr, plain.cbcr, strict=True)]
    assert max(change[:CUT]) < -10, "green is negative in V, in the first and the last frame of the scene"
    assert all(np.array_equal(one, other) for one, other in zip(made.cbcr[CUT:], plain.cbcr[CUT:], strict=True))
    assert all(np.array_equal(one, other) for one, other in zip(made.luma, plain.luma, strict=True))


@pytest.mark.parametrize("name", ["as exported", "as one likes"])
def test_a_reference_gives_its_color_to_its_scene_alone(
    name: str, source: Path, run: Run, contents: Any, plain: Any, tmp_path: Path
) -> None:
    """A still that comes back in color is found by number and time, else by its look, and what is not is said."""
    stills = tmp_path / "stills"
    run(source, "--export-scenes", stills)
    paint_stills(stills)
    first, second = sorted(path for path in stills.glob("*.jpg") if path.stem != "contact_sheet_1")
    if name == "as one likes":
        first = first.rename(stills / "lovely.jpg")
    noise = np.random.default_rng(1).integers(0, 256, (64, 112, 3), dtype=np.uint8)
    Image.fromarray(noise).save(second)
    Image.fromarray(noise[..., 0]).save(stills / "gray.png")
    (stills / "notes.txt").touch()
    code, said = run(source, "--references", stills, "-o", tmp_path / "out.mkv", *LOSSLESS)
    expected = f"references: {first.name}; not matched: {second.name}; still gray: gray.png; no pictures: notes.txt"
    assert (code, expected in " ".join(said.split())) == (0, True), said
    made = contents(tmp_path / "out.mkv")
    assert min(float(cbcr[1].mean()) for cbcr in made.cbcr[:CUT]) > 128 + 25
    assert all(np.array_equal(one, other) for one, other in zip(made.cbcr[CUT:], plain.cbcr[CUT:], strict=True))


def test_a_scene_may_be_like_another(source: Path, run: Run, contents: Any, plain: Any, tmp_path: Path) -> None:
    """A number in the table gives a scene the colors of another's still; exporting again keeps it."""
    stills, output = tmp_path / "stills", tmp_path / "out.mkv"
    run(source, "--export-scenes", stills)
    paint_stills(stills)
    (first, second) = sorted(path for path in stills.glob("*.jpg") if path.stem != "contact_sheet_1")
    second.unlink()
    table = stills / "scenes.csv"
    table.write_text(table.read_text().removesuffix("\n") + "1\n")
    run(source, "--export-scenes", stills)
    for path in stills.glob("*.png"):
        path.unlink()
    assert table.read_text().endswith(",1\n"), "exporting again keeps what was written there"
    code, said = run(source, "--references", stills, "-o", output, *LOSSLESS)
    assert (code, "scenes: 2 like 1" in " ".join(said.split())) == (0, True), said
    change = [
        float(one[1].mean() - other[1].mean()) for one, other in zip(contents(output).cbcr, plain.cbcr, strict=True)
    ]
    assert min(change[CUT:]) > 10, "red is positive in V"
    first.rename(stills / "0009_elsewhere.jpg")
    table.write_text(table.read_text().replace(",1\n", ",7\n"))
    assert "scene 2 is like 7, and there is no other scene" in run(source, "--references", stills, "-o", output)[1]


def test_hints_and_references_hold_for_a_sequence_that_becomes_a_film(run: Run, contents: Any, tmp_path: Path) -> None:
    """Numbered pictures are a film like others: known by pattern, with times at --fps, and stills of scenes."""
    frames = tmp_path / "frames"
    frames.mkdir()
    noise = np.random.default_rng(3).integers(0, 256, (8, 12), dtype=np.uint8)
    for number in range(8):
        Image.fromarray(noise).resize((96, 64), Image.Resampling.BICUBIC).save(frames / f"{number:04}.png")
    pattern, output = frames / "%04d.png", tmp_path / "out.mkv"
    hints = write_hints(tmp_path / "hints.json", {"at": 4, "points": [GREEN]}, name="%04d.png")
    assert run(pattern, "-o", tmp_path / "plain.mkv", *LOSSLESS)[0] == 0
    code, said = run(pattern, "-o", output, "--hints", hints, *LOSSLESS)
    assert (code, "(1 point)" in said) == (0, True), said
    pairs = list(zip(contents(output).cbcr, contents(tmp_path / "plain.mkv").cbcr, strict=True))
    assert max(float((one[1].astype(int) - other[1]).mean()) for one, other in pairs) < -10
    run(pattern, "--export-scenes", tmp_path / "stills")
    paint_stills(tmp_path / "stills")
    code, said = run(pattern, "-o", output, "--references", tmp_path / "stills", *LOSSLESS)
    assert (code, "references: 0001_" in said) == (0, True), said
    assert min(float(cbcr[1].mean()) for cbcr in contents(output).cbcr) > 128 + 25


def test_only_changed_hints_make_a_film_anew(source: Path, run: Run, tmp_path: Path) -> None:
    """The digest of what is known belongs to the settings of the film."""
    hints, output = tmp_path / "hints.json", tmp_path / "out.mkv"
    write_hints(hints, {"at": 3, "points": [GREEN]})
    asked = (source, "--hints", hints, "-o", output, *LOSSLESS)
    assert run(*asked)[0] == 0
    first = output.read_bytes()
    assert "output exists" in run(*asked)[1]
    write_hints(hints, {"at": 3, "points": [{**GREEN, "color": "teal"}]})
    assert run(*asked)[0] == 0
    assert output.read_bytes() != first


def test_an_interrupted_run_with_hints_goes_on_to_the_same_frames(
    source: Path, run: Run, colorizer: Any, contents: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known in the middle of a scene reaches the frames of a second run as it does those of one."""
    monkeypatch.setattr(video_film, "SEGMENT_SECONDS", 0.2)
    monkeypatch.setattr(video_film, "PROGRESS_SECONDS", 0)
    hints = write_hints(tmp_path / "hints.json", {"at": 8, "points": [GREEN]}, {"at": 20, "points": [GREEN]})
    whole, broken = tmp_path / "whole.mkv", tmp_path / "broken.mkv"
    run(source, "--hints", hints, "-o", whole, *LOSSLESS)

    def stop(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(video_film, "_put_together", stop)
        close, closed = video_film._close_segment, []
        patch.setattr(
            video_film,
            "_close_segment",
            lambda *given: stop() if len(closed) == 2 else (closed.append(1), close(*given)),
        )
        run(source, "--hints", hints, "-o", broken, *LOSSLESS)
    assert not broken.exists()
    assert run(source, "--hints", hints, "-o", broken, *LOSSLESS)[0] == 0
    pairs = zip(contents(whole).cbcr, contents(broken).cbcr, strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_decisions_about_scenes_are_merged_and_hold_for_whole_scenes(
    source: Path, run: Run, contents: Any, plain: Any, tmp_path: Path
) -> None:
    """A scene that was kept gray has no color, one that was turned down half; who was overruled is told."""
    early = {"at": "0:00:00.240", "verdict": "flag", "saturation": 2, "date": "2026-01-01T00:00:00Z"}
    late = [{**early, "verdict": "gray", "date": "2026-01-02T00:00:00Z"}, {"at": "0:00:00.720", "saturation": 0.5}]
    places = []
    for name, frames in (("Ada", late), ("Ben", [early])):
        places += ["--decisions", tmp_path / f"{name}.json"]
        held = {"koala-hints": 1, "reviewer": name, "pictures": {"walk.mkv": {"frames": frames}}}
        places[-1].write_text(json.dumps(held))
    code, said = run(source, *places, "-o", tmp_path / "out.mkv", *LOSSLESS)
    assert code == 0
    assert "walk.mkv at 0:00:00.240: flag and saturation 2 by Ben is overruled by gray" in " ".join(said.split())
    made = contents(tmp_path / "out.mkv").cbcr
    assert all((np.asarray(planes) == 128).all() for planes in made[:CUT])
    strength = [
        [float(np.abs(np.asarray(planes, int) - 128).mean()) for planes in film[CUT:]] for film in (made, plain.cbcr)
    ]
    assert np.divide(*strength) == pytest.approx(0.5, abs=0.1)


def test_a_scene_cannot_be_rejected(source: Path, run: Run, tmp_path: Path) -> None:
    """It is told by name, and nothing is made."""
    path = tmp_path / "decisions.json"
    frames = [{"at": "0:00:00.240", "verdict": "reject"}]
    path.write_text(json.dumps({"koala-hints": 1, "pictures": {"walk.mkv": {"frames": frames}}}))
    code, said = run(source, "--decisions", path, "-o", tmp_path / "out.mkv")
    assert code == 1
    assert "walk.mkv: frame entry 1: a scene cannot be left out of its film" in " ".join(said.split())
    assert not (tmp_path / "out.mkv").exists()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no time": ({"points": [GREEN]}, '"at" is a time'),
    "bad time": ({"at": "noon", "points": [GREEN]}, "'noon' is no time"),
    "beyond": ({"at": "1:00:00", "points": [GREEN]}, "the last is number 23, at 0:00:00.920"),
    "no frame": ({"at": 24, "points": [GREEN]}, "the last is number 23"),
    "nothing": ({"at": 0}, "nothing is known of the frame"),
    "outside": ({"at": 0, "points": [{**GREEN, "x": 2}]}, "outside of the picture"),
    "mask": ({"at": 0, "masks": [{"file": "mask.png", "color": "teal"}]}, "the mask has 5x4 pixels, the film 112x64"),
    "verdict": ({"at": 0, "points": [GREEN], "verdict": "gray"}, "unknown 'verdict'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_hints_are_one_line_and_nothing_is_made(case: str, source: Path, run: Run, tmp_path: Path) -> None:
    """Before a frame is colored."""
    frame, reason = WRONG[case]
    hints = write_hints(tmp_path / "hints.json", frame)
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "mask.png")
    code, said = run(source, "--hints", hints, "-o", tmp_path / "out.mkv")
    assert (code > 0, reason in " ".join(said.split())) == (True, True), said
    assert not (tmp_path / "out.mkv").exists()


def test_what_cannot_be_carried_is_refused(source: Path, run: Run, tmp_path: Path) -> None:
    """Another film's entry, a folder without pictures, frame by frame, and pictures instead of films."""
    hints = write_hints(tmp_path / "hints.json", {"at": 0, "points": [GREEN]}, name="other.mkv")
    assert "other.mkv: no such picture" in " ".join(run(source, "--hints", hints)[1].split())
    assert "no pictures in it" in run(source, "--references", tmp_path)[1]
    assert "--temporal off carries no color" in " ".join(run(source, "--hints", hints, "--temporal", "off")[1].split())
    assert "--hints is for films" in run(source, "--hints", hints, "-o", tmp_path / "%d.png")[1]
