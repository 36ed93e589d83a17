"""Fixtures for all tests: data beside the checkout, synthetic pictures, one loaded Colorizer."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray
from PIL import Image
from standin import ROOM_FOR_OBJECTS

# Times are noisy on shared machines, and every run should test the same examples.
settings.register_profile(
    "koala", deadline=None, max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("koala")

# Shells start background jobs deaf to Ctrl-C, and their children inherit it; tests send it to theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Under nohup it is a closed terminal that nobody hears of.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What somebody has set for their own koala is not what tests are about; children inherit it, too.
for variable in [name for name in os.environ if name.startswith("KOALA_") and name != "KOALA_SHARED"]:
    del os.environ[variable]
os.environ["KOALA_CONFIG"] = "none"

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photographs and clips beside the checkout; skips where it is absent."""
    folder = Path(os.environ.get("KOALA_SHARED", ROOT.parent / "shared"))
    if not (folder / "historical").is_dir():
        pytest.skip(f"no photographs at {folder}; set KOALA_SHARED to run this test")
    return folder


@pytest.fixture(scope="session")
def examples() -> list[Path]:
    """The photographs that come with koala."""
    return sorted((ROOT / "examples").glob("*.jpg"))


@pytest.fixture(scope="session")
def gray(examples: list[Path]) -> NDArray[np.uint8]:
    """A real photograph, gray uint8 (120, 160)."""
    with Image.open(examples[0]) as image:
        return np.asarray(image.convert("L").resize((160, 120)))


@pytest.fixture(scope="session")
def colorizer():
    """The shipped weights, loaded once."""
    from koalacli import Colorizer

    return Colorizer(device="cpu")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster of one node, with places for two workers."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "tests"), str(ROOT)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = cluster_utils.Cluster(
            head_node_args={"num_cpus": 2, "object_store_memory": ROOM_FOR_OBJECTS}, initialize_head=True
        )
        yield made
        made.shutdown()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of a server on loopback that speaks S3; see s3_server.py."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    from koalacli.io import storage

    started = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "s3_server.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert started.stdin
    assert started.stdout
    with pytest.MonkeyPatch.context() as patch:
        address = f"http://127.0.0.1:{int(started.stdout.readline())}"
        patch.setenv("AWS_ENDPOINT_URL", address)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        storage._protocol_store.cache_clear()
        yield address
    storage._protocol_store.cache_clear()
    started.stdin.close()
    started.stdout.close()
    started.wait(10)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to open a connection fails the test."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a network connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
