"""Frame and Picture: what is read, joined with color and encoded."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.arrays import Pixels
from koalacli.io.picture.metadata import Metadata


@dataclass(frozen=True)
class Frame:
    """One page of a TIFF, one frame of an animation.

    Attributes:
        pixels: gray (H, W) or rgb (H, W, 3), uint8 or uint16, gamma-encoded sRGB, upright.
        alpha: (H, W) of the same dtype, or None.
        milliseconds: how long it is shown; 0 for stills.
        extra: (H, W, n) of the same dtype, or None: channels of a TIFF that are neither color nor transparency, such
            as infrared and spot colors; as they are in the file, upright.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    milliseconds: float = 0.0
    extra: Pixels | None = None


@dataclass(frozen=True)
class Apart:
    """A page of a TIFF that is no picture: a mask, an infrared plane; kept as it is, never colored.

    Attributes:
        pixels: (H, W), uint8, uint16 or bool, as they are in the file.
        photometric, kind: its tags PhotometricInterpretation and NewSubfileType.
        after: how many frames stand before it.
    """

    pixels: NDArray[Any]
    photometric: int
    kind: int
    after: int


@dataclass(frozen=True)
class Picture:
    """One decoded file.

    Attributes:
        pixels, alpha, extra: of the first frame; see Frame.
        format: key of `io.codecs.CODECS`.
        metadata: see Metadata.
        more: the frames after the first.
        milliseconds: how long the first frame is shown.
        loop: how often an animation is repeated; 0 is for ever, None where the file does not say.
        cover: whether the first frame is no part of the animation: an APNG may hold a picture for who cannot play it.
        lossless: whether the file holds its pixels bit for bit.
        compressed: whether it was worth its maker's while to pack them; only TIFF says no.
        apart: pages that are no pictures.
        remark: what had to be decided on the way; one line, or nothing.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "png"
    metadata: Metadata = field(default_factory=Metadata)
    more: tuple[Frame, ...] = ()
    milliseconds: float = 0.0
    loop: int | None = None
    lossless: bool = True
    compressed: bool = True
    extra: Pixels | None = None
    apart: tuple[Apart, ...] = ()
    cover: bool = False
    remark: str = ""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """All frames, in order."""
        return (Frame(self.pixels, self.alpha, self.milliseconds, self.extra), *self.more)


def turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation 1..8 to (H, W, ...)."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def turn_back(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo `turn`."""
    return turn(pixels, {6: 8, 8: 6}.get(orientation, orientation))
