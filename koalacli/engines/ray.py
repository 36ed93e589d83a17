"""The engine of a Ray cluster: one Worker per actor; `pool.Pool` says who does what.

Actors by hand, not Ray Data, which hands on whole blocks, and tries a block again as a whole and then drops it or ends
the run: koala has to tell each picture's end as it comes, and which input it is that kills workers.
"""

import os
import platform
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from koalacli.config import ColorizeConfig
from koalacli.engines.pool import Died, Event, Full, Idle, Made, Pool, Ready
from koalacli.engines.worker import Predictor, Worker
from koalacli.errors import ClusterError, KoalaError, StorageFullError, UsageError
from koalacli.io.arguments import STREAM
from koalacli.io.paths import Job
from koalacli.io.storage import is_remote
from koalacli.io.store_journal import open_journal
from koalacli.journal import CarriedJournal, Entry, Journal, digest_settings
from koalacli.process import quiet_libraries, worker_count
from koalacli.records import Notice, Record, Started
from koalacli.version import __version__
from koalacli.weights_files import WeightsFile, open_weights

EVERY = 0.25  # seconds for which an actor gathers records: a message costs about as much as a small picture
# Seconds in which a cluster, a node answers; in which the first worker is ready; that all have to end their work.
CONNECT_LIMIT, NODE_LIMIT, START_LIMIT, STOP_LIMIT = 10.0, 3.0, 300.0, 60.0


class RayEngine:
    """See `engines.Engine`. A network that is handed in travels to the workers, so it must be picklable.

    Raises:
        UsageError: Ray is not installed.
        WeightsError: there are no such weights.
    """

    def __init__(self, config: ColorizeConfig, folder: Path | str | None = None, colorizer: Predictor | None = None):
        self._ray, self._folder = _import_ray(), folder
        # A GPU that was asked for must be one: auto would take the processor without a word.
        self._config = replace(config, device="gpu") if config.ray_gpus and config.device == "auto" else config
        self._network = colorizer or open_weights(config.weights)
        known = self._network if isinstance(self._network, WeightsFile) else self._network.weights
        self.journal = open_journal(folder, digest_settings(config), known.digest, alone=config.alone)

    def run(self, jobs: Iterable[Job]) -> Iterator[Started | Notice | Record]:
        """Run every job in the cluster; Started comes with the first worker that is ready."""
        ours = not self._ray.is_initialized()
        if ours:
            _connect(self._ray, self._config.ray or "auto")
        if self.journal.folder:
            self.journal.folder.mkdir(parents=True, exist_ok=True)  # workers take its absence for a folder of their own
        try:
            size = self._config.ray_workers or _places(self._ray, self._config)
            crew = RayCrew(self._ray, self._config, self._folder, self.journal, self._network)
            begun = False
            for news in Pool(crew, self.journal, size).run(map(_reachable, jobs)):
                if not isinstance(news, Ready):
                    yield news
                elif not begun:
                    begun = True
                    device = f"{size} × {news.device} (ray)"
                    yield Started(0, device, news.weights, news.batch_size)
        finally:
            if ours:
                self._ray.shutdown()


def _import_ray() -> Any:
    # Nothing leaves the user's machines: Ray would report its use to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # actors without a GPU shall see none
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"--ray needs an extra: pip install 'koala-colorizer[ray]' ({error})") from error
    # Ray prints what becomes of its nodes on standard output, whatever it is asked, amid koala's own lines or JSON.
    ray._private.worker.print_to_stdstream = lambda *_given, **_options: None
    return ray


def _connect(ray: Any, address: str) -> None:
    """Join the cluster at an address; `auto` takes the one that RAY_ADDRESS or this machine names, else starts one."""
    if address.startswith("ray://"):
        raise UsageError(f"--ray {address}: results do not travel that way; run koala on a node of the cluster")
    polite_kill = signal.getsignal(signal.SIGTERM)
    try:
        if ":" in address:  # Ray itself would go on trying for minutes
            host, port = address.rsplit(":", 1)
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_LIMIT).close()
        ray.init(None if address == "auto" else address, log_to_driver=False, logging_level="critical")
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(f"--ray {address}: no cluster there ({reason}); see `ray status`") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, polite_kill)  # Ray has put its own in place


def _reachable(job: Job) -> Job:
    if STREAM in (job.source, job.target):
        raise UsageError("--ray: workers cannot reach this process's standard input and output; give files")
    return job


def _places(ray: Any, config: ColorizeConfig) -> int:
    """How many workers fit into the cluster.

    Raises:
        UsageError: none.
    """
    asked = {"CPU": config.ray_cpus, "GPU": config.ray_gpus}
    places = 0
    for node in ray.nodes():
        if node["Alive"]:
            fits = [int(node["Resources"].get(name, 0) // count) for name, count in asked.items() if count]
            places += min(fits)
    if not places:
        raise UsageError(f"--ray: no node has {config.ray_cpus} CPUs and {config.ray_gpus} GPUs for a worker")
    return places


class RayCrew:
    """See `pool.Crew`."""

    def __init__(
        self,
        ray: Any,
        config: ColorizeConfig,
        output: Path | str | None,
        journal: Journal,
        network: Predictor | WeightsFile,
    ):
        self._ray, self._config, self._output, self._journal = ray, config, output, journal
        self._network = ray.put(network)
        self._kind = ray.remote(num_cpus=config.ray_cpus, num_gpus=config.ray_gpus, max_concurrency=2)(Actor)
        self._count = 0
        self._actors: dict[int, Any] = {}
        self._nodes: dict[int, str] = {}
        self._pending: dict[Any, int] = {}  # what to wait for -> worker: of loading, then of a chunk
        self._clock = time.monotonic()

    def start(self) -> int:
        """See Crew."""
        self._count += 1
        known = self._journal.settings, self._journal.weights
        actor = self._kind.remote(self._config, self._output, known, self._network, str(Path.cwd()))
        self._actors[self._count] = actor
        self._pending[actor.hello.remote(__version__)] = self._count
        return self._count

    def give(self, worker: int, jobs: list[Job]) -> None:
        """See Crew."""
        self._pending[self._actors[worker].run.options(num_returns="streaming").remote(jobs)] = worker

    def wait(self) -> list[Event]:
        """See Crew."""
        events: list[Event] = []
        while not events:
            waiting = list(self._pending)
            self._ray.wait(waiting, num_returns=1, timeout=1)
            ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
            events = [self._event_of(ref) for ref in ready]
            if self._nodes:
                self._clock = time.monotonic()
            elif not events and time.monotonic() - self._clock > START_LIMIT:
                raise ClusterError(f"--ray: no worker was ready within {START_LIMIT:.0f} s; see `ray status`")
        return events

    def dismiss(self, worker: int) -> None:
        """See Crew."""
        self._nodes.pop(worker, None)
        if actor := self._actors.pop(worker, None):
            self._ray.kill(actor)

    def stop(self) -> list[Event]:
        """See Crew."""
        events: list[Event] = []
        deadline = time.monotonic() + STOP_LIMIT
        for worker in {*self._pending.values()}:
            if worker in self._nodes:
                self._actors[worker].stop.remote()
        while any(worker in self._nodes for worker in self._pending.values()) and time.monotonic() < deadline:
            waiting = [ref for ref, worker in self._pending.items() if worker in self._nodes]
            ready, _ = self._ray.wait(waiting, num_returns=1, timeout=1)
            events += [self._event_of(ref) for ref in ready]
        for worker in list(self._actors):
            self.dismiss(worker)
        return events

    def _event_of(self, ref: Any) -> Event:
        """What has come of a hello or a chunk."""
        worker = self._pending[ref]
        try:
            if worker not in self._nodes:
                device, weights, batch_size, self._nodes[worker] = self._ray.get(ref)
                del self._pending[ref]
                return Ready(worker, device, weights, batch_size)
            return Made(worker, self._ray.get(next(ref)))
        except StopIteration:
            del self._pending[ref]
            return Idle(worker)
        except StorageFullError as error:
            del self._pending[ref]
            return Full(worker, StorageFullError(str(error.cause)))  # type: ignore[attr-defined]
        except self._ray.exceptions.RayTaskError as error:  # koala's own error, or a bug with its traceback
            if isinstance(error.cause, KoalaError):
                raise error.cause from error
            raise
        except self._ray.exceptions.RayError as error:
            del self._pending[ref]
            node = self._nodes.get(worker)
            self.dismiss(worker)  # where it is merely out of reach, it must not go on writing
            reason = str(error).strip().splitlines()[-1].strip()
            return Died(worker, reason, with_node=node is not None and not self._answers(node))

    def _answers(self, node: str) -> bool:
        """Whether a node is there; the cluster itself takes some time to notice that one is gone."""
        known = next((known for known in self._ray.nodes() if known["NodeID"] == node and known["Alive"]), None)
        if known is None:
            return False
        try:
            socket.create_connection((known["NodeManagerAddress"], known["NodeManagerPort"]), NODE_LIMIT).close()
        except OSError:
            return False
        return True


class Actor:
    """One Worker in a process of the cluster.

    Args:
        config: see ColorizeConfig.
        output: the output folder, or None.
        known: digests of settings and weights, for the journal.
        network: weights, or a network that is loaded already.
        folder: working directory, from which paths are meant.
    """

    def __init__(
        self,
        config: ColorizeConfig,
        output: Path | str | None,
        known: tuple[str, str],
        network: Predictor | WeightsFile,
        folder: str,
    ):
        # By themselves the runtime's threads are as many as the machine has cores, for every actor on it.
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(config.ray_cpus)
        self._folder, self._stopped = folder, threading.Event()
        self._output = None if output is None or is_remote(output) else Path(output)
        self._journal = CarriedJournal(None if output is None else Path(output), *known, alone=config.alone)
        # The pipeline has decided what has to be done; and what a worker left that died is done again.
        config = replace(config, on_exist="overwrite", workers=worker_count(config.workers or config.ray_cpus))
        self._worker = Worker(config, None, network, self._journal)

    def hello(self, version: str) -> tuple[str, str, int, str]:
        """Load the network; device, name of the weights, batch size, node.

        Raises:
            KoalaError: it cannot be loaded, folders are not there, or this koala is another than that version.
        """
        import ray

        if version != __version__:
            raise ClusterError(
                f"{platform.node()}: koala {__version__}, but {version} asks; install the same on each node"
            )
        for place in (Path(self._folder), Path(self._folder) / (self._output or "")):
            if not place.is_dir():
                raise ClusterError(f"{place}: not there on {platform.node()}; give folders that all nodes share")
        os.chdir(self._folder)
        quiet_libraries()
        network = self._worker.colorizer
        return network.device, network.weights.name, network.batch_size, ray.get_runtime_context().get_node_id()

    def run(self, jobs: list[Job]) -> Iterator[list[tuple[Record | Notice, Entry | None]]]:
        """Records with what the journal shall keep, some at a time; after `stop` no more jobs are begun."""
        gathered: list[tuple[Record | Notice, Entry | None]] = []
        last = time.monotonic()
        for record in self._worker.run(takewhile(lambda _: not self._stopped.is_set(), jobs)):
            entry = self._journal.take(record.target) if isinstance(record, Record) else None
            gathered.append((record, entry))
            if time.monotonic() - last > EVERY:
                yield gathered
                gathered, last = [], time.monotonic()
        if gathered:
            yield gathered

    def stop(self) -> None:
        """Begin no more jobs."""
        self._stopped.set()
