"""The real-or-fake study: one HTML page that shows originals and recolored pictures and writes down the answers."""

import hashlib
from collections.abc import Sequence
from html import escape

from koalacli.metrics.opinions import FORMAT
from koalacli.report.pictures import Panel, data_uri, shrink
from koalacli.report.templates import embed_json, fill, read_asset

SIDE, QUALITY = 512, 85


def study_page(panels: Sequence[Panel], prediction: str) -> str:
    """The page.

    Both versions of every picture are inside, encoded alike, so that neither size nor artifacts
    tell them apart; which one a participant sees is drawn in the browser, half of each kind.

    Args:
        panels: versions `prediction` and "reference" of every picture.
        prediction: label of the recolored version.
    """
    pictures = [
        {
            "picture": panel.name,
            "original": data_uri(shrink(panel.versions["reference"], SIDE), QUALITY),
            "recolored": data_uri(shrink(panel.versions[prediction], SIDE), QUALITY),
        }
        for panel in panels
    ]
    content = embed_json(pictures)
    identity = hashlib.sha256(content.encode()).hexdigest()[:16]
    return fill(
        "study.html",
        {
            "style": read_asset("common.css") + read_asset("study.css"),
            "script": read_asset("study.js"),
            "count": escape(str(len(pictures))),
            "study": embed_json({"format": FORMAT, "study": identity}),
            "pictures": content,
        },
    )
