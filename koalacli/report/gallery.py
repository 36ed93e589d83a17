"""The gallery of a run: one HTML page with every picture before and after, to look at, to mail, to print."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from koalacli.arrays import Rgb8
from koalacli.io.texts import one_line
from koalacli.records import Outcome
from koalacli.report.pictures import data_uri, shrink
from koalacli.report.templates import fill, read_asset

SIDE, QUALITY = 560, 76  # of the pictures inside the page: a few hundred of them can still be mailed


@dataclass(frozen=True)
class Exhibit:
    """One input of a run.

    Attributes:
        name: of the input.
        outcome: of it.
        remark: how it was done, or why it was not.
        before, after: rgb8 (H, W, 3); None where there is nothing to show. Without `before`, `after` stands alone.
    """

    name: str
    outcome: Outcome
    remark: str = ""
    before: Rgb8 | None = None
    after: Rgb8 | None = None


def gallery_page(title: str, exhibits: Iterable[Exhibit]) -> str:
    """The whole page: pictures in the order of the exhibits, then what has none, failures first.

    Args:
        title: of the page.
        exhibits: taken one at a time, so that their pictures need not all be in memory.
    """
    shown: list[str] = []
    others: list[Exhibit] = []
    for exhibit in exhibits:
        if exhibit.after is None:
            others.append(exhibit)
        else:
            shown.append(_article(exhibit))
    slots = {
        "title": escape(title),
        "lead": _lead(len(shown), others),
        "exhibits": "\n".join(shown),
        "others": _others(others),
        "style": read_asset("common.css") + read_asset("slider.css") + read_asset("gallery.css"),
        "script": read_asset("gallery.js"),
    }
    return fill("gallery.html", slots)


def _lead(shown: int, others: list[Exhibit]) -> str:
    failed = sum(exhibit.outcome == Outcome.FAILED for exhibit in others)
    pictures = f"{shown} picture{'s' * (shown != 1)}"
    return f"{pictures}, {failed} failed" if failed else pictures


def _article(exhibit: Exhibit) -> str:
    name = escape(one_line(exhibit.name))
    remark = f"<p>{escape(one_line(exhibit.remark))}</p>" if exhibit.remark else ""
    after = shrink(exhibit.after, SIDE) if exhibit.after is not None else None
    assert after is not None
    height, width = after.shape[:2]
    if exhibit.before is None:
        size = f'width="{width}" height="{height}"'
        picture = f'<img class="alone" src="{data_uri(after, QUALITY)}" {size} alt="{name}">'
    else:
        before = data_uri(shrink(exhibit.before, SIDE), QUALITY)
        picture = (
            f'<div class="stage" style="--ratio: {width / height:.4f}"><img src="{data_uri(after, QUALITY)}" '
            f'alt="{name}, after"><img class="over" src="{before}" alt="{name}, before">'
            '<i class="handle" aria-hidden="true"></i><input type="range" min="0" max="100" value="50" '
            f'aria-label="{name}: share that is shown as it was before, in percent"></div>'
        )
    return f"<article>{picture}<h2>{name}</h2>{remark}</article>"


def _others(exhibits: list[Exhibit]) -> str:
    """What is not shown, and why."""
    if not exhibits:
        return ""
    ordered = sorted(exhibits, key=lambda exhibit: exhibit.outcome != Outcome.FAILED)
    lines = []
    for exhibit in ordered:
        mark = ' class="failed"' if exhibit.outcome == Outcome.FAILED else ""
        told = exhibit.remark if exhibit.remark.startswith(exhibit.name) else f"{exhibit.name}: {exhibit.remark}"
        lines.append(f"<li{mark}>{escape(exhibit.outcome)}: {escape(one_line(told))}</li>")
    return f'<section class="others"><h2>Not shown</h2><ul>{"".join(lines)}</ul></section>'
