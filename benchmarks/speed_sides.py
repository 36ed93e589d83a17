"""What `speed.py` measures, in processes of their own that have loaded a network.

    python benchmarks/speed_sides.py

A line of standard input names a side, a source and a folder for outputs, as a JSON list; the answer is a JSON list of
seconds on the clock, seconds of processor time of all threads, and the peak of memory meanwhile in MiB.
"""

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {"jpeg": ".jpg", "jpeg with color planes": ".jpg", "png": ".png", "tiff": ".tif"}
COUNTS = {0.15: 32, 2: 8, 12: 3}  # pictures of a round, by megapixels; others: 8
FRAMES = 100  # of the clip that is made
PRESET = "veryfast"  # of the encoder of films
SIDE = 2048  # of the square matrices
Measure = tuple[float, float]  # seconds on the clock, and of processor time


def make_pictures(folder: Path, kind: str, megapixels: float) -> int:
    """Photograph-like gray pictures of 4:3: enlarged examples with film grain, each with its own; returns how many."""
    folder.mkdir()
    examples = sorted((ROOT / "examples").glob("*.jpg"))
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5 / 2) * 2
    width, count = round(height * 4 / 3 / 2) * 2, COUNTS.get(megapixels, 8)
    for number in range(count):
        picture = cv2.imread(str(examples[number % len(examples)]), cv2.IMREAD_GRAYSCALE)
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        picture += np.random.default_rng(number).normal(0, 4, picture.shape).astype(np.float32)
        codes = np.clip(picture, 0, 255).astype(np.uint8)
        planes = cv2.merge([codes] * 3) if kind == "jpeg with color planes" else codes
        quality = [cv2.IMWRITE_JPEG_QUALITY, 90] if "jpeg" in kind else []
        cv2.imwrite(str(folder / f"{number:03}{SUFFIXES[kind]}"), planes, quality)
    return count


def make_clip(target: Path) -> None:
    """A gray film: slowly over the examples, with grain."""
    import av

    with av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        for number in range(FRAMES):
            path = sorted((ROOT / "examples").glob("*.jpg"))[number * 4 // FRAMES]
            picture = cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (1200, 675)).astype(np.float32)
            shift = number * 4 % FRAMES
            codes = picture[shift : shift + 540, shift : shift + 960]
            codes = codes + np.random.default_rng(number).normal(0, 4, codes.shape)
            frame = av.VideoFrame.from_ndarray(np.clip(codes, 0, 255).astype(np.uint8), "gray")
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))


class Sides:
    """What is measured, in a process that has loaded a network."""

    def __init__(self) -> None:
        from koalacli.colorizer import Colorizer
        from koalacli.process import quiet_libraries

        quiet_libraries()
        self.colorizer = Colorizer(device="cpu")
        self._batches: dict[str, list[Any]] = {}

    def koala(self, source: str, output: str) -> Measure:
        """The whole command."""
        from koalacli.config import ColorizeConfig
        from koalacli.pipelines.colorize import colorize

        begun: Measure = 0.0, 0.0
        with tempfile.TemporaryDirectory(dir=output) as target:
            for number, record in enumerate(colorize(source, target, ColorizeConfig(device="cpu"), self.colorizer)):
                if number and getattr(record, "outcome", "done") != "done":
                    raise SystemExit(f"not colorized: {record}")
                begun = begun if number else now()
            return since(begun)

    def network(self, source: str, output: str) -> Measure:
        """The network alone, in the batches that the command makes of these pictures."""
        from koalacli.io.picture.read import read_picture
        from koalacli.photograph.guides import guide_of

        if source not in self._batches:
            guides = [guide_of(read_picture(path).pixels, self.colorizer) for path in sorted(Path(source).iterdir())]
            size = self.colorizer.batch_size
            self._batches[source] = [np.stack(guides[at : at + size]) for at in range(0, len(guides), size)]
        begun = now()
        for batch in self._batches[source]:
            self.colorizer.predict(batch)
        return since(begun)

    def color(self, source: str, output: str) -> Measure:
        """Enlarging color along the lightness and joining both, on one core, for what files of this kind need."""
        from koalacli.color.cbcr_jpeg import cbcr_planes
        from koalacli.color.join import colorize_pixels
        from koalacli.photograph.guides import guide_of

        total: Measure = 0.0, 0.0
        for path in sorted(Path(source).iterdir()):
            grafted = path.suffix == ".jpg"  # chroma is made at half the size
            gray = cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_2 if grafted else cv2.IMREAD_GRAYSCALE)
            guide = guide_of(gray, self.colorizer)
            ab = np.zeros((guide.shape[0] // 4, guide.shape[1] // 4, 2), np.float32) + np.float32(10)
            begun = now()
            cbcr_planes(gray, guide, ab) if grafted else colorize_pixels(gray, guide, ab)
            took = since(begun)
            total = total[0] + took[0], total[1] + took[1]
        return total

    def codec(self, source: str, output: str) -> Measure:
        """OpenCV, a thread per core."""

        def one(path: Path) -> None:
            cv2.imwrite(str(Path(output) / path.name), cv2.imread(str(path), cv2.IMREAD_COLOR))

        begun = now()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(one, sorted(Path(source).iterdir())))
        return since(begun)

    def matrices(self, source: str, output: str) -> Measure:
        """A product of square matrices on all cores."""
        import tensorflow as tf

        one = tf.random.uniform((SIDE, SIDE))
        tf.linalg.matmul(one, one).numpy()
        begun = now()
        tf.linalg.matmul(one, one).numpy()
        return since(begun)

    def film(self, source: str, output: str) -> Measure:
        """`koala video`; seconds per frame."""
        from video_speed import colorize

        with tempfile.TemporaryDirectory(dir=output) as folder:
            rate, processor = colorize(Path(source), Path(folder), PRESET, self.colorizer, "fast")
        return 1 / rate, processor

    def transcode(self, source: str, output: str) -> Measure:
        """The same reader and the same encoder, nothing between; seconds per frame."""
        from video_speed import transcode

        with tempfile.TemporaryDirectory(dir=output) as folder:
            rate, processor = transcode(Path(source), Path(folder), PRESET)
        return 1 / rate, processor


def now() -> Measure:
    """Clock and processor time, seconds."""
    return time.perf_counter(), time.process_time()


def since(begun: Measure) -> Measure:
    """What went by."""
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def main() -> None:
    """Measure what is asked for on standard input, a JSON list a line; answers have the peak of memory in MiB."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sides = Sides()
    answers.write("ready\n")
    for line in sys.stdin:
        side, source, output = json.loads(line)
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        measured = getattr(sides, side)(source, output)
        peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
        answers.write(json.dumps([*measured, int(peak) / 1024]) + "\n")


if __name__ == "__main__":
    main()
