"""Flags from config dataclasses: a field is a flag, its help text is the flag's.

    @command(app, ColorizeConfig)
    def colorize(config: ColorizeConfig, source: Annotated[str, typer.Argument(...)]) -> None: ...

The command gets the arguments that the function declares and one flag per field of the
dataclass; the function receives the finished config. Nothing is stated twice.
"""

import inspect
import re
import shlex
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Annotated, Any, Literal

import typer

from koalacli.cli.help_page import RARE, GroupedCommand, HelpAllFlag
from koalacli.cli.log import open_log
from koalacli.errors import UsageError
from koalacli.origins import make_config
from koalacli.settings import flag_of, range_in_words
from koalacli.values import choices_of

CONFIG = "config_file"
CONFIG_HELP = "Settings from this file instead of koala.toml of the current folder; none reads no file."


def command(app: typer.Typer, config: type[Any], name: str | None = None) -> Callable[[Callable[..., Any]], Any]:
    """Register a function as a command whose flags are the fields of `config`, its own before inherited ones."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        file = _parameter(
            CONFIG, str, "", typer.Option("--config", metavar="FILE", help=CONFIG_HELP, show_default=False)
        )
        all_help = inspect.Parameter("help_all", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=HelpAllFlag)
        own = [parameter for key, parameter in signature.parameters.items() if key not in ("config", "context")]
        shown = [known for known in fields(config) if known.metadata.get("flag", True)]
        shown.sort(key=lambda known: known.name not in config.__annotations__)
        own += [file, *[all_help] * (function.__name__ in RARE)]
        flags = [_flag(known) for known in shown]
        former = [_former_flag(known) for known in shown if "formerly" in known.metadata]
        bare = {flag_of(known): known.metadata["bare"] for known in shown if "bare" in known.metadata}

        def run(context: typer.Context, **given: Any) -> Any:
            refuse_empty(context)
            given.pop(all_help.name, None)  # has been seen to
            typed = {name for name in given if is_typed(context, name)}
            for flag in former:
                if (value := given.pop(flag.name)) is not None:
                    given[flag.name.removesuffix(FORMER)] = value
                    typed.add(flag.name.removesuffix(FORMER))
            settings = {flag.name: given.pop(flag.name) for flag in flags}
            settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
            given |= {"context": context} if "context" in signature.parameters else {}
            made = make_config(name or function.__name__, settings, typed, given.pop(CONFIG))
            open_log(made.log_file, _words_in(given))
            return function(config=made, **given)

        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *flags, *former)]
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = inspect.Signature([context, *ordered])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in (context, *ordered)}
        app.command(name, cls=_command_with(bare), help=inspect.getdoc(function))(run)
        return run

    return decorate


def flags_as_typed(settings: Any) -> str:
    """The flags that give these settings, as a person types them; what is as by default is left out."""
    words: list[str] = []
    for known in fields(settings):
        value = getattr(settings, known.name)
        if value == known.default or not known.metadata.get("flag", True):
            continue
        flag = flag_of(known)
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
            continue
        for one in value if isinstance(value, tuple) else (value,):
            words += [flag, shlex.quote(f"{one:g}" if isinstance(one, float) else str(one))]
    return " ".join(words)


def _words_in(given: dict[str, Any]) -> tuple[str, ...]:
    """The inputs and outputs among a command's arguments."""
    words = [value for value in given.values() if isinstance(value, str)]
    return (*words, *(word for value in given.values() if isinstance(value, list) for word in value))


def _command_with(bare: dict[str, tuple[str, str]]) -> type[GroupedCommand]:
    """A command whose `bare` flags may stand without a value: what follows is one only if it looks like one."""

    class Command(GroupedCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            end = args.index("--") if "--" in args else len(args)
            for place, word in enumerate(args[:end]):
                following = args[place + 1] if place + 1 < end else ""
                if word in bare and not re.fullmatch(bare[word][1], following):
                    args = [*args[:place], f"{word}={bare[word][0]}", *args[place + 1 :]]
            return super().parse_args(ctx, args)

    return Command


def refuse_empty(context: typer.Context) -> None:
    """An empty text on the command line is a variable that was not set, not the current folder.

    Raises:
        UsageError: one was given.
    """
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value != "" and not (isinstance(value, list | tuple) and "" in value):
            continue
        if is_typed(context, parameter.name or ""):
            raise UsageError(f"{getattr(parameter, 'metavar', None) or parameter.opts[-1]} is empty: give a value")


def is_typed(context: typer.Context, name: str) -> bool:
    """Whether a parameter stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _flag(known: Field[Any]) -> inspect.Parameter:
    """One flag: type and choices, names, help, range and default all come from the field; see `config.setting`."""
    words, repeated = choices_of(known), known.metadata.get("repeat", False)
    kind: Any = list[str] if repeated else Literal[words] if words else known.type
    default: Any = list(known.default) if repeated else known.default  # type: ignore[arg-type]
    shown = known.default not in ("", (), None)
    option = typer.Option(*known.metadata.get("names", ()), help=_help(known), show_default=shown)
    return _parameter(known.name, kind, default, option)


def _help(known: Field[Any]) -> str:
    """The help of a field; behind it its range, or what each entry of the table is that it chooses from."""
    choices = known.metadata.get("choices", ())
    rows = choices.items() if isinstance(choices, dict) else ()
    text = str(known.metadata["help"])
    if rows:
        text += " " + "; ".join(f"{name}: {row.help}" for name, row in rows) + "."
    if known.metadata.keys() & {"least", "most", "above", "below", "step"}:
        text += f" [{range_in_words(known).removeprefix('a number, ')}]"
    return text


FORMER = "_formerly"


def _former_flag(known: Field[Any]) -> inspect.Parameter:
    """A spelling that scripts may still use; help does not show it."""
    option = typer.Option(known.metadata["formerly"], hidden=True)
    kind: Any = known.type
    return _parameter(known.name + FORMER, kind | None, None, option)


def _parameter(name: str, kind: Any, default: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
