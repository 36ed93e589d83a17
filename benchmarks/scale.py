"""What a cluster, an object store and a thousand workers cost; the figures of docs/scale.md.

python benchmarks/scale.py nodes PICTURES [--count 400]     two Ray nodes, one killed in the middle, against one process
python benchmarks/scale.py overhead PICTURES [--count 200]  seconds per picture: here, and with --ray on one worker
python benchmarks/scale.py keys [--count 100000]            listing a prefix over S3's protocol, on loopback
python benchmarks/scale.py thousand [--count 1000000] [--workers 1000] [--rate 2]
                                                            scheduler and journal with workers that only pass time
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


def nodes(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Two nodes, one of which dies in the middle."""
    from ray.cluster_utils import Cluster

    pictures = copies(arguments.pictures, folder / "in", arguments.count)
    local = colorize_all(pictures, folder / "local")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": ROOM})
    node = cluster.add_node(num_cpus=1, object_store_memory=ROOM)

    def kill(done: int) -> None:
        if done == arguments.count // 2:
            cluster.remove_node(node, allow_graceful=False)

    seconds = colorize_all(pictures, folder / "ray", kill, ray=cluster.address)
    cluster.shutdown()
    lines = map(json.loads, (folder / "ray" / ".koala-journal.jsonl").read_text().splitlines())
    made, noted = contents(folder / "ray"), Counter(line["path"] for line in lines)
    return {
        "pictures": arguments.count,
        "outputs": len(made),
        "identical": made == contents(folder / "local"),
        "once in the journal": noted == Counter(made.keys()),
        "seconds local": local,
        "seconds ray": seconds,
    }


def overhead(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One worker with all cores against one process with all cores, after each other, twice."""
    # Ray's workers give way to all other processes (nice 15); both sides shall have what the machine can spare.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - so it is spelt
    pictures = copies(arguments.pictures, folder / "in", arguments.count)
    cores = os.cpu_count() or 1
    rounds: dict[str, list[float]] = {"local": [], "ray": []}
    for number in range(2):
        rounds["local"].append(colorize_all(pictures, folder / f"local{number}"))
        asked = {"ray": "local", "ray_workers": 1, "ray_cpus": cores}
        rounds["ray"].append(colorize_all(pictures, folder / f"ray{number}", **asked))
    best = {name: min(seconds) / arguments.count for name, seconds in rounds.items()}
    return {**rounds, "seconds per picture": best, "overhead": best["ray"] / best["local"] - 1, "cores": cores}


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
            self.journal.note(job.target, (1, 1), Outcome.DONE, 1.0)
            results.append((Record(job.source, job.target, Outcome.DONE), self.journal.take(job.target)))
            if passed > 0.25:  # as engines.ray.EVERY gathers them
                yield passed, Made(worker, results)
                passed, results = 0.0, []
        yield passed, Made(worker, results)
        yield 0.0, Idle(worker)


def thousand(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """A whole run of the scheduler and the journal, on inputs that are names only."""
    from koalacli.engines.pool import Pool
    from koalacli.io.paths import Job
    from koalacli.journal import Journal
    from koalacli.records import Record

    def jobs() -> Iterator[Job]:
        for number in range(arguments.count):
            yield Job(f"in/{number:07d}.jpg", str(folder / f"{number:07d}.jpg"))

    crew = Sleepers(folder, arguments.rate, deaths=1e-5)
    before, started, first, done = memory(), time.perf_counter(), 0.0, 0
    for news in Pool(crew, Journal(folder, "settings", "weights"), arguments.workers).run(jobs()):
        if isinstance(news, Record):
            first = first or time.perf_counter() - started
            done += 1
    seconds, more = time.perf_counter() - started, memory() - before
    assert done == arguments.count
    started = time.perf_counter()
    Journal(folder, "settings", "weights")
    return {
        "inputs": done,
        "workers": arguments.workers,
        "workers lost": crew.lost,
        "seconds to first": first,
        "pictures per second that the driver keeps up with": done / seconds,
        "MiB more": more,
        "share of the workers' time that is work": crew.busy / (crew.clock * arguments.workers),
        "hours of the simulated run": crew.clock / 3600,
        "seconds to read the journal again": time.perf_counter() - started,
        "MiB with the journal read": memory() - before,
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
    commands = {known.__name__: known for known in (nodes, overhead, keys, thousand, cost)}
    usual = {"nodes": 400, "overhead": 200, "keys": 100_000, "thousand": 1_000_000}
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
