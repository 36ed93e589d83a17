"""PROTOCOLS: how `koala eval` prepares pictures before it compares them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """One entry of PROTOCOLS. Figures of different protocols cannot be compared.

    Attributes:
        help: what becomes of a picture.
        side: sides of the square that it becomes, pixels; 0 leaves it as it is.
        square: take the largest center square; else the whole picture is stretched.
        average: average areas where pictures get smaller; else bilinear without smoothing.
    """

    help: str
    side: int = 0
    square: bool = False
    average: bool = False


PROTOCOLS = {
    "original": Protocol("as they are"),
    # DDColor and MultiColor judge in this way, ColTran and L-CAD in the other.
    "stretch256": Protocol("stretched to 256x256, bilinear", side=256),
    "center256": Protocol("the largest center square at 256x256, area-averaged", side=256, square=True, average=True),
}
