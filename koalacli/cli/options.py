"""Flags from config dataclasses: a field is a flag, its help text is the flag's.

    @command(app, ColorizeConfig)
    def colorize(config: ColorizeConfig, source: Annotated[str, typer.Argument(...)]) -> None: ...

The command gets the arguments that the function declares and one flag per field of the
dataclass; the function receives the finished config. Nothing is stated twice.
"""

import inspect
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Annotated, Any, Literal

import typer


def command(app: typer.Typer, config: type[Any], name: str | None = None) -> Callable[[Callable[..., Any]], Any]:
    """Register a function as a command whose flags are the fields of `config`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        own = [parameter for key, parameter in signature.parameters.items() if key != "config"]
        flags = [_flag(field) for field in fields(config) if field.metadata.get("flag", True)]

        def run(**given: Any) -> Any:
            settings = {flag.name: given.pop(flag.name) for flag in flags}
            return function(config=config(**settings), **given)

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *flags)]
        run.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in ordered}
        app.command(name, help=inspect.getdoc(function))(run)
        return run

    return decorate


def _flag(field: Field[Any]) -> inspect.Parameter:
    """One flag: type and choices, names, help and default all come from the field.

    Metadata keys: help; choices, the allowed words: a tuple, a table of rows that may carry a
    help of their own, or a function that returns them; names, the flag's spellings where
    they are not --field-name; repeat, for tuple fields whose flag may be given many times.
    """
    choices = field.metadata.get("choices", ())
    words = tuple(choices() if callable(choices) else choices)
    kind: Any = Literal[words] if words else field.type
    default = field.default
    if field.metadata.get("repeat"):
        kind, default = list[str], list(field.default)  # type: ignore[arg-type]
    names = field.metadata.get("names", ())
    option = typer.Option(*names, help=_help(field), show_default=field.default not in ("", (), None))
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _help(field: Field[Any]) -> str:
    """The help of a field; behind it what each entry of the table is that it chooses from."""
    choices = field.metadata.get("choices", ())
    rows = choices.items() if isinstance(choices, dict) else ()
    entries = "; ".join(f"{name}: {row.help}" for name, row in rows)
    return f"{field.metadata['help']} {entries}." if entries else field.metadata["help"]
