"""The review page: one file that opens from disk, and a folder of sheets beside it."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from koalacli.report.templates import embed_json, fill, read_asset

PARTS = "texts color join hints view store wheel tools outline stage keys strip"  # of the script, in order
SCRIPTS = (*(f"review_{part}.js" for part in PARTS.split()), "review.js")
MARK = '<meta name="generator" content="koala review">'  # by which a rerun knows a folder as its own


def review_page(entries: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        entries: of the sheets, in the order in which they are shown; see `sheets.entry_of`.
        facts: what the page must know of the batch: see `pipelines.review`.
    """
    style = read_asset("common.css") + read_asset("slider.css") + read_asset("review.css")
    script = '"use strict";\n' + "".join(read_asset(name) for name in SCRIPTS)
    return fill(
        "review.html",
        {
            "mark": MARK,
            # The page's own script may load the sheets; nothing else may run, whatever a name holds.
            "policy": f"default-src 'none'; script-src '{_hash(script)}' 'strict-dynamic'; style-src '{_hash(style)}'; "
            "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'",
            "style": style,
            "script": script,
            "texts": embed_json(json.loads(read_asset("review_texts.json"))),
            "facts": embed_json(dict(facts)),
            "entries": embed_json(list(entries)),
        },
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
