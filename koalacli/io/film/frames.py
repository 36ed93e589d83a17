"""Frames of films as pictures: for judging, and for writing them one by one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from koalacli.errors import InputError, UnsupportedError
from koalacli.io.film.open import open_container
from koalacli.io.film.planes import ColorTags, complete_tags, is_full_range, swscale_matrix

HALF_A_MILLISECOND = 0.0005  # containers round times to whole ones
FULL = 2  # number of the range in ISO/IEC 23091-2


def read_frames(path: Path, limit: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """The frames of a clip's first video stream as stored, uint8 (H, W, 3), gamma-encoded.

    Args:
        path: the file.
        limit: frames at most.

    Raises:
        InputError: the file is no film, or breaks off in a way that cannot be decoded.
    """
    try:
        with open_container(path) as container:
            if not container.streams.video:
                raise InputError(f"{path}: has no video stream")
            for number, frame in enumerate(container.decode(container.streams.video[0])):
                if number == limit:
                    return
                tags = complete_tags(frame, frame.height, is_full_range(frame.format.name, frame.color_range))
                yield np.asarray(frame_pixels(frame, tags, deep=False), np.uint8)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a film ({error})") from error
    except UnsupportedError as error:
        raise UnsupportedError(f"{path}: {error}") from error


def film_length(path: Path) -> float:
    """Length of a film as its container tells it, seconds; 0 where it does not.

    Raises:
        InputError: it is no film.
    """
    try:
        with open_container(path) as container:
            return float((container.duration or 0) / av.time_base)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a film ({error})") from error


def frame_at(path: Path, seconds: float) -> NDArray[np.uint8]:
    """The frame that is shown first at or after a time from the film's beginning, or its last one.

    Returns:
        uint8 (H, W, 3), upright.

    Raises:
        InputError: there is none.
    """
    found: Any = None
    try:
        with open_container(path) as container:
            stream = container.streams.best("video")
            if stream is None:
                raise InputError(f"{path}: has no video stream")
            begin = float((stream.start_time or 0) * stream.time_base)
            if seconds > 0:
                container.seek(int((begin + seconds) / stream.time_base), stream=stream, backward=True)
            for frame in container.decode(stream):
                found = frame
                if frame.time is None or frame.time - begin >= seconds - HALF_A_MILLISECOND:
                    break
            if found is None:
                raise InputError(f"{path}: no frame can be decoded at {seconds:g} s")
            tags = complete_tags(found, found.height, is_full_range(found.format.name, found.color_range))
            rgb8 = np.rot90(frame_pixels(found, tags, deep=False), round(found.rotation / 90))
            return np.ascontiguousarray(rgb8, np.uint8)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a film ({error})") from error


def frame_pixels(frame: Any, tags: ColorTags, *, deep: bool) -> NDArray[Any]:
    """A frame as rgb, (H, W, 3): uint8, or uint16 over the full range if `deep`."""
    # Conversion is spelled out: left to itself, it takes every matrix for BT.601.
    shown = frame.reformat(
        format="rgb48le" if deep else "rgb24",
        src_colorspace=swscale_matrix(tags.matrix),
        src_color_range=tags.range,
        dst_color_range=FULL,
    )
    return np.asarray(shown.to_ndarray())
