"""`koala train`."""

from dataclasses import MISSING, asdict, fields
from typing import Any

import typer

from koalacli.cli.display import JsonFlag
from koalacli.cli.options import command
from koalacli.cli.train_display import QuietFlag, TrainDisplay
from koalacli.presets import PRESETS, Recipe
from koalacli.train_config import TrainConfig

HELP = """Train a network on photographs: any folder or tar shards, no labels needed.

A run lives in runs/train/NAME: settings, history, sample grids, best and last weights, and a
checkpoint that --resume goes on from.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    def train(config: TrainConfig, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
        from koalacli.pipelines.train.loop import train as run

        raise typer.Exit(TrainDisplay(config, as_json=json, quiet=quiet).show(run(config)))

    train.__doc__ = f"{HELP}\f\n{recipe_table()}"  # \f: what follows is for --help-all
    command(app, TrainConfig)(train)


def recipe_table() -> str:
    """What presets train with, as paragraphs that help prints as they are: the usual, then what each says otherwise."""
    usual = {known.name: known.default for known in fields(Recipe) if known.default is not MISSING}
    paragraphs = [f"Where a preset says nothing else, it trains with {_flags(usual)}."]
    for name, preset in PRESETS.items():
        own = {key: value for key, value in asdict(preset.recipe).items() if usual.get(key) != value}
        paragraphs.append(f"Preset {name} trains with {_flags(own)}.")
    return "\n\n".join(paragraphs)


def _flags(values: dict[str, Any]) -> str:
    return " ".join(f"--{key.replace('_', '-')} {value}" for key, value in values.items())
