"""A Ray cluster: actors, each with a Hand that has loaded one network; `pool.Pool` says who does what.

Actors by hand, not Ray Data, which hands on whole blocks, and tries a block again as a whole and then drops it or ends
the run: koala has to tell each picture's end as it comes, and which input it is that kills workers.
"""

import os
import platform
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from koalacli.engines.outfit import Hand, Outfit
from koalacli.engines.pool import LARGEST_CHUNK, Died, Event, Full, Idle, Made, News, Pool, Ready
from koalacli.errors import ClusterError, KoalaError, StorageFullError, UsageError
from koalacli.io.paths import Job
from koalacli.journal import Journal
from koalacli.journal_lines import Entry
from koalacli.process import quiet_libraries
from koalacli.records import Notice, Record, Started
from koalacli.settings import ClusterSettings
from koalacli.version import __version__

# An actor gathers records for so many seconds, or for longer: all actors together send no more messages a second than
# this, since one costs the driver about a millisecond.
EVERY, MOST_MESSAGES = 0.25, 100
# Seconds in which a cluster, a node answers; in which the first worker is ready; that all have to end their work.
CONNECT_LIMIT, NODE_LIMIT, START_LIMIT, STOP_LIMIT = 10.0, 3.0, 300.0, 60.0


def work_on_ray(
    outfit: Outfit, journal: Journal, jobs: Iterable[Job | None], largest: int = LARGEST_CHUNK
) -> Iterator[Started | Notice | Record]:
    """Do jobs in a cluster; Started comes with the first worker that is ready. See `pool.Pool`.

    Raises:
        UsageError: Ray is not installed, or no worker fits.
        ClusterError: there is no cluster, or it falls apart.
    """
    ray = import_ray()
    ours = not ray.is_initialized()
    if ours:
        _connect(ray, outfit.config.ray or "auto")
    try:
        for folder in outfit.folders:
            Path(folder).mkdir(parents=True, exist_ok=True)  # workers take its absence for a folder of their own
        size = outfit.config.ray_workers or _places(ray, outfit.config)
        begun = False
        crew = RayCrew(ray, outfit, max(EVERY, size / MOST_MESSAGES))
        for news in Pool(crew, journal, size, largest).run(jobs):
            if not isinstance(news, Ready):
                yield news
            elif not begun:
                yield Started(0, f"{size} × {news.device} (ray)", news.weights, news.batch_size)
                begun = True
    finally:
        if ours:
            ray.shutdown()


def import_ray() -> Any:
    """Ray, told to keep to itself.

    Raises:
        UsageError: it is not installed.
    """
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


def _places(ray: Any, config: ClusterSettings) -> int:
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
    """See `pool.Crew`.

    Args:
        ray: the library, connected to a cluster.
        outfit: of each worker.
        every: seconds for which an actor gathers records.
    """

    def __init__(self, ray: Any, outfit: Outfit, every: float):
        self._ray, self._outfit, self._every = ray, outfit, every
        self._network = ray.put(outfit.network)
        places = {"num_cpus": outfit.config.ray_cpus, "num_gpus": outfit.config.ray_gpus}
        self._kind = ray.remote(**places, max_concurrency=2)(Actor)
        self._count = 0
        self._actors: dict[int, Any] = {}
        self._nodes: dict[int, str] = {}
        self._pending: dict[Any, int] = {}  # what to wait for -> worker: of loading, then of a chunk
        self._clock = time.monotonic()

    def start(self) -> int:
        """See Crew."""
        self._count += 1
        actor = self._kind.remote(self._outfit.make, self._network, self._outfit.config.ray_cpus, self._every)
        self._actors[self._count] = actor
        folders = (str(Path.cwd()), *self._outfit.folders)
        self._pending[actor.hello.remote(__version__, folders)] = self._count
        return self._count

    def give(self, worker: int, jobs: list[Job]) -> None:
        """See Crew."""
        self._pending[self._actors[worker].run.options(num_returns="streaming").remote(jobs)] = worker

    def wait(self) -> list[Event]:
        """See Crew."""
        waiting = list(self._pending)
        if not waiting:
            time.sleep(EVERY)
            return []
        self._ray.wait(waiting, num_returns=1, timeout=EVERY)
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
    """A Hand in a process of the cluster.

    Args:
        make: see Outfit.
        network: weights, or a network that is loaded already.
        cores: that it may use.
        every: seconds for which it gathers records.
    """

    def __init__(self, make: Callable[[Any], Hand], network: Any, cores: int, every: float):
        # By themselves the runtime's threads are as many as the machine has cores, for every actor on it.
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(cores)
        self._hand, self._stopped, self._every = make(network), threading.Event(), every

    def hello(self, version: str, folders: tuple[str, ...]) -> tuple[str, str, int, str]:
        """Load the network; device, name of the weights, batch size, node.

        Args:
            version: of the koala that asks.
            folders: the working directory, and those that have to be there.

        Raises:
            KoalaError: it cannot be loaded, folders are not there, or this koala is another than that version.
        """
        import ray

        if version != __version__:
            raise ClusterError(
                f"{platform.node()}: koala {__version__}, but {version} asks; install the same on each node"
            )
        for place in (Path(folders[0], folder) for folder in folders):
            if not place.is_dir():
                raise ClusterError(f"{place}: not there on {platform.node()}; give folders that all nodes share")
        os.chdir(folders[0])
        quiet_libraries()
        network = self._hand.colorizer
        return network.device, network.weights.name, network.batch_size, ray.get_runtime_context().get_node_id()

    def run(self, jobs: list[Job]) -> Iterator[list[tuple[News, Entry | None]]]:
        """What the hand tells, some at a time; after `stop` no more jobs are begun."""
        gathered: list[tuple[News, Entry | None]] = []
        last = time.monotonic()
        for news in self._hand.run(jobs, self._stopped.is_set):
            gathered.append(news)
            if time.monotonic() - last > self._every:
                yield gathered
                gathered, last = [], time.monotonic()
        if gathered:
            yield gathered

    def stop(self) -> None:
        """Begin no more jobs."""
        self._stopped.set()
