"""A million pictures and a thousand workers, of which neither are there; figures of docs/scale.md.

python benchmarks/scale_simulated.py thousand [--count 1000000] [--workers 1000] [--rate 2]
                                                            a run but for its network; workers only pass time
python benchmarks/scale_simulated.py keys [--count 100000]  listing a prefix over S3's protocol, on loopback
python benchmarks/scale_simulated.py cost --rate 2 --price 0.04 [--capacity N]
                                                            money per million pictures, and where the knee is
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any


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
    commands = {known.__name__: known for known in (thousand, keys, cost)}
    usual = {"thousand": 1_000_000, "keys": 100_000}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--count", type=int)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--price", type=float, default=0.04)
    parser.add_argument("--capacity", type=float, default=6_600.0)
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
