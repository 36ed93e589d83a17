"""What a cluster, an object store and a thousand workers cost; the figures of docs/scale.md.

python benchmarks/scale.py nodes PICTURES [--count 400]     two Ray nodes, one killed in the middle, against one process
python benchmarks/scale.py film PICTURES [--count 300]      the same for the frames of a film
python benchmarks/scale.py overhead PICTURES [--count 200]  a picture here, and with --ray on one worker
python benchmarks/scale.py keys [--count 100000]            listing a prefix over S3's protocol, on loopback
python benchmarks/scale.py thousand [--count 1000000] [--workers 1000] [--rate 2]
                                                            a run but for its network; workers only pass time
python benchmarks/scale.py cost --rate 2 --price 0.04 [--capacity N]  money per million pictures, and where the knee is
"""

import argparse
import heapq
import itertools
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOM = 80 << 20  # bytes for the objects of each Ray node


def copies(source: Path, folder: Path, count: int) -> Path:
    """A folder of that many gray pictures, from those that there are, small enough for a machine that is shared."""
    from PIL import Image

    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    folder.mkdir(parents=True)
    for number in range(count):
        with Image.open(files[number % len(files)]) as image:
            gray = image.convert("L")
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
    """A film of five frames a second that moves over pictures; one of two nodes dies in the middle."""
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
        config = VideoConfig(device="cpu", output=str(folder / name / "film.mkv"), **settings)
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


def processor_seconds() -> float:
    """Of this process and of all that it has started, Ray's own processes and its workers; from Linux' /proc."""
    parents, spent = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            fields = place.read_text().rpartition(")")[2].split()
            parents[int(place.parent.name)] = int(fields[1])
            spent[int(place.parent.name)] = int(fields[11]) + int(fields[12])
    ours = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(spent[process] for process in ours) / os.sysconf("SC_CLK_TCK")


def overhead(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One worker with all cores against one process with all cores, after each other, twice.

    Seconds of the processors are compared, which other work on the machine changes little, and the clock's are told.
    """
    # Ray's workers give way to all other processes (nice 15); both sides shall have what the machine can spare.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - so it is spelt
    pictures = copies(arguments.pictures, folder / "in", arguments.count)
    cores = os.cpu_count() or 1
    rounds: dict[str, list[dict[str, float]]] = {"local": [], "ray": []}
    skipped = arguments.count // 5  # the first pictures, with which a network is traced

    def measure(name: str, output: Path, **settings: Any) -> None:
        marks: dict[int, tuple[float, float]] = {}

        def at_record(done: int) -> None:
            if done in (skipped, arguments.count):
                marks[done] = processor_seconds(), time.perf_counter()

        colorize_all(pictures, output, at_record, **settings)
        spent, passed = (
            (end - start) / (arguments.count - skipped)
            for start, end in zip(marks[skipped], marks[arguments.count], strict=True)
        )
        rounds[name].append({"processor": spent, "clock": passed})

    for number in range(2):
        measure("local", folder / f"local{number}")
        measure("ray", folder / f"ray{number}", ray="local", ray_workers=1, ray_cpus=cores)
    best = {name: min(one["processor"] for one in seconds) for name, seconds in rounds.items()}
    return {"seconds per picture": rounds, "overhead": best["ray"] / best["local"] - 1, "cores": cores}


def keys(arguments: argparse.Namespace, _folder: Path) -> dict[str, Any]:
    """Keys are put straight into the server's memory; listing goes over HTTP."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    from koalacli.config import ColorizeConfig
    from koalacli.io.store_plan import plan_stored

    WSGIRequestHandler.log_request = lambda *_given: None  # type: ignore[method-assign]
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_bucket("scans", "us-east-1")
    for number in range(arguments.count):
        backend.put_object("scans", f"in/{number:07d}.jpg", b"x")
    before, started = memory(), time.perf_counter()
    planned = plan_stored("s3://scans/in", "s3://scans/out", ColorizeConfig())
    next(planned)
    first = time.perf_counter() - started
    found = 1 + sum(1 for _ in planned)
    seconds = time.perf_counter() - started
    return {"keys": found, "seconds to first": first, "seconds": seconds, "MiB more": memory() - before}


class Sleepers:
    """A crew of `pool.Crew` in a time of its own: a picture takes 1/rate seconds; now and then a worker dies."""

    def __init__(self, folder: Path, rate: float, deaths: float):
        from koalacli.journal import CarriedJournal

        self.journal, self.rate, self.deaths = CarriedJournal(folder, "settings", "weights"), rate, deaths
        self.clock, self.busy, self.lost, self.count = 0.0, 0.0, 0, 0
        self.events: list[tuple[float, int, Any, Iterator[Any]]] = []
        self.order = itertools.count()
        self.chance = random.Random(0)

    def start(self) -> int:
        from koalacli.engines.pool import Ready

        self.count += 1
        self._next(iter([(self.chance.uniform(8, 20), Ready(self.count, "cpu", "koala", 8))]))
        return self.count

    def give(self, worker: int, jobs: list[Any]) -> None:
        self._next(self._work(worker, jobs))

    def wait(self) -> list[Any]:
        self.clock, _, event, further = heapq.heappop(self.events)
        self._next(further)
        return [event]

    def dismiss(self, worker: int) -> None:
        pass

    def stop(self) -> list[Any]:
        return []

    def _next(self, steps: Iterator[tuple[float, Any]]) -> None:
        for after, event in itertools.islice(steps, 1):
            heapq.heappush(self.events, (self.clock + after, next(self.order), event, steps))

    def _work(self, worker: int, jobs: list[Any]) -> Iterator[tuple[float, Any]]:
        from koalacli.engines.pool import Died, Idle, Made
        from koalacli.records import Outcome, Record

        passed, results = 0.0, []
        for job in jobs:
            seconds = self.chance.expovariate(self.rate)
            passed, self.busy = passed + seconds, self.busy + seconds
            if self.chance.random() < self.deaths:
                self.lost += 1
                yield passed, Died(worker, "its node was taken away", with_node=True)
                return
            self.journal.note(job.target, job.stamp(), Outcome.DONE, 1.0, source=job.source, digest="0" * 64)
            results.append((Record(job.source, job.target, Outcome.DONE), self.journal.take(job.target)))
            if passed > 0.25:  # as engines.ray.EVERY gathers them
                yield passed, Made(worker, results)
                passed, results = 0.0, []
        yield passed, Made(worker, results)
        yield 0.0, Idle(worker)


class SyntheticStore:
    """An S3 whose pictures are names only: a prefix in/ with `count` of them, and out/, which takes what is sent.

    Args:
        count: of pictures.
        folder: where objects that are sent lie.
    """

    def __init__(self, count: int, folder: Path):
        self.count, self.folder, self.outputs = count, folder, 0

    def _strip_protocol(self, place: str) -> str:
        return place.partition("://")[2]

    def isfile(self, _path: str) -> bool:
        return False

    def call_s3(self, _method: str, **asked: Any) -> dict[str, Any]:
        """A page of a listing: journals before pictures, as they sort."""
        prefix, start = asked["Prefix"], int(asked.get("ContinuationToken", 0))
        sent = [] if start or prefix == "in/" else sorted(self.folder.iterdir())
        count = self.count if prefix == "in/" else self.outputs
        numbers = range(start, min(start + 1000, count))
        page = [{"Key": f"out/.koala-journal/{path.name}", "Size": 1, "LastModified": 1.0} for path in sent]
        page += [{"Key": f"{prefix}{number:07d}.jpg", "Size": 1, "LastModified": 1.0} for number in numbers]
        return {"Contents": page, "IsTruncated": numbers.stop < count, "NextContinuationToken": str(numbers.stop)}

    def put_file(self, source: str, path: str, **_options: int) -> None:
        shutil.copyfile(source, self.folder / path.rpartition("/")[2])

    def info(self, path: str) -> dict[str, Any]:
        return {"size": (self.folder / path.rpartition("/")[2]).stat().st_size}

    def cat_file(self, path: str) -> bytes:
        return (self.folder / path.rpartition("/")[2]).read_bytes()


class SleepingEngine:
    """An engine whose workers are Sleepers; the last one made is `made`."""

    workers, rate, made = 0, 0.0, None

    def __init__(self, _config: Any, folder: Path | str, _colorizer: Any):
        from koalacli.io.store_journal import open_journal

        self.journal = open_journal(folder, "settings", "weights")
        self.crew = Sleepers(Path(folder), self.rate, deaths=1e-5)
        SleepingEngine.made = self

    def run(self, jobs: Iterator[Any]) -> Iterator[Any]:
        from koalacli.engines.announced import announced
        from koalacli.engines.pool import Pool, Ready
        from koalacli.records import Started

        yield Started(0, "nowhere", "koala", 8)
        pool = Pool(self.crew, self.journal, self.workers)
        yield from (news for news in pool.run(announced(jobs, self.journal)) if not isinstance(news, Ready))


def thousand(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """A whole run over a prefix, but for network and pictures: listing, plan, journal, pool, records; and its rerun.

    Seconds are this process' own, of one core: that of the machine's clock hang on what else it does.
    """
    from koalacli.config import ColorizeConfig
    from koalacli.io import storage
    from koalacli.pipelines.colorize import colorize
    from koalacli.records import Outcome, Record
    from koalacli.tables import ENGINES, EngineRow

    store = SyntheticStore(arguments.count, folder)
    storage._protocol_store = lambda _protocol: store  # type: ignore[assignment]
    SleepingEngine.workers, SleepingEngine.rate = arguments.workers, arguments.rate
    ENGINES["sleeping"] = EngineRow("for a benchmark", SleepingEngine)  # type: ignore[arg-type]

    def run() -> dict[str, Any]:
        before, started, clock, first = memory(), time.process_time(), time.perf_counter(), 0.0
        outcomes: Counter[Outcome] = Counter()
        for news in colorize("s3://scans/in", "s3://scans/out", ColorizeConfig(engine="sleeping")):
            if isinstance(news, Record):
                first = first or time.process_time() - started
                outcomes[news.outcome] += 1
        return {
            **outcomes,
            "seconds to first": first,
            "seconds": time.process_time() - started,
            "seconds by the clock": time.perf_counter() - clock,
            "MiB more": memory() - before,
        }

    whole = run()
    assert whole[Outcome.DONE] == arguments.count
    crew = SleepingEngine.made.crew
    lines = (json.loads(line) for part in folder.iterdir() for line in part.read_text().splitlines())
    noted = Counter(hash(line["path"]) for line in lines if "path" in line)
    store.outputs = arguments.count
    return {
        "inputs": arguments.count,
        "workers": arguments.workers,
        "workers lost": crew.lost,
        "once in the journal": len(noted) == arguments.count == noted.total(),
        "MiB of journal": sum(path.stat().st_size for path in folder.iterdir()) / 2**20,
        "pictures per second that the driver keeps up with": arguments.count / whole["seconds"],
        "share of the workers' time that is work": crew.busy / (crew.clock * arguments.workers),
        "hours of the simulated run": crew.clock / 3600,
        "run": whole,
        "rerun": run(),
    }


def cost(arguments: argparse.Namespace, _folder: Path) -> dict[str, Any]:
    """Rate: pictures per second and core; price: money per core and hour."""
    return {
        "core hours per million": 1e6 / arguments.rate / 3600,
        "money per million": 1e6 / arguments.rate / 3600 * arguments.price,
        "knee, cores": arguments.capacity / arguments.rate,
    }


def memory() -> float:
    """The most that this process has taken so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {known.__name__: known for known in (nodes, film, overhead, keys, thousand, cost)}
    usual = {"nodes": 400, "film": 300, "overhead": 200, "keys": 100_000, "thousand": 1_000_000}
    parser.add_argument("command", choices=commands)
    parser.add_argument("pictures", type=Path, nargs="?", default=Path("examples"))
    parser.add_argument("--count", type=int)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--price", type=float, default=0.04)
    parser.add_argument("--capacity", type=float, default=5000.0)
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
