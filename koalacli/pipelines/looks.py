"""`koala try`: one picture, or moments of a film, in several looks on one page, by one loaded network."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np

from koalacli.arrays import Pixels, Rgb8
from koalacli.color.join import colorize_pixels
from koalacli.color.tone import is_colored
from koalacli.colorizer import Colorizer
from koalacli.config import ColorizeConfig, VideoConfig
from koalacli.errors import InputError, NothingMatchedError, UsageError
from koalacli.io.film.frames import film_length, frame_at
from koalacli.io.film.open import clock, parse_time
from koalacli.io.picture.codecs import codec_of
from koalacli.io.picture.read import read_picture
from koalacli.io.rules import config_for
from koalacli.io.side_outputs import check_side_outputs
from koalacli.io.suffixes import is_film
from koalacli.io.texts import write_text
from koalacli.photograph.guides import guide_of, seen_of
from koalacli.process import quiet_libraries
from koalacli.records import Outcome, Phase, Record, Started
from koalacli.report.looks import SIDE, Tried, looks_page
from koalacli.report.pictures import shrink
from koalacli.settings import ReadOut, ReadOutSettings, read_out_of
from koalacli.try_config import TryConfig
from koalacli.values import read_text
from koalacli.version import __version__
from koalacli.weights_files import WeightsFile, open_weights

PAGE = ".try.html"  # behind the name of what is tried, without its suffix
AXES = {"size": "sizes", "vividness": "vividnesses", "saturation": "saturations"}  # a setting: where its values stand
MOMENTS = (1 / 6, 1 / 2, 5 / 6)  # of a film, where nobody asks for others


@dataclass(frozen=True)
class Look:
    """One way to color: settings of the read-out that are not the usual ones, by name; and its number, from 1."""

    number: int
    settings: dict[str, float]

    @property
    def before_saturation(self) -> dict[str, Any]:
        """The settings that need the network anew."""
        return {name: value for name, value in self.settings.items() if name != "saturation"}

    @property
    def flags(self) -> str:
        """As they are typed."""
        return " ".join(f"--{name} {value:g}" for name, value in self.settings.items())


def list_looks(config: TryConfig, usual: ColorizeConfig | VideoConfig) -> list[Look]:
    """All looks that are compared, the usual one first; the same request gives the same numbers.

    Args:
        config: see TryConfig.
        usual: the settings with which a plain command would color it, those of koala.toml included.

    Raises:
        UsageError: a value is out of range.
        WeightsError: there are no such weights.
    """
    known = open_weights(usual.weights)
    own = replace(own_read_out(known), **read_out_of(usual))
    axes = dict(AXES)
    if not known.header.get("network", {}).get("bins"):
        del axes["vividness"]
    values = [dict.fromkeys([getattr(own, name), *_parse(name, axes[name], config)]) for name in axes]
    looks = []
    for number, chosen in enumerate(product(*values), 1):
        settings = {name: value for name, value in zip(axes, chosen, strict=True) if value != getattr(own, name)}
        looks.append(Look(number, settings))
    return looks


def own_read_out(known: WeightsFile) -> ReadOut:
    """The read-out of weights, from their header."""
    held = known.header.get("read_out", {})
    return ReadOut(**{one.name: held[one.name] for one in fields(ReadOut) if one.name in held})


def find_look(config: TryConfig, usual: ColorizeConfig | VideoConfig) -> Look:
    """The look that --pick names; arguments as for `list_looks`.

    Raises:
        UsageError: there is none of that number.
    """
    looks = list_looks(config, usual)
    if config.pick > len(looks):
        raise UsageError(f"--pick {config.pick}: there are {len(looks)} looks; give the flags of the page that you saw")
    return looks[config.pick - 1]


def try_looks(
    source: str,
    config: TryConfig,
    usual: ColorizeConfig | VideoConfig,
    typed: str = "",
    colorizer: Colorizer | None = None,
) -> Iterator[Phase | Started | Record]:
    """Write the page.

    Args:
        source: a picture, of an animation its first frame; or a film.
        config: see TryConfig.
        usual: see `list_looks`.
        typed: flags that the commands of the page need besides those of their looks.
        colorizer: a network that is loaded already.

    Yields:
        Phases, Started with the number of looks, one Record for the page.

    Raises:
        KoalaError: the request cannot be met; nothing has been written then.
    """
    started = time.perf_counter()
    looks = list_looks(config, usual)
    moments = _moments(source, config)
    target = config.output or f"{Path(source).stem}{PAGE}"
    if not target.lower().endswith(".html"):
        raise UsageError(f"--output {target}: the page needs a name that ends in .html; the result is for --pick")
    check_side_outputs({"--output": target}, [source, usual.weights])
    yield Phase(f"{len(looks)} looks; starting the network")
    quiet_libraries()
    asked = read_out_of(usual)
    network = colorizer.with_look(**asked) if colorizer else Colorizer(usual.weights, usual.device, **asked)
    yield Started(len(looks), network.device, network.weights.name, 0, __version__)
    tried: list[Tried] = []
    for _, alike in groupby(looks, lambda look: look.before_saturation):
        group = list(alike)
        yield Phase(f"look {group[0].number} of {len(looks)}")
        tried += _paint(network, group, list(moments.values()))
    gray = [_small(pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)) for pixels in moments.values()]
    command = f"{command_for(source)} {typed}".rstrip()
    write_text(Path(target), looks_page(source, command, list(moments), gray, tried))
    yield Record(source, target, Outcome.DONE, seconds=time.perf_counter() - started)


def _paint(network: Colorizer, looks: Sequence[Look], pictures: Sequence[Pixels]) -> list[Tried]:
    """Pictures in looks that differ by saturation alone, as large as the page shows them."""
    seen = network.with_look(saturation=1.0, **looks[0].before_saturation)
    painted: dict[int, list[Rgb8]] = {look.number: [] for look in looks}
    for pixels in pictures:
        guide, small = guide_of(pixels, seen), _small(pixels)
        ab = seen.predict([seen_of(pixels, guide, seen)]).ab[0]
        for look in looks:
            saturation = np.float32(look.settings.get("saturation", network.read_out.saturation))
            painted[look.number].append(colorize_pixels(small, guide, ab * saturation, np.uint8))
    return [Tried(look.number, look.flags, painted[look.number]) for look in looks]


def _moments(source: str, config: TryConfig) -> dict[str, Pixels]:
    """What is tried: the picture, or frames of the film by their time; gray (H, W) or rgb (H, W, 3)."""
    path = Path(source)
    if command_for(source) == "colorize":
        if config.at:
            raise UsageError(f"--at {config.at}: is for films, and {source} is a picture")
        return {"": read_picture(path, max_pixels=config.max_pixels).pixels}
    length = film_length(path)
    times = [float(parse_time(text)) for text in config.at.split(",")] if config.at else [m * length for m in MOMENTS]
    if over := [seconds for seconds in times if length and seconds > length]:
        raise UsageError(f"--at: {clock(over[0])} is behind the end of {source} ({clock(length)})")
    return {clock(seconds): frame_at(path, seconds) for seconds in times}


def command_for(source: str) -> str:
    """The command that colors it: colorize for a picture, video for a film.

    Raises:
        NothingMatchedError: there is no such file.
        InputError: it is neither by its name.
    """
    path = Path(source)
    if path.is_dir():
        raise UsageError(f"{source}: is a folder; koala try takes one picture or film")
    if not path.is_file():
        raise NothingMatchedError(f"{source}: no such file")
    if not (codec_of(path) or is_film(path)):
        raise InputError(f"{source}: neither a picture nor a film by its name")
    return "colorize" if codec_of(path) else "video"


def usual_for(config: ColorizeConfig, source: str) -> ColorizeConfig:
    """The settings of a picture, with those of koala.toml for its folder."""
    return config_for(config, source, Path(Path(source).name))


def flags_for_color(source: str, config: TryConfig) -> str:
    """The flag without which a picture that is in color already would be copied; empty for others."""
    pixels = read_picture(Path(source), max_pixels=config.max_pixels).pixels
    return "--colored recolor" * is_colored(pixels)


def _parse(name: str, asked: str, config: TryConfig) -> list[float]:
    """Numbers of a list, each in the range of its setting."""
    known, text = ReadOutSettings.__dataclass_fields__[name], getattr(config, asked)
    try:
        return [read_text(known, part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--{asked} {text}: {error}") from error


def _small(pixels: Pixels) -> Rgb8:
    """A copy of the size that the page shows, uint8."""
    small = shrink(pixels, SIDE)
    return small if small.dtype == np.uint8 else (small // 257).astype(np.uint8)
