"""What is asked on the command line: numbers in their range, no empty texts, one meaning per flag."""

from dataclasses import Field, fields
from typing import Any

import pytest
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.color.levels import LARGEST_RANGE
from koalacli.config import ColorizeConfig, EvalConfig, VideoConfig
from koalacli.errors import UsageError
from koalacli.settings import ReadOut, flag_of
from koalacli.train_config import TrainConfig

run = CliRunner().invoke
COMMANDS = {"colorize": ColorizeConfig, "eval": EvalConfig, "video": VideoConfig, "train": TrainConfig}
ARGUMENTS = {"colorize": ["nowhere", "out"], "eval": ["--data", "nowhere"], "video": ["nowhere"], "train": []}
NUMBERS = [
    pytest.param(command, known, id=f"{command}-{known.name}")
    for command, config in COMMANDS.items()
    for known in fields(config)
    if any(kind in str(known.type) for kind in ("float", "int")) and known.metadata.get("flag", True)
]


@pytest.mark.parametrize(("command", "known"), NUMBERS)
def test_every_number_has_a_range_that_holds(command: str, known: Field[Any]) -> None:
    """NaN, infinities and what is outside are refused with the flag's name, before anything is looked for."""
    limits = known.metadata
    assert limits.keys() & {"least", "above"}, "a number without a least value"
    wrong: list[Any] = [limits.get("least", limits.get("above")) - 1]
    wrong += [limits["most"] * 2] if "most" in limits else []
    wrong += ["nan", "inf", "-inf"] if "float" in str(known.type) else []
    wrong += [limits["step"] + 1] if "step" in limits else []
    for value in wrong:
        done = run(app, [command, *ARGUMENTS[command], flag_of(known), str(value)])
        assert done.exit_code == 2, value
        assert done.stderr.startswith(f"koala: {flag_of(known)} "), done.stderr
        assert ": give a" in done.stderr


@pytest.mark.parametrize(
    "flags", [{"vividness": 3.0}, {"saturation": 30.0}, {"saturation": float("nan")}, {"size": 2**31}]
)
def test_who_calls_from_python_is_refused_too(flags: dict[str, Any]) -> None:
    """The range belongs to the setting, not to the command line."""
    with pytest.raises(UsageError, match=f"--{next(iter(flags))}"):
        ColorizeConfig(**flags)


def test_help_shows_ranges() -> None:
    """What a number may be stands behind its meaning."""
    assert "[0 or more and 4 at most]" in " ".join(run(app, ["colorize", "--help"]).stdout.split())
    assert "[1 or more]" in " ".join(run(app, ["eval", "--help"]).stdout.split())


def test_a_read_out_goes_as_far_as_levels_can() -> None:
    """config cannot ask color; the two numbers are one."""
    assert ReadOut.__dataclass_fields__["stretch"].metadata["most"] == LARGEST_RANGE


@pytest.mark.parametrize("count", ["²", "0", "-1", "1.5", "many", "٣"])
@pytest.mark.parametrize("command", ["colorize", "eval"])
def test_a_batch_size_is_auto_or_a_number(command: str, count: str) -> None:
    """Signs that are digits somewhere and no number here are refused in words."""
    done = run(app, [command, *ARGUMENTS[command], "--batch-size", count])
    assert done.exit_code == 2
    assert "give auto or a positive number" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["colorize", "", "out"],
        ["colorize", "in", ""],
        ["video", ""],
        ["video", "film.mp4", "-o", ""],
        ["train", "--data", ""],
        ["eval", "--data", ""],
        ["colorize", "in", "out", "--report", ""],
    ],
)
def test_an_empty_text_is_not_the_current_folder(arguments: list[str]) -> None:
    """An unset variable of a script must not send koala over everything that lies around."""
    done = run(app, arguments)
    assert done.exit_code == 2
    assert "is empty" in done.stderr


def test_preset_means_a_network_and_the_old_spelling_still_works() -> None:
    """koala video --encoder-preset; --preset is not shown any more."""
    text = run(app, ["video", "--help"]).stdout
    assert "--encoder-preset" in text
    assert " --preset" not in text
    done = run(app, ["video", "nowhere.mp4", "--preset", "fast"])
    assert done.exit_code == 3, done.stderr
