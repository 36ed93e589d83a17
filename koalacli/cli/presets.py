"""`koala presets`."""

import textwrap
from dataclasses import asdict
from typing import Annotated, Any

import typer

from koalacli.cli.terminal import print_event, print_text
from koalacli.family import FACTS, SIDE
from koalacli.presets import PRESETS

HELP = "List the networks that koala can train: size, source, what is wrong in the original, what is done here."
WIDTH = 100
JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object per line, one line per preset.")]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @app.command(help=HELP)
    def presets(json: JsonFlag = False) -> None:
        entries = [_entry(name) for name in PRESETS]
        if not json:
            print_text("\n\n".join(map(_paragraph, entries)))
            return
        for entry in entries:
            print_event(entry)


def _entry(name: str) -> dict[str, Any]:
    preset = PRESETS[name]
    extractor = "" if preset.network.extractor in ("none", "trunk") else preset.network.extractor
    facts = asdict(FACTS[name]) if name in FACTS else {}
    return {
        "event": "preset",
        "preset": name,
        "help": preset.help,
        "extractor": extractor,
        **facts,
        "recipe": asdict(preset.recipe),
    }


def _paragraph(entry: dict[str, Any]) -> str:
    extractor = f", and its extractor {entry['extractor']}" if entry["extractor"] else ""
    lines = [f"{entry['preset']}: {entry['help']}"]
    if "source" in entry:
        lines.append(f"{entry['parameters']:,} parameters; {entry['gflops']:g} GFLOPs per {SIDE} px{extractor}")
        lines.append(f"from: {entry['source']}")
        lines += [f"wrong in it: {fault}" for fault in entry["faults"]]
        lines += [f"here: {correction}" for correction in entry["corrections"]]
    wrapped = (textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ") for line in lines[1:])
    return "\n".join([lines[0], *(row for rows in wrapped for row in rows)])
