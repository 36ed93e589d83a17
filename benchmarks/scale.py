"""What a Ray cluster does, and what it costs: figures of docs/scale.md, as those of scale_simulated.py.

python benchmarks/scale.py nodes PICTURES [--count 400]     two nodes, one killed in the middle, against one process
python benchmarks/scale.py film PICTURES [--count 300]      the same for the frames of a film
python benchmarks/scale.py overhead PICTURES [--count 400]  a picture here, and with --ray on one worker; [--every 2]
python benchmarks/scale.py dispatch [--count 20000]         handing out names: koala's actors, and Ray Data
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOM = 80 << 20  # bytes for the objects of each Ray node


def copies(source: Path, folder: Path, count: int, size: tuple[int, int] | None = None) -> Path:
    """A folder of that many gray pictures, from those that there are, of a size, or small and of several."""
    from PIL import Image

    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    folder.mkdir(parents=True)
    for number in range(count):
        with Image.open(files[number % len(files)]) as image:
            gray = image.convert("L")
            if size:
                gray = gray.resize(size)
            else:
                gray.thumbnail((320, 320))
            brighter = [min(255, value + number // len(files)) for value in range(256)]
            gray.point(brighter).save(folder / f"{number:05d}.jpg")
    return folder


def colorize_all(
    source: Path, output: Path, at_record: Callable[[int], None] = lambda _: None, **settings: Any
) -> float:
    """Seconds from the first sign of work to the end; every picture must be done."""
    from koalacli.config import ColorizeConfig
    from koalacli.pipelines.colorize import colorize
    from koalacli.records import Outcome, Record, Started

    started, done = time.perf_counter(), 0
    for news in colorize(str(source), str(output), ColorizeConfig(device="cpu", **settings)):
        if isinstance(news, Started):
            started = time.perf_counter()
        elif isinstance(news, Record):
            assert news.outcome == Outcome.DONE, news
            done += 1
            at_record(done)
    return time.perf_counter() - started


def contents(folder: Path) -> dict[str, bytes]:
    """Outputs by name."""
    return {path.name: path.read_bytes() for path in folder.glob("*.jpg")}


@contextmanager
def two_nodes() -> Iterator[tuple[str, Callable[[], None]]]:
    """Address of a cluster of two nodes, and what kills the second."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": ROOM})
    node = cluster.add_node(num_cpus=1, object_store_memory=ROOM)
    yield cluster.address, lambda: cluster.remove_node(node, allow_graceful=False)
    cluster.shutdown()


def notes(folder: Path) -> Counter[str]:
    """How often the journal names each output."""
    lines = map(json.loads, (folder / ".koala-journal.jsonl").read_text().splitlines())
    return Counter(line["path"] for line in lines if "path" in line)


def nodes(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Two nodes, one of which dies in the middle."""
    pictures = copies(arguments.pictures, folder / "in", arguments.count)
    local = colorize_all(pictures, folder / "local")
    with two_nodes() as (address, kill):
        seconds = colorize_all(
            pictures, folder / "ray", lambda done: kill() if done == arguments.count // 2 else None, ray=address
        )
    made = contents(folder / "ray")
    return {
        "pictures": arguments.count,
        "outputs": len(made),
        "identical": made == contents(folder / "local"),
        "once in the journal": notes(folder / "ray") == Counter(made.keys()),
        "seconds local": local,
        "seconds ray": seconds,
    }


def film(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """A film of five frames a second that moves over pictures; one of two nodes dies in the middle.

    FFV1 is written, as x264 itself makes other bytes of the same frames now and then, in one process, too.
    """
    import av
    import numpy as np
    from PIL import Image

    from koalacli.config import VideoConfig
    from koalacli.pipelines.video.pipeline import colorize_video
    from koalacli.records import Outcome, Progress, Record

    source = folder / "film.mp4"
    files = sorted(arguments.pictures.glob("*.jpg"))
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"crf": "20"}, width=320, height=240)
        for number in range(arguments.count):
            with Image.open(files[number // 60 % len(files)]) as image:
                left = number % 60
                frame = np.asarray(image.convert("L").convert("RGB").resize((400, 240)))[:, left : left + 320]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(stream.encode(None))

    def run(name: str, at_progress: Callable[[int], None] = lambda _: None, **settings: Any) -> tuple[bytes, float]:
        started, reports = time.perf_counter(), 0
        config = VideoConfig(device="cpu", codec="ffv1", output=str(folder / name / "film.mkv"), **settings)
        (folder / name).mkdir()
        for news in colorize_video(str(source), config):
            reports += isinstance(news, Progress)
            if isinstance(news, Progress):
                at_progress(reports)
            elif isinstance(news, Record):
                assert news.outcome == Outcome.DONE, news
        return (folder / name / "film.mkv").read_bytes(), time.perf_counter() - started

    local, seconds = run("local")
    with two_nodes() as (address, kill):
        spread, longer = run("ray", lambda reports: kill() if reports == 2 else None, ray=address)
    return {
        "frames": arguments.count,
        "identical": spread == local,
        "once in the journal": notes(folder / "ray") == Counter(["film.mkv"]),
        "seconds local": seconds,
        "seconds ray": longer,
    }


def processor_seconds() -> tuple[float, float]:
    """Of this process and its workers, and of Ray's own processes; from Linux' /proc."""
    parents, spent, names = {}, {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            fields, process = place.read_text().rpartition(")")[2].split(), int(place.parent.name)
            parents[process], spent[process] = int(fields[1]), int(fields[11]) + int(fields[12])
            names[process] = place.with_name("cmdline").read_bytes()
    below = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in below} - below:
        below |= more
    ours = {process for process in below if process == os.getpid() or names[process].startswith(b"ray::Actor")}
    tick = os.sysconf("SC_CLK_TCK")
    return sum(spent[process] for process in ours) / tick, sum(spent[process] for process in below - ours) / tick


def overhead(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One worker with all cores against one process with all cores, in turn, twice, with pictures of 1000 × 800.

    Seconds of the processors are compared, which other work on the machine changes little. Ray's own processes are told
    apart: what they take goes by the clock, not by pictures.
    """
    # Ray's workers give way to all other processes (nice 15); both sides shall have what the machine can spare.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - so it is spelt
    from koalacli.engines import ray

    ray.EVERY = arguments.every or ray.EVERY
    pictures = copies(arguments.pictures, folder / "in", arguments.count, size=(1000, 800))
    cores = os.cpu_count() or 1
    rounds: dict[str, list[dict[str, float]]] = {"local": [], "ray": []}
    # At first kernels are made for each new shape, at last chunks are small: both count for little in long runs.
    first, last = arguments.count // 4, 3 * arguments.count // 4

    def measure(name: str, output: Path, **settings: Any) -> None:
        marks: dict[int, tuple[float, ...]] = {}

        def at_record(done: int) -> None:
            if done in (first, last):
                marks[done] = (*processor_seconds(), time.perf_counter())

        colorize_all(pictures, output, at_record, **settings)
        ours, rays, clock = (end - start for start, end in zip(marks[first], marks[last], strict=True))
        count = last - first
        told = {"processor": ours / count, "clock": clock / count, "Ray's own, cores": rays / clock}
        rounds[name].append(told)

    for number in range(2):
        measure("local", folder / f"local{number}")
        measure("ray", folder / f"ray{number}", ray="local", ray_workers=1, ray_cpus=cores)
    best = {name: min(one["processor"] for one in seconds) for name, seconds in rounds.items()}
    return {"seconds per picture": rounds, "overhead": best["ray"] / best["local"] - 1, "cores": cores}


class Nothing:
    """A Hand, and what Ray Data maps with, that has nothing to do."""

    def __init__(self, _network: Any = None):
        from types import SimpleNamespace

        self.colorizer = SimpleNamespace(device="cpu", batch_size=8, weights=SimpleNamespace(name="nothing"))

    def run(self, jobs: list[Any], _stopped: Callable[[], bool]) -> Iterator[Any]:
        from koalacli.records import Outcome, Record

        for job in jobs:
            yield Record(job.source, job.target, Outcome.DONE), None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return batch


def dispatch(arguments: argparse.Namespace, _folder: Path) -> dict[str, Any]:
    """Names through two workers that do nothing; Ray Data needs pyarrow and pandas."""
    import ray

    from koalacli.config import ColorizeConfig
    from koalacli.engines.outfit import Outfit
    from koalacli.engines.ray import work_on_ray
    from koalacli.io.paths import Job
    from koalacli.journal import Journal
    from koalacli.records import Record

    names = [f"{number:07d}.jpg" for number in range(arguments.count)]
    ray.init(num_cpus=4, log_to_driver=False, logging_level="critical")

    def by_hand() -> Iterator[Any]:
        jobs = (Job(name, name) for name in names)
        outfit = Outfit(ColorizeConfig(ray="local", ray_workers=2), Nothing, None)
        return (news for news in work_on_ray(outfit, Journal(), jobs) if isinstance(news, Record))

    def by_data() -> Iterator[Any]:
        from ray import data

        data.DataContext.get_current().enable_progress_bars = False
        blocks = -(-arguments.count // 256)
        items = data.from_items([{"name": name} for name in names], override_num_blocks=blocks)
        return iter(items.map_batches(Nothing, concurrency=2, batch_size=8).iter_rows())

    told = {}
    for way in (by_hand, by_data):
        before, started, first, done = sum(processor_seconds()), time.perf_counter(), 0.0, 0
        for _ in way():
            first = first or time.perf_counter() - started
            done += 1
        assert done == arguments.count
        told[way.__name__] = {
            "processor seconds per 1000": (sum(processor_seconds()) - before) / done * 1000,
            "seconds by the clock": time.perf_counter() - started,
            "seconds to first": first,
        }
    ray.shutdown()
    return told


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {known.__name__: known for known in (nodes, film, overhead, dispatch)}
    usual = {"nodes": 400, "film": 300, "overhead": 400, "dispatch": 20_000}
    parser.add_argument("command", choices=commands)
    parser.add_argument("pictures", type=Path, nargs="?", default=Path("examples"))
    parser.add_argument("--count", type=int)
    parser.add_argument("--every", type=float, help="seconds for which workers gather records, of `overhead`")
    arguments = parser.parse_args()
    arguments.count = arguments.count or usual.get(arguments.command, 0)
    folder = Path(tempfile.mkdtemp(prefix="koala-scale-"))
    try:
        json.dump(commands[arguments.command](arguments, folder), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
