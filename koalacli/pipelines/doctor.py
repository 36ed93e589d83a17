"""`koala doctor`: what koala finds on this machine, for people who ask for help and those who give it."""

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from koalacli.errors import KoalaError
from koalacli.io.picture.codecs import CODECS
from koalacli.process import quiet_libraries
from koalacli.version import __version__
from koalacli.weights_files import open_weights, shipped_weights

DISTRIBUTION = "koala-colorizer"
PACKAGES = ("tensorflow", "keras", "numpy", "opencv-python-headless", "pillow", "imagecodecs", "tifffile", "av")


@dataclass(frozen=True)
class Finding:
    """One fact: what it is about, what was found, and whether koala cannot work so."""

    name: str
    found: str
    wrong: bool = False


def examine() -> Iterator[Finding]:
    """Versions, devices, weights, formats and extras; loads the backend, colors nothing."""
    yield Finding("koala", __version__)
    yield Finding("Python", platform.python_version())
    yield Finding("system", f"{platform.platform()}, {os.cpu_count()} cores")
    for name in PACKAGES:
        yield Finding(name, _version(name) or "not installed")
    yield _devices()
    for name in shipped_weights():
        yield _weights(name)
    yield Finding("formats", ", ".join(CODECS))
    for extra, names in sorted(_extras().items()):
        missing = [name for name in names if not _version(name)]
        yield Finding(f"extra {extra}", f"missing: {', '.join(missing)}" if missing else "installed")


def _devices() -> Finding:
    quiet_libraries()
    try:
        from koalacli.model.backend.trace import list_devices

        return Finding("devices", ", ".join(list_devices()))
    except (ImportError, RuntimeError, OSError) as error:  # such as a backend built for another processor
        return Finding("devices", f"the backend cannot be loaded: {str(error).splitlines()[0]}", wrong=True)


def _weights(name: str) -> Finding:
    try:
        return Finding(f"weights {name}", f"whole, sha256:{open_weights(name).digest[:12]}")
    except KoalaError as error:
        return Finding(f"weights {name}", str(error), wrong=True)


def _extras() -> dict[str, list[str]]:
    """Packages of every extra; not of those that add parts to a package that is there anyway, as `gpu` does."""
    found: dict[str, list[str]] = {}
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # run from a checkout
        return found
    for line in lines:
        if match := re.match(r"([\w.-]+)(?!\S*\[).*extra == ['\"]([\w-]+)['\"]", line):
            found.setdefault(match[2], []).append(match[1])
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
