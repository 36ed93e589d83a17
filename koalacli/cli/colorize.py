"""`koala colorize`."""

import shlex
from contextlib import nullcontext
from typing import Annotated

import typer

from koalacli.cli.display import JsonFlag, QuietFlag, RecordDisplay, VerboseFlag
from koalacli.cli.interrupts import until_interrupted
from koalacli.cli.options import command
from koalacli.cli.terminal import say
from koalacli.config import ColorizeConfig
from koalacli.errors import UsageError
from koalacli.process import native_notes_dropped


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @command(app, ColorizeConfig)
    def colorize(
        config: ColorizeConfig,
        context: typer.Context,
        inputs: Annotated[
            list[str],
            typer.Argument(
                metavar="INPUT",
                help="Pictures, folders, globs, s3://…, or - for stdin; the last of several says where outputs go, "
                "unless it is a picture that is there already: of more than two, or one that koala did not make.",
            ),
        ],
        json: JsonFlag = False,
        quiet: QuietFlag = False,
        verbose: VerboseFlag = False,
    ) -> None:
        """Colorize black-and-white pictures: JPEG, PNG, TIFF, WebP, GIF, AVIF, JPEG 2000, BMP; HEIC with an extra.

        Size, name, format and the lightness of every pixel are kept; only color is made.
        A rerun does what is missing.
        """
        from koalacli.io.arguments import are_both_inputs, default_output, split_arguments
        from koalacli.pipelines.colorize import colorize as run
        from koalacli.pipelines.watch import watch

        sources, output = split_arguments(inputs, config.output)
        if not config.output and config.on_exist == "skip" and are_both_inputs(inputs):
            if not quiet:
                way = f"-o {shlex.quote(output)} --on-exist overwrite"
                say(f"{output}: is there, and koala did not make it, so it is an input, too; to replace it: {way}")
            sources, output = list(inputs), ""
        if json and "-" in (output, *sources[:1]) and output in ("", "-"):
            raise UsageError("--json and the picture cannot both go to standard output")
        display = RecordDisplay(
            as_json=json, quiet=quiet, verbose=verbose, report=config.report, gallery=config.gallery
        )
        with nullcontext() if verbose else native_notes_dropped():
            if config.watch:
                if len(sources) > 1:
                    raise UsageError("--watch is for one folder")
                with until_interrupted() as stop:
                    folder = output or default_output(sources)[0]
                    code = display.show(watch(sources[0], folder, config, stop, context.obj))
            else:
                code = display.show(run(sources, output, config, context.obj))
        raise typer.Exit(code)
