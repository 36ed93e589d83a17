"""How steady the color of films is, against the same weights frame by frame.

    python benchmarks/video_steadiness.py CLIP... [--seconds 8] [--track 0] [--sheets FOLDER]

Colors every clip with --temporal off, fast and best, losslessly, decodes the results and prints JSON:

- warp: mean distance in ab between a frame and the one before it carried along dense flow
  (DIS, medium preset, on luma, short side 192), where flow there and back agrees within a pixel
  and luma within 12 codes; frames after a cut are left out. CIELAB units.
- cdc: color distribution consistency as published (Liu et al. 2021, see `koalacli.metrics.clips`):
  Jensen-Shannon divergence of the histograms of B, G and R of whole frames 1, 2 and 4 apart.
- cdc_scenes: the same without pairs of frames that a cut lies between.
- cdc_color: cdc_scenes of a and b, 256 bins over -128..128, at short side 192: light does not reach it.
- drift: how far the color of what stands still wanders in the longest scene: the largest distance in ab between
  means of eight frames, averaged over the pixels whose luma, blurred over 5 pixels, stays within 6 codes of its median;
  drift_most is the 95th percentile over those pixels. CIELAB units; left out for scenes under 48 frames, or where less
  than 1 % of the picture stands still.
- chroma: mean of it. ab_error: mean distance to the clip's own color, where it has some. Both at short side 192.

Every ratio is to frame by frame. CDC counts changes of light too, which no coloring can or should
remove, so `floors` holds the same two figures of the gray film, of the film in one constant
color (with the mean chroma of frame by frame: the steadiest color that there is), and
of the clip's own color. `over_gray` is what coloring adds: cdc_scenes less that of the gray film.

With --sheets, a picture per clip: eight frames of it, frame by frame, fast and best.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from koalacli.color.gamut import merge_rgb8
from koalacli.color.lab import lightness_of, rgb_to_lab
from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.metrics.clips import CDC_STEPS, histograms, jensen_shannon
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob

SHORT_SIDE = 192
STILL_CODES, STILL_SHARE = 6, 0.01  # by which luma of what stands still differs; of the picture, at least
STILL_FRAMES, MEAN_FRAMES = 48, 8  # of a scene in which color can wander; of a mean of color
CUT_SURE = 0.3  # share of the picture where flow is reliable, below which two frames have a cut between them
WAYS = ("off", "fast", "best")
KEYS = ("warp", "cdc", "cdc_scenes", "cdc_color", "drift", "drift_most", "chroma", "ab_error")


def film_index(path: Path, track: int) -> int:
    """Index of the stream that koala colorizes; the output keeps it."""
    with av.open(str(path)) as container:
        videos = container.streams.video
        return int(videos[track - 1].index if track and len(videos) > 1 else container.streams.best("video").index)


def decode(path: Path, index: int, seconds: Fraction) -> Iterator[np.ndarray]:
    """Frames of a stream, rgb8 (H, W, 3)."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        start = (stream.start_time or 0) * stream.time_base
        for frame in container.decode(stream):
            if frame.pts * stream.time_base - start >= seconds:
                break
            yield frame.to_ndarray(format="rgb24")


class Clip:
    """What is kept of a clip: histograms of whole frames, and frames at short side 192."""

    def __init__(self, frames: Iterable[np.ndarray]):
        bins, small = [], []
        for rgb8 in frames:
            bins.append(histograms(rgb8))
            scale = SHORT_SIDE / min(rgb8.shape[:2])
            size = (round(rgb8.shape[1] * scale), round(rgb8.shape[0] * scale))
            small.append(cv2.resize(rgb8, size, interpolation=cv2.INTER_AREA))
        self.bins, self.small = np.stack(bins), np.stack(small)

    def luma(self) -> np.ndarray:
        """uint8 (N, h, w)."""
        return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in self.small])

    def ab(self) -> np.ndarray:
        """float32 (N, h, w, 2)."""
        return np.stack([rgb_to_lab(frame.astype(np.float32) / np.float32(255))[..., 1:] for frame in self.small])


def repaint(frames: Iterable[np.ndarray], ab: tuple[float, float]) -> Iterator[np.ndarray]:
    """The same lightness in one constant color."""
    for rgb8 in frames:
        lightness = lightness_of(rgb8)
        yield merge_rgb8(lightness, np.full((*rgb8.shape[:2], 2), ab, np.float32))


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


def cdc(bins: np.ndarray, cuts: list[int]) -> float:
    """CDC of histograms (N, channels, 256), without pairs that one of the cuts lies between."""
    means = []
    for step in CDC_STEPS:
        pairs = [at for at in range(len(bins) - step) if not any(at < cut <= at + step for cut in cuts)]
        means.append(np.mean([jensen_shannon(bins[at], bins[at + step]) for at in pairs]))
    return float(np.mean(means))


def color_bins(ab: np.ndarray) -> np.ndarray:
    """Histograms of a and b, (N, 2, 256)."""
    codes = np.clip(np.rint(ab) + 128, 0, 255).astype(np.int64)
    counts = [[np.bincount(plane.ravel(), minlength=256) for plane in np.moveaxis(one, -1, 0)] for one in codes]
    return np.array(counts) / codes[0, ..., 0].size


def drift_of(ab: np.ndarray, luma: np.ndarray, cuts: list[int]) -> dict[str, float]:
    """How far color wanders where the longest scene stands still; empty where there is too little of that."""
    begin, end = max(pairwise([0, *cuts, len(ab)]), key=lambda scene: scene[1] - scene[0])
    soft = np.stack([cv2.blur(frame, (5, 5)) for frame in luma[begin:end].astype(np.float32)])
    still = np.abs(soft - np.median(soft, axis=0)).max(0) < STILL_CODES
    if end - begin < STILL_FRAMES or still.mean() < STILL_SHARE:
        return {}
    starts = range(begin, end - MEAN_FRAMES + 1, MEAN_FRAMES)
    means = [ab[at : at + MEAN_FRAMES][:, still].mean(0) for at in starts]
    apart = np.max([np.linalg.norm(one - other, axis=-1) for one, other in combinations(means, 2)], axis=0)
    return {"drift": float(apart.mean()), "drift_most": float(np.percentile(apart, 95))}


def score(
    clip: Clip, flows: list[tuple[np.ndarray, np.ndarray]], cuts: list[int], truth: np.ndarray | None
) -> dict[str, float]:
    """All figures of one colored clip."""
    ab = clip.ab()
    errors = []
    for number, (place, sure) in enumerate(flows, 1):
        if number not in cuts:
            carried = cv2.remap(ab[number - 1], place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            errors.append(np.linalg.norm(ab[number] - carried, axis=-1)[sure].mean())
    figures = {
        "warp": float(np.mean(errors)),
        "cdc": cdc(clip.bins, []),
        "cdc_scenes": cdc(clip.bins, cuts),
        "cdc_color": cdc(color_bins(ab), cuts),
        "chroma": float(np.linalg.norm(ab, axis=-1).mean()),
    }
    figures.update(drift_of(ab, clip.luma(), cuts))
    if truth is not None:
        figures["ab_error"] = float(np.linalg.norm(ab - truth, axis=-1).mean())
    return figures


def measure(path: Path, colorizer: Colorizer, seconds: Fraction, track: int, sheets: Path | None) -> dict[str, object]:
    """Figures of one clip, for every way, their ratios to frame by frame, and floors."""
    index = film_index(path, track)
    source = Clip(decode(path, index, seconds))
    true_ab = source.ab()
    truth = true_ab if np.linalg.norm(true_ab, axis=-1).mean() > 2 else None
    colored = {}
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            output = Path(folder) / f"{way}.mkv"
            part = {"crf": 0, "encoder_preset": "ultrafast", "end": str(float(seconds)), "track": track}
            config = VideoConfig(temporal=way, colored="recolor", **part)
            list(colorize_film(FilmJob(str(path), str(output)), config, colorizer))
            colored[way] = Clip(decode(output, index, seconds))
    flows = reliable_flow(source.luma())
    cuts = [number for number, (_, sure) in enumerate(flows, 1) if sure.mean() < CUT_SURE]
    figures = {way: score(clip, flows, cuts, truth) for way, clip in colored.items()}
    mean_ab = colored["off"].ab().mean((0, 1, 2))
    constant = mean_ab * figures["off"]["chroma"] / np.linalg.norm(mean_ab)
    floors = {
        "gray": Clip(repaint(decode(path, index, seconds), (0.0, 0.0))).bins,
        "constant_color": Clip(repaint(decode(path, index, seconds), tuple(constant))).bins,
    }
    if truth is not None:
        floors["own_color"] = source.bins
    gray = cdc(floors["gray"], cuts)
    if sheets:
        write_sheet(sheets / f"{path.stem}.png", [clip.small for clip in colored.values()])
    return {
        "clip": path.name,
        "frames": len(source.small),
        "cuts": cuts,
        **{way: {key: round(value, 5) for key, value in ones.items()} for way, ones in figures.items()},
        "floors": {
            name: {"cdc": round(cdc(bins, []), 5), "cdc_scenes": round(cdc(bins, cuts), 5)}
            for name, bins in floors.items()
        },
        "ratio": {way: ratios(figures[way], figures["off"]) for way in WAYS[1:]},
        "floor_ratio": {
            name: ratios({"cdc": cdc(bins, []), "cdc_scenes": cdc(bins, cuts)}, figures["off"])
            for name, bins in floors.items()
        },
        "over_gray": {way: round(figures[way]["cdc_scenes"] - gray, 5) for way in WAYS},
    }


def ratios(figures: dict[str, float], base: dict[str, float]) -> dict[str, float]:
    """Of each figure to its base."""
    return {key: round(value / base[key], 3) for key, value in figures.items()}


def write_sheet(path: Path, rows: list[np.ndarray]) -> None:
    """Eight frames of each row, evenly spread."""
    picked = [np.hstack([row[place] for place in np.linspace(0, len(row) - 1, 8).astype(int)]) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(picked), cv2.COLOR_RGB2BGR))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seconds", type=Fraction, default=Fraction(8))
    parser.add_argument("--track", type=int, default=0, help="Video stream of clips that have several, from 1.")
    parser.add_argument("--sheets", type=Path)
    asked = parser.parse_args()
    colorizer = Colorizer()
    cv2.setNumThreads(1)  # as `koala video` does
    clips = [measure(clip, colorizer, asked.seconds, asked.track, asked.sheets) for clip in asked.clips]
    mean = {
        way: {
            key: round(float(np.mean([c["ratio"][way][key] for c in clips if key in c["ratio"][way]])), 3)
            for key in KEYS
            if any(key in c["ratio"][way] for c in clips)
        }
        for way in WAYS[1:]
    }
    environment = {"python": platform.python_version(), "opencv": cv2.__version__, "av": av.__version__}
    result = {"environment": environment, "weights": colorizer.weights.digest[:12], "clips": clips, "mean_ratio": mean}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
