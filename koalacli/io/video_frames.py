"""Frames of a clip as pictures, for judging; `koala video` itself never takes this way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from koalacli.errors import InputError

HD_LINES = 720  # untagged video of at least so many lines is BT.709, below it is BT.601
BT709, BT2020 = 1, 9  # numbers of matrices in ISO/IEC 23091-2


def read_frames(path: Path, limit: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """The frames of a clip's first video stream as stored, uint8 (H, W, 3), gamma-encoded.

    Args:
        path: the file.
        limit: frames at most.

    Raises:
        InputError: the file is no film, or breaks off in a way that cannot be decoded.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: has no video stream")
            for number, frame in enumerate(container.decode(container.streams.video[0])):
                if number == limit:
                    return
                yield _to_rgb(frame)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a film ({error})") from error


def _to_rgb(frame: Any) -> NDArray[np.uint8]:
    # Conversion is spelled out: left to itself, it takes every matrix for BT.601.
    matrix = frame.colorspace if frame.colorspace not in (0, 2) else BT709 if frame.height >= HD_LINES else None
    source = Colorspace.ITU709 if matrix in (BT709, BT2020) else Colorspace.ITU601
    shown = frame.reformat(format="rgb24", src_colorspace=source, dst_color_range=ColorRange.JPEG)
    return np.asarray(shown.to_ndarray(), np.uint8)
