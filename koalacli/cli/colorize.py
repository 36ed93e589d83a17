"""`koala colorize`."""

from contextlib import nullcontext
from typing import Annotated

import typer

from koalacli.cli.display import JsonFlag, QuietFlag, RecordDisplay, VerboseFlag
from koalacli.cli.interrupts import until_interrupted
from koalacli.cli.options import command
from koalacli.config import ColorizeConfig
from koalacli.errors import UsageError
from koalacli.process import native_notes_dropped


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @command(app, ColorizeConfig)
    def colorize(
        config: ColorizeConfig,
        context: typer.Context,
        source: Annotated[
            str, typer.Argument(metavar="INPUT", help="A picture, a folder, a glob, s3://…, or - for stdin.")
        ],
        output: Annotated[str, typer.Argument(metavar="OUTPUT", help="A folder, a picture, s3://…, or - for stdout.")],
        json: JsonFlag = False,
        quiet: QuietFlag = False,
        verbose: VerboseFlag = False,
    ) -> None:
        """Colorize black-and-white pictures: JPEG, PNG, TIFF, WebP, GIF, AVIF, JPEG 2000, BMP; HEIC with an extra.

        Size, name, format and the lightness of every pixel are kept; only color is made.
        A rerun does what is missing.
        """
        from koalacli.pipelines.colorize import colorize as run
        from koalacli.pipelines.watch import watch

        if json and output == "-":
            raise UsageError("--json and the picture cannot both go to standard output")
        display = RecordDisplay(as_json=json, quiet=quiet, verbose=verbose, report=config.report)
        with nullcontext() if verbose else native_notes_dropped():
            if config.watch:
                with until_interrupted() as stop:
                    code = display.show(watch(source, output, config, stop, context.obj))
            else:
                code = display.show(run(source, output, config, context.obj))
        raise typer.Exit(code)
