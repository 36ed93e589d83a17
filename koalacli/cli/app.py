"""The typer app: commands are registered here, and errors become one line and an exit code."""

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from koalacli import errors
from koalacli.cli import archive as archive_command
from koalacli.cli import colorize as colorize_command
from koalacli.cli import config as config_command
from koalacli.cli import doctor as doctor_command
from koalacli.cli import evaluate as evaluate_command
from koalacli.cli import export as export_command
from koalacli.cli import looks as looks_command
from koalacli.cli import presets as presets_command
from koalacli.cli import review as review_command
from koalacli.cli import train as train_command
from koalacli.cli import video as video_command
from koalacli.cli.log import close_log, log
from koalacli.cli.terminal import say
from koalacli.process import catch_interrupts, give_up_stdout, leave, stdout_is_stuck, take_standard_descriptors
from koalacli.version import __version__

# 0 all good; 130 interrupted. First match wins: more special errors stand first.
EXIT_CODES: dict[type[errors.KoalaError], int] = {
    errors.UsageError: 2,
    errors.NothingMatchedError: 3,
    errors.WeightsError: 4,
    errors.DeviceError: 5,
    errors.KoalaError: 1,
}
EXIT_CODES_HELP = (
    "Exit codes: 0 all good · 1 some inputs failed · 2 usage · 3 nothing matched · "
    "4 weights missing or damaged · 5 device not available · 130 interrupted"
)


WAYS_OUT = (typer.Exit, typer.Abort)  # exceptions that are no bugs


class KoalaGroup(typer.core.TyperGroup):
    """Shows a KoalaError as one line on stderr and ends with its exit code."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Every command with its whole first sentence."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(limit=200)) for name, command in commands if command])

    def invoke(self, ctx: Any) -> Any:
        try:
            _check_place()
            return super().invoke(ctx)
        except errors.KoalaError as error:
            say(f"koala: {error}")
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as interrupt:
            say("koala: interrupted; finished outputs are whole, a rerun does the rest")
            raise typer.Exit(130) from interrupt
        except Exception as error:
            if not isinstance(error, WAYS_OUT):  # a bug; in the log it can be read tomorrow
                log("".join(traceback.format_exception(error)))
            raise
        finally:
            close_log()


def _check_place() -> None:
    """Every relative path needs the folder that koala was started in."""
    try:
        Path.cwd()
    except OSError as error:
        raise errors.UsageError(f"the current folder is gone ({error.strerror}); change to another one") from error


def exit_code(error: errors.KoalaError) -> int:
    """The exit code that stands for an error."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"koala {__version__}\n")
        raise typer.Exit


def _koala(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Color for black-and-white photographs and films, on your own machine."""


def make_app() -> typer.Typer:
    """The program with all its commands, whose choices are the entries that the tables have now."""
    made = typer.Typer(
        name="koala",
        cls=KoalaGroup,
        no_args_is_help=True,
        epilog=EXIT_CODES_HELP,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_koala)
    everyday = colorize_command, video_command, train_command, evaluate_command
    others = (
        looks_command,
        review_command,
        presets_command,
        archive_command,
        export_command,
        config_command,
        doctor_command,
    )
    for command in (*everyday, *others):
        command.register(made)
    return made


app = make_app()


def main(colorizer: Any = None) -> None:
    """Entry point of `koala`; `colorizer` is a network that is loaded already, for commands that would load one."""
    take_standard_descriptors()
    catch_interrupts()
    try:
        app(obj=colorizer)
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else int(end.code is not None))
    except OSError as error:  # of the help, which is written before any command begins
        if not stdout_is_stuck():
            raise
        give_up_stdout(error)
        leave(1)
