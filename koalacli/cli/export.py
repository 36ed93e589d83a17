"""`koala export`."""

from typing import Annotated, Literal

import typer

from koalacli.cli.options import command
from koalacli.cli.terminal import say
from koalacli.config import ExportConfig
from koalacli.errors import UsageError
from koalacli.settings import NetworkSettings


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @command(app, ExportConfig)
    def export(
        config: ExportConfig,
        format: Annotated[Literal["onnx"], typer.Argument(metavar="FORMAT", help="onnx.")],
        paths: Annotated[
            list[str],
            typer.Argument(metavar="[WEIGHTS] OUT", help="Name or path of weights, koala by default; and a file."),
        ],
    ) -> None:
        """Write a network for other programs: lightness in, ab out, any size in multiples of 32.

        What the file takes and gives stands in its metadata; it is compared with the network before it is written.
        """
        from koalacli.pipelines.export import export_onnx

        if len(paths) > 2:
            raise UsageError(f"{' '.join(paths)}: give weights and a file, or a file alone")
        weights = paths[0] if len(paths) == 2 else NetworkSettings().weights
        record = export_onnx(weights, paths[-1], config)
        say(f"{record.source} -> {record.target} ({record.reason})")
