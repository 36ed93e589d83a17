"""Pixel formats of video: where luma lies, and how a new frame is put together around it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from koalacli.color.cbcr_video import MATRICES, PRIMARIES, VideoColor
from koalacli.errors import UnsupportedError

Plane = NDArray[Any]  # uint8 at depth 8, else uint16; (H, W)
HD_LINES = 720  # untagged video of at least so many lines is BT.709, below it is BT.601
UNSPECIFIED = (None, 0, 2)
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
TRANSFER_OF_MATRIX = {1: 1, 9: 14}  # where the transfer is not tagged; all others: 6
DEPTHS = (8, 10, 12, 16)  # bits per sample of the formats below


@dataclass(frozen=True)
class PixelFormat:
    """Planar Y, U, V.

    Attributes:
        name: FFmpeg's: yuv420p, yuv422p10le, ...
        depth: bits per sample.
        across, down: luma samples per sample of U or V.
    """

    name: str
    depth: int
    across: int
    down: int

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Of one sample."""
        return np.uint8 if self.depth == 8 else np.uint16

    def cbcr_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of U and V, rounded up as FFmpeg does."""
        return -(-width // self.across), -(-height // self.down)


SUBSAMPLINGS = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2), "411": (4, 1), "410": (4, 4)}


def format_name(sampling: str, depth: int) -> str:
    """FFmpeg's name of a pixel format."""
    return f"yuv{sampling}p" if depth == 8 else f"yuv{sampling}p{depth}le"


PIXEL_FORMATS = {
    format_name(sampling, depth): PixelFormat(format_name(sampling, depth), depth, *factors)
    for depth in DEPTHS
    for sampling, factors in SUBSAMPLINGS.items()
    if depth == 8 or sampling in ("420", "422", "444")
}


@dataclass(frozen=True)
class ColorTags:
    """What a stream says about its colors, by ISO/IEC 23091-2 number; range 1 is limited, 2 full."""

    matrix: int
    primaries: int
    transfer: int
    range: int


def complete_tags(context: Any, height: int, full_range: bool) -> ColorTags:
    """The tags of a decoder, the missing ones filled in together: BT.709 from 720 lines up, else BT.601.

    Raises:
        UnsupportedError: high dynamic range, or a matrix that koala cannot make colors for.
    """
    matrix, primaries, transfer = context.colorspace, context.color_primaries, context.color_trc
    if transfer in HDR_TRANSFERS:
        raise UnsupportedError(
            f"high dynamic range ({HDR_TRANSFERS[transfer]}) is not supported; convert it to standard range first"
        )
    if matrix in UNSPECIFIED:
        matrix = 1 if height >= HD_LINES else 6
    if matrix not in MATRICES:
        raise UnsupportedError(f"color matrix number {matrix} is not supported")
    if primaries in UNSPECIFIED:
        primaries = matrix
    if primaries not in PRIMARIES:
        raise UnsupportedError(f"color primaries number {primaries} are not supported")
    if transfer in UNSPECIFIED:
        transfer = TRANSFER_OF_MATRIX.get(matrix, 6)
    return ColorTags(matrix, primaries, transfer, 2 if full_range else 1)


def is_full_range(name: str, tagged: int) -> bool:
    """Whether luma is: gray is full unless it is tagged otherwise, and what is made of RGB is limited as usual."""
    if is_rgb(name):
        return False
    return tagged == 2 or name.startswith("yuvj") or (name.startswith("gray") and tagged != 1)


def is_rgb(name: str) -> bool:
    """Whether a pixel format has no luma of its own."""
    return name == "pal8" or av.VideoFormat(name).is_rgb


def working_format(name: str) -> PixelFormat:
    """The planar format in which a film of the named pixel format is colorized, with all its luma bits.

    Raises:
        UnsupportedError: deeper than 16 bits per sample.
    """
    plain = name.replace("yuvj", "yuv")
    if plain in PIXEL_FORMATS:
        return PIXEL_FORMATS[plain]
    described = av.VideoFormat(name)
    depth = max(component.bits for component in described.components)
    if depth > DEPTHS[-1]:
        raise UnsupportedError(f"{depth} bits per sample ({name}) are not supported; at most {DEPTHS[-1]}")
    depth = min(known for known in DEPTHS if known >= depth)
    if name.startswith("gray") or name in ("monob", "monow", "ya8"):
        return PIXEL_FORMATS[format_name("420", depth)]
    if is_rgb(name):
        return PIXEL_FORMATS[format_name("444", depth)]
    factors = (_factor(described.chroma_width(64)), _factor(described.chroma_height(64)))
    sampling = next(key for key, known in SUBSAMPLINGS.items() if known == factors)
    return PIXEL_FORMATS[format_name(sampling, depth)]


def _factor(size_of_64: int) -> int:
    return 64 // max(size_of_64, 1)


def has_alpha(name: str) -> bool:
    """Whether a pixel format has transparency."""
    return any(component.is_alpha for component in av.VideoFormat(name).components)


def has_swapped_samples(frame: Any) -> bool:
    """Whether a gray frame of 16-bit words gets much smoother when every three samples of a line change places.

    Three 10-bit samples fill a word of DPX (SMPTE ST 268); some scanners begin at its other end, and no header says so.
    """
    luma = plane_view(frame.planes[0], PIXEL_FORMATS["yuv420p10le"], frame.width // 3 * 3, frame.height).astype(
        np.int32
    )
    swapped = luma.reshape(len(luma), -1, 3)[..., ::-1].reshape(luma.shape)
    given, other = (int(np.abs(np.diff(samples)).sum()) for samples in (luma, swapped))
    return given > 1.5 * other


def choose_format(wanted: PixelFormat, offered: set[str], width: int, height: int, codec: str) -> PixelFormat:
    """The format to encode: the wanted one, or one with all its luma and finer, coarser or deeper U and V.

    Args:
        wanted: of the source, or the user's.
        offered: pixel formats that the encoder takes.
        width, height: odd sizes need full-size U and V where the encoder takes them in whole pairs.
        codec: encoder's name; of the common ones, only VP9 and FFV1 take odd sizes in any format.

    Raises:
        UnsupportedError: the encoder has no format of this depth or a larger one.
    """
    even_only = codec.startswith(("libx26", "libsvtav1", "mpeg"))
    depths = [depth for depth in DEPTHS if depth >= wanted.depth]
    names = [format_name(sampling, depth) for depth in depths for sampling in ("422", "444", "420")]
    for name in (wanted.name, *names):
        candidate = PIXEL_FORMATS.get(name)
        if candidate is None or name not in offered:
            continue
        if even_only and (width % candidate.across or height % candidate.down):
            continue
        return candidate
    raise UnsupportedError(
        f"{codec} cannot hold {wanted.depth}-bit luma of {width}x{height}; choose another --codec (ffv1 holds all)"
    )


def plane_view(plane: Any, pixel_format: PixelFormat, width: int, height: int) -> Plane:
    """Samples of a plane without its padding, (H, W); writes go to the frame."""
    itemsize = np.dtype(pixel_format.dtype).itemsize
    samples = np.frombuffer(plane, pixel_format.dtype)
    return samples.reshape(-1, plane.line_size // itemsize)[:height, :width]


def source_planes(frame: Any, pixel_format: PixelFormat) -> tuple[Plane, ...]:
    """Y, U, V of a decoded frame in the working format, or Y alone if it is gray; not to be written to."""
    sizes = [(frame.width, frame.height)] + [pixel_format.cbcr_size(frame.width, frame.height)] * 2
    pairs = zip(frame.planes, sizes, strict=False)
    return tuple(plane_view(plane, pixel_format, *size) for plane, size in pairs)


def resize_plane(plane: Plane, size: tuple[int, int]) -> Plane:
    """U or V at (width, height) of another subsampling."""
    return plane if (plane.shape[1], plane.shape[0]) == size else np.asarray(cv2.resize(plane, size))


def to_working(frame: Any, pixel_format: PixelFormat, tags: ColorTags) -> Any:
    """A frame whose first plane is luma in the working format; planar and gray frames pass as they are.

    RGB is converted by the matrix and to the range that the output will be tagged with.
    """
    name = frame.format.name.replace("yuvj", "yuv")
    plain_gray = name in ("gray", "gray10le", "gray12le", "gray16le")
    gray_alike = plain_gray and frame.format.components[0].bits == pixel_format.depth
    if name == pixel_format.name or gray_alike:
        return frame
    options: dict[str, Any] = {"dst_colorspace": swscale_matrix(tags.matrix), "dst_color_range": tags.range}
    if not frame.format.is_rgb:
        options |= {"src_colorspace": options["dst_colorspace"], "src_color_range": tags.range}
    converted = frame.reformat(format=pixel_format.name, interpolation="AREA", **options)
    converted.pts, converted.time_base = frame.pts, frame.time_base
    return converted


def swscale_matrix(number: int) -> int:
    """swscale's number of a matrix; it knows BT.470 and SMPTE 170M under one number."""
    return 5 if number in (5, 6) else number


def change_depth(luma: Plane, source: PixelFormat, target: PixelFormat) -> Plane:
    """Luma at another depth: by shifting, with rounding where bits are lost."""
    shift = target.depth - source.depth
    if shift >= 0:
        return np.asarray(np.left_shift(luma, shift, dtype=target.dtype)) if shift else luma
    rounded: Plane = (luma.astype(np.uint32) + (1 << (-shift - 1))) >> -shift
    return np.asarray(np.minimum(rounded, (1 << target.depth) - 1), target.dtype)


def shrink_luma(luma: Plane, size: tuple[int, int]) -> Plane:
    """Luma averaged down to (width, height) of the same dtype; the same array if it has that size."""
    if (luma.shape[1], luma.shape[0]) == size:
        return luma
    smaller = luma.shape[0] * luma.shape[1] > size[0] * size[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(luma, size, interpolation=way))


def compose_frame(
    planes: tuple[Plane, ...], pixel_format: PixelFormat, tags: ColorTags, pts: int, time_base: Fraction
) -> av.VideoFrame:
    """A frame of the three planes Y, U, V, copied bit for bit and tagged."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format.name)
    for place, samples in zip(frame.planes, planes, strict=True):
        plane_view(place, pixel_format, samples.shape[1], samples.shape[0])[:] = samples
    frame.pts, frame.time_base = pts, time_base
    frame.colorspace, frame.color_range = tags.matrix, tags.range
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    return frame


def video_color(tags: ColorTags, depth: int) -> VideoColor:
    """The tags in the words of `color.cbcr_video`."""
    return VideoColor(tags.matrix, tags.primaries, tags.range == 2, depth)
