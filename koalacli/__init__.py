"""koala: color for black-and-white photographs and films.

Public names: `colorize`, `colorize_files`, `colorize_video`, `Colorizer`, `Hint`, `KoalaError`. They are imported on
first use, so that importing the package costs nothing. docs/python.md shows them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from koalacli.version import __version__

__all__ = ["Colorizer", "Hint", "KoalaError", "__version__", "colorize", "colorize_files", "colorize_video"]

if TYPE_CHECKING:
    from koalacli.api import colorize, colorize_files, colorize_video
    from koalacli.colorizer import Colorizer
    from koalacli.control.hints import Hint
    from koalacli.errors import KoalaError

HOMES = {
    "colorize": "koalacli.api",
    "colorize_files": "koalacli.api",
    "colorize_video": "koalacli.api",
    "Colorizer": "koalacli.colorizer",
    "Hint": "koalacli.control.hints",
    "KoalaError": "koalacli.errors",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module 'koalacli' has no attribute {name!r}")
