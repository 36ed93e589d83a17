"""Python for people: a picture, files, films, with the settings of the command line as named options.

import koalacli
koalacli.colorize("old.jpg", vividness=0.3).save("new.png")
koalacli.colorize_files("scans/", "color/")
koalacli.colorize_video("film.mkv", progress=lambda state: print(state.done, state.total))
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

import numpy as np

from koalacli.arrays import Pixels
from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig, VideoConfig
from koalacli.control.hints import Hint
from koalacli.control.references import STRENGTH as REFERENCE_STRENGTH
from koalacli.errors import InputError, UnsupportedError, UsageError
from koalacli.io.picture.memory import Image, make_image, take_image
from koalacli.io.picture.read import read_picture
from koalacli.records import Notice, Outcome, Phase, Progress, Record, Started
from koalacli.settings import read_out_of
from koalacli.values import make_settings, settings_of
from koalacli.weights_files import WeightsFile, open_weights

Place = str | PathLike[str]
logger = logging.getLogger("koala")
# Settings that mean nothing here: an argument says the output, records are returned, and a call should end.
COMMAND_LINE_ONLY = ("output", "report", "gallery", "log_file", "watch")

KEPT = 4  # networks, the last that `colorize` was asked for
_kept: dict[object, Colorizer] = {}


class Options(TypedDict, total=False):
    """What `colorize` takes besides the picture; its docstring tells what each is."""

    hints: Sequence[Hint]
    reference: Place | Image | Pixels | None
    reference_strength: float
    colorizer: Colorizer | None
    weights: Place
    device: str
    size: int | None
    vividness: float | None
    saturation: float | None
    stretch: float | None


@overload
def colorize(picture: Place | Image, **options: Unpack[Options]) -> Image: ...


@overload
def colorize(picture: Pixels, **options: Unpack[Options]) -> Pixels: ...


def colorize(
    picture: Place | Image | Pixels,
    *,
    hints: Sequence[Hint] = (),
    reference: Place | Image | Pixels | None = None,
    reference_strength: float = REFERENCE_STRENGTH,
    colorizer: Colorizer | None = None,
    weights: Place = "koala",
    device: str = "auto",
    size: int | None = None,
    vividness: float | None = None,
    saturation: float | None = None,
    stretch: float | None = None,
) -> Image | Pixels:
    """Color one picture. The network is loaded by the first call and kept for others with the same options.

    Args:
        picture: the path of a still of 8 bits, a Pillow picture, or an array, uint8 or uint16, gray (H, W) or
            rgb (H, W, 3), gamma-encoded sRGB. Color in it is made anew.
        hints: what is known of its colors.
        reference: a photograph in color whose colors it takes over where they are possible.
        reference_strength: 0 leaves the network's colors, 1 follows the reference as far as may be.
        colorizer: a network that is loaded already; then the options below are its own.
        weights: name of shipped weights, or path of a weights file.
        device: auto, cpu, gpu or gpu:N.
        size, vividness, saturation, stretch: as for `Colorizer`; by default the weights' own.

    Returns:
        A picture of Pillow's, upright and with its transparency, where a path or one of Pillow's was given; an array
        (H, W, 3) of the same dtype where an array was. Metadata is for `colorize_files`, which keeps it.

    Raises:
        InputError: the path is no still that can be read, or one of 16 bits.
        WeightsError, DeviceError, UsageError.
    """
    options = {"size": size, "vividness": vividness, "saturation": saturation, "stretch": stretch}
    given = {name: value for name, value in options.items() if value is not None}
    if colorizer is not None and (given or weights != "koala" or device != "auto"):
        raise UsageError("a colorizer has its own weights, device and look; give those to Colorizer(...)")
    network = colorizer or _load(weights, device, given)
    guide = None if reference is None else _pixels_of(reference)[0]
    pixels, alpha = _pixels_of(picture)
    if hints or guide is not None:
        rgb = network.colorize(pixels, hints, reference=guide, reference_strength=reference_strength)
    else:
        rgb = _colorize_print(network, pixels)
    return rgb if isinstance(picture, np.ndarray) else make_image(rgb, alpha)


def _colorize_print(network: Colorizer, pixels: Pixels) -> Pixels:
    """As `koala colorize` does it: of a toned print the network sees what tells most of it."""
    from koalacli.color.join import colorize_pixels, without_axis
    from koalacli.photograph.guides import guide_of, seen_of

    held = without_axis(pixels)
    guide = guide_of(held, network)
    ab = network.predict([seen_of(held, guide, network)]).ab[0]
    return colorize_pixels(held, guide, ab, pixels.dtype)


def colorize_files(
    sources: Place | Iterable[Place],
    output: Place = "",
    *,
    progress: Callable[[int, int, Record], None] | None = None,
    colorizer: Colorizer | None = None,
    **settings: Any,
) -> list[Record]:
    """Color files and folders as `koala colorize` does: formats, names, metadata and finished work are kept.

    Args:
        sources: a file, a folder, a pattern or a URL, or several.
        output: a folder, or a file for one picture; by default beside the input.
        progress: called with the number of finished inputs, that of all (0 where it is not known), and the record of
            the last one.
        colorizer: a network that is loaded already.
        **settings: of `koala colorize`, by the names of its flags, below.

    Returns:
        One record per input: its `outcome`, `target`, and `reason` where it failed or was left out. Failures are also
        logged, as warnings of the logger "koala".

    Raises:
        KoalaError: the request cannot be met; nothing has been written then.
        StorageFullError: in the middle; what is written is whole.
    """
    from koalacli.pipelines.colorize import colorize as run

    config = _settings_for(ColorizeConfig, settings)
    records: list[Record] = []
    total = 0
    for event in run(_places(sources), fspath(output), config, colorizer or _find(config)):
        _log(event)
        if isinstance(event, Started):
            total = event.total
        elif isinstance(event, Record):
            records.append(event)
            if progress:
                progress(len(records), total, event)
    return records


def colorize_video(
    sources: Place | Iterable[Place],
    output: Place = "",
    *,
    progress: Callable[[Progress], None] | None = None,
    colorizer: Colorizer | None = None,
    **settings: Any,
) -> list[Record]:
    """Color films as `koala video` does: the same frames and times, every other stream copied, resumed where it was.

    Args:
        sources: a film, a folder of films, an animation or frames/%06d.png, or several.
        output: a film, numbered pictures, or a folder for several films; by default beside the input.
        progress: called with a `Progress` every so many frames: `source`, `done`, `total`, `seconds`.
        colorizer: a network that is loaded already.
        **settings: of `koala video`, by the names of its flags, below.

    Returns, Raises:
        As `colorize_files`.
    """
    from koalacli.pipelines.video.pipeline import colorize_video as run

    config = replace(_settings_for(VideoConfig, settings), output=fspath(output))
    records: list[Record] = []
    for event in run(_places(sources), config, colorizer or _find(config)):
        _log(event)
        if isinstance(event, Record):
            records.append(event)
        elif isinstance(event, Progress) and progress:
            progress(event)
    return records


def _load(weights: Place, device: str, read_out: dict[str, Any]) -> Colorizer:
    """A network that an earlier call has loaded, or one that is loaded now and kept."""
    file = open_weights(Path(weights) if isinstance(weights, PathLike) else weights)
    key = _key_of(file, device, read_out)
    known = _kept.pop(key) if key in _kept else Colorizer(file, device, **read_out)
    _kept[key] = known  # behind all others
    while len(_kept) > KEPT:
        del _kept[next(iter(_kept))]
    return known


def _find(config: ColorizeConfig | VideoConfig) -> Colorizer | None:
    """The network that a config asks for, if an earlier call has loaded it."""
    if getattr(config, "batch_size", "auto") != "auto":
        return None
    return _kept.get(_key_of(open_weights(config.weights), config.device, read_out_of(config)))


def _key_of(file: WeightsFile, device: str, read_out: dict[str, Any]) -> object:
    return file.path, file.digest, device, tuple(sorted(read_out.items()))


def _pixels_of(picture: Place | Image | Pixels) -> tuple[Pixels, Pixels | None]:
    """Pixels, gray (H, W) or rgb (H, W, 3), and alpha (H, W) where there is some."""
    if isinstance(picture, np.ndarray):
        if picture.dtype not in (np.uint8, np.uint16) or not (
            picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (1, 3))
        ):
            shape = " x ".join(map(str, picture.shape))
            raise UsageError(f"an array of {picture.dtype}, {shape}: give uint8 or uint16, (H, W) or (H, W, 3)")
        return picture, None
    if isinstance(picture, Image):
        return take_image(picture)
    if not isinstance(picture, str | PathLike):
        raise UsageError(f"{type(picture).__name__}: give a path, a Pillow picture or an array")
    read = read_picture(Path(picture))
    if len(read.frames) > 1:
        raise InputError(f"{picture}: has {len(read.frames)} frames; colorize_files colors them all")
    if read.pixels.dtype != np.uint8:
        raise UnsupportedError(f"{picture}: has 16 bits, which Pillow cannot hold in color; colorize_files keeps them")
    return read.pixels, read.alpha


def _places(sources: Place | Iterable[Place]) -> list[str]:
    places = [fspath(place) for place in ([sources] if isinstance(sources, str | PathLike) else sources)]
    if not places:
        raise UsageError("no inputs were given")
    return places


def _settings_for(config: type[Any], given: dict[str, Any]) -> Any:
    if wrong := [name for name in given if name in COMMAND_LINE_ONLY]:
        raise UsageError(f"{wrong[0]}: is for the command line")
    return make_settings(config, given)


def _log(event: Started | Notice | Phase | Progress | Record) -> None:
    """What is neither a result nor progress must be seen by somebody."""
    if isinstance(event, Notice | Phase):
        logger.info(event.text)
    elif isinstance(event, Record) and event.outcome == Outcome.FAILED:
        logger.warning(event.reason)


def _name_settings(function: Callable[..., Any], config: type[Any]) -> None:
    """Show the settings where help(...) and editors look: in the signature and at the end of the docstring."""
    shown = {name: known for name, known in settings_of(config).items() if name not in COMMAND_LINE_ONLY}
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "settings"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=known.default, annotation=known.type)
        for name, known in shown.items()
    ]
    function.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    lines = "\n".join(f"    {name}: {known.metadata['help']}" for name, known in shown.items())
    function.__doc__ = f"{inspect.getdoc(function)}\n\nSettings:\n{lines}\n"


_name_settings(colorize_files, ColorizeConfig)
_name_settings(colorize_video, VideoConfig)
