"""koala: color for black-and-white photographs and films.

Public names: `Colorizer`, `Hint`, `KoalaError`. They are imported on first use, so that importing the
package costs nothing.
"""

from typing import TYPE_CHECKING, Any

from koalacli.version import __version__

__all__ = ["Colorizer", "Hint", "KoalaError", "__version__"]

if TYPE_CHECKING:
    from koalacli.colorizer import Colorizer
    from koalacli.control.hints import Hint
    from koalacli.errors import KoalaError


def __getattr__(name: str) -> Any:
    if name == "Colorizer":
        from koalacli.colorizer import Colorizer

        return Colorizer
    if name == "Hint":
        from koalacli.control.hints import Hint

        return Hint
    if name == "KoalaError":
        from koalacli.errors import KoalaError

        return KoalaError
    raise AttributeError(f"module 'koalacli' has no attribute {name!r}")
