"""What hints and references on one frame per scene are worth to films.

    python benchmarks/control_films.py CLIP... [--seconds 8] [--points 20] [--seed 0] [--sheets FOLDER]

Clips in color; koala looks at their luma alone. Each is colored losslessly four times; the results are decoded and
compared with the clip's own color at short side 192. Prints JSON:

- plain: without.
- hints: the true color at so many random points of the middle frame of every scene, scope `picture`.
- clicks: as many points, each where that frame is most wrong after those before it, as a person would choose them.
- references: the middle frame of every scene in its true color, by way of --export-scenes.

ab_error is the mean distance in ab over all frames, warp the error along flow of `video_steadiness.py`, `own` that of
the clip's own color; ratios are to plain. `leak` is the largest difference in codes of U and V from plain in frames of
the other scenes, where the points of the first scene alone are given; null where a clip has one scene.
"""

import argparse
import csv
import json
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from video_steadiness import CUT_SURE, SHORT_SIDE, Clip, decode, film_index, reliable_flow, score, write_sheet

from koalacli.color.lab import lightness_of
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.control.films import FrameHints
from koalacli.control.hints import Hint, Hints
from koalacli.control.solver import apply_hints
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob
from koalacli.pipelines.video.scenes import TABLE, export_scenes

APART = 0.08  # short sides around a click in which there is no second one


def hint_at(truth: np.ndarray, row: int, column: int) -> Hint:
    """The true color of ab (h, w, 2) at a pixel."""
    a, b = truth[row, column]
    height, width = truth.shape[:2]
    return Hint((column + 0.5) / width, (row + 0.5) / height, f"{a:.3f},{b:.3f}", scope="picture")


def random_points(truth: np.ndarray, count: int, rng: np.random.Generator) -> Hints:
    """The true color at random pixels."""
    rows, columns = rng.integers(0, truth.shape[0], count), rng.integers(0, truth.shape[1], count)
    return Hints(tuple(hint_at(truth, *place) for place in zip(rows, columns, strict=True)))


def clicks(rgb8: np.ndarray, truth: np.ndarray, count: int, colorizer: Colorizer) -> Hints:
    """The true color where a picture is most wrong, over a few pixels; then where it still is, and so on."""
    guide = colorizer.shrink(lightness_of(rgb8))
    said = colorizer.predict([guide], features=True)
    rows, columns = np.indices(truth.shape[:2])
    taken = np.zeros(truth.shape[:2], bool)
    ab, points = said.ab[0], list[Hint]()
    for _ in range(count):
        wrong = cv2.blur(np.linalg.norm(cv2.resize(ab, truth.shape[1::-1]) - truth, axis=-1), (9, 9))
        wrong[taken] = 0
        row, column = np.unravel_index(wrong.argmax(), wrong.shape)
        taken |= np.hypot(rows - row, columns - column) < APART * min(wrong.shape)
        points.append(hint_at(truth, row, column))
        ab = apply_hints(said.ab[0], said.features[0], guide, Hints(tuple(points)))
    return Hints(tuple(points))


def cbcr_of(path: Path, index: int) -> list[np.ndarray]:
    """U and V of every frame of a stream."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="yuv420p") for frame in container.decode(container.streams[index])]
    return [frame[frame.shape[0] * 2 // 3 :].astype(int) for frame in frames]


class Bench:
    """One clip in a folder of its own."""

    def __init__(self, path: Path, folder: Path, colorizer: Colorizer, seconds: Fraction):
        self.path, self.folder, self.colorizer, self.seconds = path, folder, colorizer, seconds
        self.index = film_index(path, 0)
        self.settings = {"crf": 0, "encoder_preset": "ultrafast", "end": str(float(seconds)), "colored": "recolor"}

    def color(self, name: str, frames: tuple[FrameHints, ...] = (), references: str = "") -> Clip:
        """Color the clip into the folder."""
        config = VideoConfig(**self.settings, references=references)
        output = self.folder / f"{name}.mkv"
        *_, record = colorize_film(FilmJob(str(self.path), str(output), frames), config, self.colorizer)
        assert output.is_file(), record.reason
        return Clip(decode(output, self.index, self.seconds))

    def measure(self, count: int, seed: int, sheets: Path | None) -> dict[str, object]:
        """All figures of the clip."""
        stills = self.folder / "stills"
        list(export_scenes(str(self.path), VideoConfig(**self.settings, export_scenes=str(stills)), self.colorizer))
        with (stills / TABLE).open(newline="") as table:
            scenes = [(row["still"], int(row["frames"])) for row in csv.DictReader(table)]
        middles = [sum(frames for _, frames in scenes[:at]) + own // 2 for at, (_, own) in enumerate(scenes)]
        source = Clip(decode(self.path, self.index, self.seconds))
        truth, rng = source.ab(), np.random.default_rng(seed)
        results = {"plain": self.color("plain")}
        randoms = [random_points(truth[at], count, rng) for at in middles]
        chosen = [clicks(source.small[at], truth[at], count, self.colorizer) for at in middles]
        for name, hints in (("hints", randoms), ("clicks", chosen)):
            frames = tuple(FrameHints(still, known) for (still, _), known in zip(scenes, hints, strict=True))
            results[name] = self.color(name, frames)
        results["references"] = self.color("references", references=str(stills))
        flows = reliable_flow(source.luma())
        cuts = [number for number, (_, sure) in enumerate(flows, 1) if sure.mean() < CUT_SURE]
        figures = {name: score(clip, flows, cuts, truth) for name, clip in results.items()}
        if sheets:
            write_sheet(sheets / f"{self.path.stem}.png", [source.small, *(clip.small for clip in results.values())])
        first = (FrameHints(scenes[0][0], randoms[0]),)
        return {
            "clip": self.path.name,
            "frames": len(source.small),
            "scenes": len(scenes),
            **{name: {key: round(ones[key], 4) for key in ("ab_error", "warp")} for name, ones in figures.items()},
            "own": {"warp": round(score(source, flows, cuts, truth)["warp"], 4)},
            "ratio": {
                name: {key: round(figures[name][key] / figures["plain"][key], 3) for key in ("ab_error", "warp")}
                for name in ("hints", "clicks", "references")
            },
            "leak": self.leak(first, scenes[0][1]) if len(scenes) > 1 else None,
        }

    def leak(self, first: tuple[FrameHints, ...], frames: int) -> int:
        """What hints in the first scene change in the others."""
        self.color("first", first)
        first_only, plain = (cbcr_of(self.folder / f"{name}.mkv", self.index) for name in ("first", "plain"))
        pairs = zip(first_only, plain, strict=True)
        return max(int(np.abs(one - other).max()) for one, other in list(pairs)[frames:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seconds", type=Fraction, default=Fraction(8))
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheets", type=Path)
    asked = parser.parse_args()
    colorizer = Colorizer()
    cv2.setNumThreads(1)  # as `koala video` does
    clips = []
    for path in asked.clips:
        with tempfile.TemporaryDirectory() as folder:
            clips.append(
                Bench(path, Path(folder), colorizer, asked.seconds).measure(asked.points, asked.seed, asked.sheets)
            )
    mean = {
        name: {
            key: round(float(np.mean([clip["ratio"][name][key] for clip in clips])), 3) for key in ("ab_error", "warp")
        }
        for name in ("hints", "clicks", "references")
    }
    result = {"weights": colorizer.weights.digest[:12], "short_side": SHORT_SIDE, "clips": clips, "mean_ratio": mean}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
