"""What the workers of a cluster are made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from koalacli.colorizer import Colorizer
from koalacli.engines.pool import News
from koalacli.engines.worker import Predictor
from koalacli.io.paths import Job
from koalacli.journal_lines import Entry
from koalacli.settings import ClusterSettings
from koalacli.weights_files import open_weights


class Hand(Protocol):
    """What works in a process of the cluster."""

    @property
    def colorizer(self) -> Predictor:
        """The network; loaded at the first request."""

    def run(self, jobs: list[Job], stopped: Callable[[], bool]) -> Iterator[tuple[News, Entry | None]]:
        """Do jobs, and begin no more once `stopped`; what is to be told, with what the journal shall keep of it.

        Raises:
            StorageFullError: there is no room here.
            KoalaError: nothing can be done at all.
        """


@dataclass(frozen=True)
class Outfit:
    """What each worker needs.

    Attributes:
        config: how large a worker is, and where the cluster.
        make: called in the worker's process with the network: its Hand.
        network: weights, or a network that is loaded already.
        folders: outputs go there; made here, and every node has to see them. Relative to the working directory.
    """

    config: ClusterSettings
    make: Callable[[Any], Hand]
    network: Any
    folders: tuple[str, ...] = ()


def traveling(colorizer: Any, weights: str) -> Any:
    """What goes to the workers: a network that is handed in, but of a Colorizer its weights, as it cannot be sent."""
    return open_weights(weights) if colorizer is None or type(colorizer) is Colorizer else colorizer


def with_gpu(config: Any) -> Any:
    """Settings for a worker; a GPU that was asked for must be one: auto would take the processor without a word."""
    return replace(config, device="gpu") if config.ray_gpus and config.device == "auto" else config
