"""Settings by folder: which of them hold for one picture."""

import os
from dataclasses import replace
from pathlib import Path, PurePath

from koalacli.config import ColorizeConfig
from koalacli.io.arguments import is_wanted


def config_for(config: ColorizeConfig, source: str, relative: PurePath) -> ColorizeConfig:
    """The settings of one picture: every rule that names it counts, the last one most.

    Args:
        config: of the run.
        source: the picture's path; a rule may name it as seen from the current folder,
        relative: or as seen from the input that it lies below.

    Raises:
        UsageError: the settings of several rules contradict each other.
    """
    if not config.rules:
        return config
    here = Path.cwd()
    path = Path(os.path.normpath(here / source))
    places = [relative, *([path.relative_to(here)] if path.is_relative_to(here) else [])]
    changes: dict[str, object] = {}
    for rule in config.rules:
        if any(is_wanted(place, (rule.pattern,), ()) for place in places):
            changes |= dict(rule.settings)
    if "name" in changes or "suffix" in changes:  # both say how outputs are called
        changes = {"name": "", "suffix": "", **changes}
    return replace(config, rules=(), **changes)  # type: ignore[arg-type]
