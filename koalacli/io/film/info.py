"""What is known of a film before its first frame."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from koalacli.errors import InputError, UnsupportedError
from koalacli.io.film.open import USUAL_RATE, film_streams
from koalacli.io.film.planes import ColorTags, PixelFormat, complete_tags, has_alpha, is_full_range, working_format


@dataclass(frozen=True)
class FilmInfo:
    """What is known of a film's picture before its first frame.

    Attributes:
        width, height: as stored, before rotation.
        source_format: FFmpeg's name of the pixel format as stored.
        pixel_format: in which it is colorized.
        tags: complete; see `complete_tags`.
        sample_aspect: width to height of one sample.
        time_base, rate: fractions; the rate is an average.
        frames: expected number, 0 where unknown.
        duration: seconds, 0 where unknown.
        remarks: things worth saying: transparency that is lost, several video streams.
        codec, profile: FFmpeg's names of what decodes it.
        lossless: whether that codec loses nothing.
        picture_per_packet: whether every packet is a picture of its own.
    """

    width: int
    height: int
    source_format: str
    pixel_format: PixelFormat
    tags: ColorTags
    sample_aspect: Fraction
    time_base: Fraction
    rate: Fraction
    frames: int
    duration: Fraction
    remarks: tuple[str, ...] = ()
    codec: str = ""
    profile: str = ""
    lossless: bool = False
    picture_per_packet: bool = False


def describe_film(path: Path, container: Any, stream: Any) -> FilmInfo:
    """What is known of a film's video stream.

    Raises:
        InputError, UnsupportedError: it cannot be colorized.
    """
    context = stream.codec_context
    if context is None or context.format is None or not context.width:
        raise InputError(f"{path}: its video cannot be decoded (unknown codec, or a damaged header)")
    name = context.format.name
    try:
        pixel_format = working_format(name)
        tags = complete_tags(context, context.height, is_full_range(name, context.color_range))
    except UnsupportedError as error:
        raise UnsupportedError(f"{path}: {error}") from error
    remarks = []
    if has_alpha(name):
        remarks.append("transparency is dropped")
    if (count := len(film_streams(container))) > 1:
        number = film_streams(container).index(stream) + 1
        remarks.append(f"video stream {number} of {count} is colorized, the others are copied (--track chooses)")
    duration = own_duration(container, stream) or Fraction(container.duration or 0, av.time_base)
    lossless = context.codec.lossless and not context.codec.lossy
    rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
    return FilmInfo(
        width=context.width,
        height=context.height,
        source_format=name,
        pixel_format=pixel_format,
        tags=tags,
        sample_aspect=stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1),
        time_base=stream.time_base,
        rate=rate,
        frames=stream.frames or round(duration * rate),
        duration=duration,
        remarks=tuple(remarks),
        codec=context.codec.canonical_name,
        profile=context.profile or "",
        lossless=lossless,
        picture_per_packet=lossless or context.codec.intra_only,
    )


def own_duration(container: Any, stream: Any) -> Fraction | None:
    """Length of this very stream, seconds: in its header, or in Matroska's statistics."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    stated = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if stated:
        hours, minutes, seconds = stated.groups()
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    alone = len(container.streams) == 1 and container.duration
    return Fraction(container.duration, av.time_base) if alone else None
