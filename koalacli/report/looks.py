"""The page of `koala try`: one picture, or moments of a film, in several looks, to choose from."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from koalacli.arrays import Rgb8
from koalacli.io.texts import one_line
from koalacli.report.pictures import data_uri
from koalacli.report.templates import fill, read_asset

SIDE, QUALITY = 560, 82  # of the pictures inside the page


@dataclass(frozen=True)
class Tried:
    """One look.

    Attributes:
        number: by which it is picked.
        flags: that make it; empty for the usual one.
        pictures: rgb8 (H, W, 3), one per moment.
    """

    number: int
    flags: str
    pictures: list[Rgb8]


def looks_page(source: str, command: str, moments: Sequence[str], gray: Sequence[Rgb8], tried: Sequence[Tried]) -> str:
    """The whole page.

    Args:
        source: what was tried, as it was given.
        command: that makes a result of it: colorize, video; with what flags it needs besides those of the looks.
        moments: times of the film; one that is empty for a picture.
        gray: the source at those moments, rgb8.
        tried: the looks, in the order of their numbers.
    """
    word = shlex.quote(source)
    articles = [
        _article(f"{look.number}", look.flags or "as usual", look.pictures, moments, _typed(command, word, look.flags))
        for look in tried
    ]
    slots = {
        "title": escape(f"Looks of {one_line(source.rpartition('/')[2])}"),
        "before": "".join(map(_picture, gray, moments)),
        "looks": "".join(articles),
        "pick": _whole_flags(f"koala try {word} --pick N"),
        "style": read_asset("common.css") + read_asset("looks.css"),
    }
    return fill("looks.html", slots)


def _typed(command: str, word: str, flags: str) -> str:
    """What makes a look: koala colorize PICTURE FLAGS."""
    name, _, others = command.partition(" ")
    return " ".join(filter(None, ("koala", name, word, flags, others)))


def _article(number: str, told: str, pictures: Sequence[Rgb8], moments: Sequence[str], command: str) -> str:
    shown = "".join(map(_picture, pictures, moments))
    head = f"<h2><b>{escape(number)}</b> {_whole_flags(told)}</h2>"
    typed = f"<code>{_whole_flags(command)}</code>"
    return f'<article id="look-{number}"><div class="row">{shown}</div>{head}{typed}</article>'


def _whole_flags(command: str) -> str:
    """As HTML, in which no line breaks between a flag and its value, nor behind its hyphens."""
    return re.sub(r"--[a-z-]+ \S+", r"<span>\g<0></span>", escape(command))


def _picture(rgb8: Rgb8, moment: str) -> str:
    height, width = rgb8.shape[:2]
    caption = f"<figcaption>{escape(moment)}</figcaption>" if moment else ""
    return f'<figure><img src="{data_uri(rgb8, QUALITY)}" width="{width}" height="{height}" alt="">{caption}</figure>'
