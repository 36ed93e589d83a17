"""How steady the color of films is, against the same weights frame by frame.

    python benchmarks/video_steadiness.py CLIP... [--seconds 8] [--sheets FOLDER]

Colors every clip with --temporal off, fast and best, decodes the results and prints JSON:

- warp: mean distance in ab between a frame and the one before it carried along dense flow
  (DIS, medium preset, on luma), where flow there and back agrees within a pixel and luma
  within 12 codes. CIELAB units.
- cdc: Jensen-Shannon divergence of the histograms of B, G and R, 256 bins, between frames 1, 2
  and 4 apart, mean. It counts changes of light too: `cdc_gray` is what the film has without
  any color, and no colorizing can fall much below it.
- cdc_color: the same of a and b, 256 bins over -128..128, which light does not reach.
- chroma: mean of it. ab_error: mean distance to the clip's own color, where it has some.

With --sheets, a picture per clip: eight frames, frame by frame above, steady below.
"""

import argparse
import json
import tempfile
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from koalacli.color.lab import rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.pipelines.video_film import FilmJob, color_film

SHORT_SIDE = 192
WAYS = ("off", "fast", "best")
APART = (1, 2, 4)


def film_index(path: Path) -> int:
    """Index of the stream that koala colorizes; the output keeps it."""
    with av.open(str(path)) as container:
        return int(container.streams.best("video").index)


def decode(path: Path, index: int, seconds: float) -> np.ndarray:
    """Frames of a stream as rgb8 (N, h, w, 3), small."""
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams[index]
        start = (stream.start_time or 0) * stream.time_base
        for frame in container.decode(stream):
            if frame.pts * stream.time_base - start >= seconds:
                break
            scale = SHORT_SIDE / min(frame.width, frame.height)
            size = (round(frame.width * scale), round(frame.height * scale))
            rgb = frame.to_ndarray(format="rgb24", src_colorspace=None)
            frames.append(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    return np.stack(frames)


def reliable_flow(luma: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every frame after the first: where its pixels were, and where that is sure."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    row, column = np.indices(luma.shape[1:], dtype=np.float32)
    grid = np.stack([column, row], -1)
    found = []
    for before, now in pairwise(luma):
        back, forth = flow.calc(now, before, None), flow.calc(before, now, None)
        place = grid + back
        trip = back + cv2.remap(forth, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        carried = cv2.remap(before, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        found.append((place, (np.linalg.norm(trip, axis=-1) < 1) & (cv2.absdiff(carried, now) < 12)))
    return found


def divergence(codes: np.ndarray) -> float:
    """Mean Jensen-Shannon divergence of histograms over time; codes uint8 (N, h, w, C)."""
    size = codes[0, ..., 0].size
    bins = np.array([[np.bincount(plane.ravel(), minlength=256) for plane in np.moveaxis(one, -1, 0)] for one in codes])
    bins = bins / size
    total = []
    for apart in APART:
        one, other = bins[apart:], bins[:-apart]
        middle = (one + other) / 2
        parts = [
            np.where(p > 0, p * np.log(np.maximum(p, 1e-12) / np.maximum(middle, 1e-12)), 0).sum(-1)
            for p in (one, other)
        ]
        total.append(np.mean(parts))
    return float(np.mean(total))


def score(rgb: np.ndarray, flows: list[tuple[np.ndarray, np.ndarray]], truth: np.ndarray | None) -> dict[str, float]:
    """All figures of one colored clip."""
    ab = np.stack([rgb_to_lab(frame.astype(np.float32) / 255)[..., 1:] for frame in rgb])
    errors = []
    for number, (place, sure) in enumerate(flows, 1):
        if sure.mean() < 0.3:  # a cut, or nothing to go by
            continue
        carried = cv2.remap(ab[number - 1], place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        errors.append(np.linalg.norm(ab[number] - carried, axis=-1)[sure].mean())
    figures = {
        "warp": float(np.mean(errors)),
        "cdc": divergence(rgb),
        "cdc_color": divergence(np.clip(np.rint(ab) + 128, 0, 255).astype(np.uint8)),
        "chroma": float(np.linalg.norm(ab, axis=-1).mean()),
    }
    if truth is not None:
        figures["ab_error"] = float(np.linalg.norm(ab - truth, axis=-1).mean())
    return figures


def measure(clip: Path, colorizer: Colorizer, seconds: float, sheets: Path | None) -> dict[str, object]:
    """Figures of one clip, for every way, and their ratios to frame by frame."""
    index = film_index(clip)
    source = decode(clip, index, seconds)
    luma = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in source])
    flows = reliable_flow(luma)
    true_ab = np.stack([rgb_to_lab(frame.astype(np.float32) / 255)[..., 1:] for frame in source])
    truth = true_ab if np.linalg.norm(true_ab, axis=-1).mean() > 2 else None
    colored = {}
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            output = Path(folder) / f"{way}.mkv"
            config = VideoConfig(temporal=way, crf=4, preset="ultrafast", end=str(seconds))
            list(color_film(FilmJob(str(clip), str(output)), config, colorizer))
            colored[way] = decode(output, index, seconds)
    figures = {way: score(rgb, flows, truth) for way, rgb in colored.items()}
    if sheets:
        write_sheet(sheets / f"{clip.stem}.png", [colored["off"], colored["fast"]])
    ratios = {
        way: {key: round(value / figures["off"][key], 3) for key, value in figures[way].items()} for way in WAYS[1:]
    }
    gray = np.repeat(luma[..., None], 3, axis=-1)
    rounded = {way: {key: round(value, 4) for key, value in ones.items()} for way, ones in figures.items()}
    return {
        "clip": clip.name,
        "frames": len(source),
        "cdc_gray": round(divergence(gray), 4),
        **rounded,
        "ratio": ratios,
    }


def write_sheet(path: Path, rows: list[np.ndarray]) -> None:
    """Eight frames of each row, evenly spread."""
    picked = [np.hstack([row[place] for place in np.linspace(0, len(row) - 1, 8).astype(int)]) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(picked), cv2.COLOR_RGB2BGR))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--sheets", type=Path)
    asked = parser.parse_args()
    colorizer = Colorizer()
    clips = [measure(clip, colorizer, asked.seconds, asked.sheets) for clip in asked.clips]
    keys = ("warp", "cdc", "cdc_color", "chroma", "ab_error")
    mean = {
        way: {
            key: round(float(np.mean([c["ratio"][way][key] for c in clips if key in c["ratio"][way]])), 3)
            for key in keys
        }
        for way in WAYS[1:]
    }
    print(json.dumps({"weights": colorizer.weights.digest[:12], "clips": clips, "mean_ratio": mean}, indent=1))


if __name__ == "__main__":
    main()
