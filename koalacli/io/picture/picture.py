"""Frame and Picture: what is read, joined with color and encoded."""

from dataclasses import dataclass, field

from koalacli.arrays import Pixels
from koalacli.io.picture.metadata import Metadata


@dataclass(frozen=True)
class Frame:
    """One page of a TIFF, one frame of an animation.

    Attributes:
        pixels: gray (H, W) or rgb (H, W, 3), uint8 or uint16, gamma-encoded sRGB, upright.
        alpha: (H, W) of the same dtype, or None.
        milliseconds: how long it is shown; 0 for stills.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    milliseconds: float = 0.0


@dataclass(frozen=True)
class Picture:
    """One decoded file.

    Attributes:
        pixels, alpha: of the first frame; see Frame.
        format: key of `io.codecs.CODECS`.
        metadata: see Metadata.
        more: the frames after the first.
        milliseconds: how long the first frame is shown.
        loop: how often an animation is repeated; 0 is for ever, None where the file does not say.
        lossless: whether the file holds its pixels bit for bit.
        compressed: whether it was worth its maker's while to pack them; only TIFF says no.
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
    remark: str = ""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """All frames, in order."""
        return (Frame(self.pixels, self.alpha, self.milliseconds), *self.more)
