"""How fast films are colored, against plain decoding and encoding with the same settings.

    python benchmarks/video_speed.py CLIP [--seconds 20] [--repeat 3] [--presets veryfast medium] [--height 1080]
    python benchmarks/video_speed.py CLIP --repeat 0 --memory 10 60 [--height 360]

The clip is enlarged to 1920x1080 and repeated to the wanted length. Then plain transcoding
(same reader, same encoder, nothing between) and coloring alternate in one process, without
start-up. Prints JSON: frames per second, their ratio for each round, the median of the ratios,
and the peak of resident memory of fresh processes that color a short and a long piece. On a machine that does other
work besides, `processor_ratio`, of processor time per frame, is the steadier figure.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2

from koalacli.config import VideoConfig
from koalacli.io.film.encode import SegmentWriter
from koalacli.io.film.source import FilmSource
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.plan import FilmJob, plan_film

RATE = 25


def enlarge(clip: Path, target: Path, seconds: int, size: tuple[int, int]) -> None:
    """Write the clip at the size, to and fro until the length is reached."""
    with av.open(str(clip)) as source:
        frames = [
            frame.reformat(*size, format="yuv420p")
            for _, frame in zip(range(100), source.decode(video=0), strict=False)
        ]
    order = frames + frames[-2:0:-1]
    with av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height = size
        for number in range(seconds * RATE):
            frame = order[number % len(order)]
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, RATE), 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def transcode(film: Path, folder: Path, preset: str) -> tuple[float, float]:
    """Frames per second of reading and encoding alone, and processor seconds per frame."""
    plan = plan_film(FilmJob(str(film), str(folder / "plain.mp4")), VideoConfig(encoder_preset=preset))
    begun, used = time.perf_counter(), time.process_time()
    with FilmSource(film) as source:
        packets = folder / "plain.packets"
        packets.unlink(missing_ok=True)
        writer = SegmentWriter(packets, plan.encoder)
        for frame in source.frames():
            frame.pict_type = 0
            writer.write(frame)
        writer.finish()
    return writer.frames / (time.perf_counter() - begun), (time.process_time() - used) / writer.frames


def colorize(film: Path, folder: Path, preset: str, colorizer: object, temporal: str) -> tuple[float, float]:
    """The same of the whole command, final file included."""
    target = folder / "color.mp4"
    target.unlink(missing_ok=True)
    begun, used = time.perf_counter(), time.process_time()
    config = VideoConfig(encoder_preset=preset, temporal=temporal, colored="recolor")
    *progress, _ = colorize_film(FilmJob(str(film), str(target)), config, colorizer)
    done = progress[-1].done
    return done / (time.perf_counter() - begun), (time.process_time() - used) / done


def peak_memory(film: Path, folder: Path, seconds: int, answer: object) -> None:
    """Color a piece in this fresh process and send its peak memory, MiB."""
    from koalacli.colorizer import Colorizer

    cv2.setNumThreads(1)
    config = VideoConfig(encoder_preset="veryfast", end=str(seconds), colored="recolor")
    list(colorize_film(FilmJob(str(film), str(folder / f"piece-{seconds}.mp4")), config, Colorizer()))
    answer.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure_memory(film: Path, folder: Path, pieces: list[int]) -> dict[str, float]:
    """Peak memory by length of the piece, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    found = {}
    for seconds in pieces:
        answer = context.Queue()
        process = context.Process(target=peak_memory, args=(film, folder, seconds, answer))
        process.start()
        found[f"{seconds} s"] = round(answer.get(), 1)
        process.join()
    return found


def environment() -> dict[str, object]:
    """What the figures depend on besides koala."""
    versions = {"python": platform.python_version(), "av": av.__version__, "opencv": cv2.__version__}
    return {**versions, "machine": platform.machine(), "cores": os.cpu_count()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--presets", nargs="+", default=["veryfast", "medium"])
    parser.add_argument("--temporal", default="fast")
    parser.add_argument("--memory", nargs="*", type=int, default=[], help="Lengths, in seconds, to measure memory at.")
    parser.add_argument("--height", type=int, default=1080, help="Of the 16:9 picture.")
    asked = parser.parse_args()
    size = (round(asked.height * 16 / 9), asked.height)
    from koalacli.colorizer import Colorizer

    result: dict[str, object] = {"environment": environment(), "size": size, "seconds": asked.seconds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / "film.mp4"
        enlarge(asked.clip, film, max([asked.seconds * bool(asked.repeat), *asked.memory]), size)
        if asked.memory:
            result["peak_mib"] = measure_memory(film, folder, asked.memory)
        colorizer = Colorizer() if asked.repeat else None
        cv2.setNumThreads(1)
        for preset in asked.presets if asked.repeat else []:
            rounds = [
                (transcode(film, folder, preset), colorize(film, folder, preset, colorizer, asked.temporal))
                for _ in range(asked.repeat)
            ]
            result[preset] = {
                "plain": [round(plain[0], 2) for plain, _ in rounds],
                "color": [round(color[0], 2) for _, color in rounds],
                "ratio": round(statistics.median(color[0] / plain[0] for plain, color in rounds), 3),
                "processor_ratio": round(statistics.median(plain[1] / color[1] for plain, color in rounds), 3),
            }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
