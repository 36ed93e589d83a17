"""`koala review`."""

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated

import typer

from koalacli.cli.display import JsonFlag, QuietFlag, RecordDisplay, VerboseFlag
from koalacli.cli.options import command
from koalacli.cli.terminal import say
from koalacli.config import ReviewConfig


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @command(app, ReviewConfig)
    def review(
        config: ReviewConfig,
        context: typer.Context,
        source: Annotated[
            str,
            typer.Argument(metavar="INPUT", help="A picture, a folder, a glob, or a film, to see a still per scene."),
        ],
        json: JsonFlag = False,
        quiet: QuietFlag = False,
        verbose: VerboseFlag = False,
    ) -> None:
        """Make a page to look through a batch and put right what is wrong, before anything is colorized.

        The folder opens from disk, needs no network, and can be given to others; decisions come back as decisions.json.
        """
        from koalacli.pipelines.review.pipeline import review as run
        from koalacli.pipelines.review.server import ReviewServer, note_sources

        sources: dict[str, Path] = {}
        display = RecordDisplay(as_json=json, quiet=quiet, verbose=verbose, report=config.report, verb="prepared")
        folder = Path(config.output)
        # The port is taken before the work begins: it is no time to learn that it cannot be had when all is done.
        with ReviewServer(folder, sources, config.port) if config.serve else nullcontext() as server:
            code = display.show(note_sources(run(source, config, context.obj), sources))
            if server:
                say(f"open {server.address}; Ctrl-C stops")
                with suppress(KeyboardInterrupt):
                    server.run()
            elif not (json or quiet):
                say(f"open {folder / 'index.html'}")
        raise typer.Exit(code)
