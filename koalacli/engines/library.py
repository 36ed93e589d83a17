"""References as a network sees them: one photograph, or all that lie in a folder."""

from pathlib import Path
from typing import Protocol

from koalacli.arrays import Pixels
from koalacli.color.tone import is_colored
from koalacli.config import ColorizeConfig
from koalacli.control.references import Reference, reference_files
from koalacli.errors import InputError, UsageError
from koalacli.io.picture.read import read_picture


class Looker(Protocol):
    """What looks at photographs; a Colorizer does."""

    def look_at_reference(self, rgb: Pixels, name: str = "") -> Reference:
        """A photograph in color as `follow_best` takes it."""


def load_references(config: ColorizeConfig, network: Looker) -> tuple[list[Reference], list[str]]:
    """Look at all photographs that --reference names.

    Returns:
        those in color, and a line for each file that is left out.

    Raises:
        UsageError: there is none in color.
        InputError: the one that is named cannot be read.
    """
    place = Path(config.reference)
    alone = place.is_file()
    found: list[Reference] = []
    left_out: list[str] = []
    for path in [place] if alone else reference_files(place):
        try:
            pixels = read_picture(path, str(path), config.max_pixels).pixels
        except InputError as error:
            if alone:
                raise
            left_out.append(f"left out of the references: {error}")
            continue
        if is_colored(pixels):
            found.append(network.look_at_reference(pixels, path.name))
        else:
            left_out.append(f"left out of the references: {path} has no color to take over")
    if not found:
        raise UsageError(f"--reference {place}: has no color to take over")
    return found, left_out
