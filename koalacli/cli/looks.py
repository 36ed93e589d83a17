"""`koala try`."""

import shlex
from dataclasses import replace
from typing import Annotated, Any

import typer

from koalacli.cli.display import JsonFlag, QuietFlag, RecordDisplay
from koalacli.cli.options import CONFIG, command, is_typed
from koalacli.cli.screen import joined
from koalacli.cli.terminal import say
from koalacli.config import VideoConfig
from koalacli.origins import COMMANDS, make_config
from koalacli.records import Record
from koalacli.settings import flag_of
from koalacli.try_config import TryConfig
from koalacli.values import settings_of


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @command(app, TryConfig, name="try")
    def try_looks(
        config: TryConfig,
        context: typer.Context,
        source: Annotated[str, typer.Argument(metavar="INPUT", help="A picture or a film.")],
        json: JsonFlag = False,
        quiet: QuietFlag = False,
    ) -> None:
        """Show one picture, or moments of a film, in several looks on one page, to choose from before a long run.

        Looks are sizes of what the network sees, vividness and saturation; the first is what koala.toml asks for, or
        the usual one. --pick N writes one and says its flags.
        """
        from koalacli.pipelines import looks

        flags: dict[str, Any] = {"as_json": json, "quiet": quiet, "verbose": False}
        name = looks.command_for(source)
        usual, typed = _usual(name, config, context)
        if name == "colorize":
            usual = looks.usual_for(usual, source)
            typed = " ".join(filter(None, (typed, looks.flags_for_color(source, config))))
        if not config.pick:
            display = LooksDisplay(**flags, report="")
            code = display.show(looks.try_looks(source, config, usual, typed, context.obj))
            if not (json or quiet):
                say(f"open it; then: koala try {shlex.quote(source)} --pick N")
            raise typer.Exit(code)
        look = looks.find_look(config, usual)
        say(f"look {look.number}: {' '.join(filter(None, (look.flags, typed))) or 'as usual, without flags'}")
        made = replace(usual, **look.settings, output=config.output or usual.output)
        raise typer.Exit(_write(source, made, flags, context.obj))


class LooksDisplay(RecordDisplay):
    """Looks are counted, and there is one file."""

    def _count(self, record: Record) -> None:
        super()._count(record)
        self.page = record.target

    def _show_count(self) -> None:
        """Phases say which look it is."""

    def _summary_line(self, seconds: float) -> str:
        return joined(f"{self.total} looks → {self.page}", f"{seconds:.1f} s on {self.device}")


def _usual(name: str, config: TryConfig, context: typer.Context) -> tuple[Any, str]:
    """What the command of that name is set to, by koala.toml and by what was typed here; and the latter, as flags."""
    given = {key: getattr(config, key) for key in ("weights", "device", "max_pixels") if is_typed(context, key)}
    known = {field.name: field for field in settings_of(COMMANDS[name]).values()}
    given = {key: value for key, value in given.items() if key in known}
    file = context.params.get(CONFIG, "")
    flags = {flag_of(known[key]): value for key, value in given.items()} | ({"--config": file} if file else {})
    colored = {"colored": "recolor"} if name == "colorize" else {}  # a copy has no look
    usual = {key: field.default for key, field in known.items()}
    made = make_config(name, usual | given | colored, (*given, *colored), file)
    return made, " ".join(f"{flag} {shlex.quote(str(value))}" for flag, value in flags.items())


def _write(source: str, config: Any, flags: dict[str, Any], network: Any) -> int:
    if isinstance(config, VideoConfig):
        from koalacli.cli.video import FilmDisplay
        from koalacli.pipelines.video.pipeline import colorize_video

        return FilmDisplay(**flags, report="").show_films(colorize_video([source], config, _fitting(network, config)))
    from koalacli.pipelines.colorize import colorize

    return RecordDisplay(**flags, report="").show(colorize([source], config.output, config, _fitting(network, config)))


def _fitting(network: Any, config: Any) -> Any:
    """A network that is loaded already, with the look that was picked."""
    from koalacli.settings import read_out_of

    return network.with_look(**read_out_of(config)) if hasattr(network, "with_look") else network
