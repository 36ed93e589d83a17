"""Write docs/benchmarks.md from docs/benchmarks.json, which benchmarks/speed.py makes; with --check, fail if it is old.

python tools/make_benchmarks_page.py [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = """# How fast koala is

Made by `tools/make_benchmarks_page.py` from `benchmarks.json`, with the figures of `python benchmarks/speed.py`; edits
are overwritten. What is compared, and how, says [benchmarks/README.md](../benchmarks/README.md).

Limit over koala, by processor time: 1 is as fast as the limit, above it koala is faster. Each is the median of
{rounds} rounds that took turns, with the least and the largest. {note}

`network`: the bare compiled network. `codec`: OpenCV reads to color and writes. `sum`: both. `sum and color`: with
putting color on, without which there is no picture. `before`: koala as it was before the last work on its speed.
"""


def title(case: dict[str, Any]) -> str:
    """What a case is called."""
    return f"film, {case['height']}p" if "height" in case else f"{case['kind']}, {case['megapixels']:g} MP"


def ratio(values: list[float] | None) -> str:
    """Median, with least and largest."""
    return "" if values is None else f"{values[0]:.2f} ({values[1]:.2f} to {values[2]:.2f})"


def make_page(measured: dict[str, Any]) -> str:
    """The page: a line per case, a column per limit."""
    cases = [*measured["pictures"], *measured["films"]]
    names = list(dict.fromkeys(name for case in cases for name in case["processor"]))
    lines = [HEAD.format(rounds=measured["rounds"], note=measured.get("note", ""))]
    lines += ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for case in cases:
        lines.append(f"| {title(case)} | " + " | ".join(ratio(case["processor"].get(name)) for name in names) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write or check."""
    page = make_page(json.loads((DOCS / "benchmarks.json").read_text("utf-8")))
    target = DOCS / "benchmarks.md"
    if "--check" not in sys.argv:
        target.write_text(page, "utf-8")
    elif target.read_text("utf-8") != page:
        sys.exit("docs/benchmarks.md is out of date; run python tools/make_benchmarks_page.py")


if __name__ == "__main__":
    main()
