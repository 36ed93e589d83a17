"""What a request to color pictures cannot ask for at once."""

from dataclasses import fields, replace
from pathlib import Path

from koalacli.color.tone import is_colored
from koalacli.config import ColorizeConfig
from koalacli.control.palette import find_palette
from koalacli.control.references import reference_files
from koalacli.errors import UsageError
from koalacli.io.arguments import STREAM
from koalacli.io.manifest import check_manifest
from koalacli.io.paths import Plan
from koalacli.io.picture.read import read_picture
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.storage import is_remote
from koalacli.io.tar import is_shards
from koalacli.journal import JOURNAL
from koalacli.settings import ReadOut


def for_layers(config: ColorizeConfig) -> ColorizeConfig:
    """Settings with what --layer means for others.

    Raises:
        UsageError: they contradict it.
    """
    if config.format not in ("", "png"):
        raise UsageError(f"--format {config.format}: a layer is a PNG")
    if config.verify:
        raise UsageError("--verify compares lightness, and a layer has none")
    colored = "skip" if config.colored == "auto" else config.colored  # a copy would be no layer
    return replace(config, format="png", colored=colored)


def check_reports(plan: Plan, sources: list[str], output: str, config: ColorizeConfig) -> None:
    """Refuse what contradicts itself, and side outputs that would replace something.

    Raises:
        UsageError.
    """
    if len(sources) > 1 and (config.hints or config.decisions):
        raise UsageError("--hints and --decisions name pictures as seen from one INPUT; give one")
    if config.hints and config.decisions:
        raise UsageError("--hints and --decisions both say what is known; put the hints into the decisions")
    looks = {"weights", *(known.name for known in fields(ReadOut))}
    if config.decisions and any(looks & dict(rule.settings).keys() for rule in config.rules):
        raise UsageError("--decisions were made for one look; settings by folder that change it go without them")
    if config.manifest and (plan.output_folder is None or config.shard):
        raise UsageError("--manifest lists a folder that one run fills: neither standard output nor a --shard")
    if config.manifest and plan.output_folder:
        check_manifest(plan.output_folder)
    paths = [path for job in plan.jobs for path in (job.source, job.target)] + [config.hints] * bool(config.hints)
    paths += config.decisions
    check_side_outputs(side_outputs(config), [config.weights, *sources, output, Path(output) / JOURNAL, *paths])


def check_proposals(places: tuple[str, ...], config: ColorizeConfig) -> None:
    """Refuse what several colorings per picture do not go with."""
    if config.hints or config.decisions:
        raise UsageError("--proposals is for pictures nothing is known of; give it without --hints and --decisions")
    if config.layer:
        raise UsageError("--proposals and --layer do not go together; layers of several colorings are not made")
    if any(place == STREAM or is_remote(place) or is_shards(place) for place in places):
        raise UsageError("--proposals makes several files per picture; give a folder on this machine")


def check_reference(places: tuple[str, ...], config: ColorizeConfig) -> None:
    """Refuse what a reference or a palette does not go with, and one that has no color."""
    flag = "--palette" if config.palette else "--reference"
    if config.hints or config.decisions or config.proposals > 1 or (config.palette and config.reference):
        raise UsageError(f"{flag} goes without --hints, --decisions, --proposals and any other; give one of them")
    if any(is_remote(place) or is_shards(place) for place in places):
        raise UsageError(f"{flag} is for pictures on this machine; give a file or a folder")
    place = Path(config.reference)
    if config.palette:
        find_palette(config.palette, config.max_pixels)
    elif not place.is_file():
        reference_files(place)
    elif not is_colored(read_picture(place, config.reference, config.max_pixels).pixels):
        raise UsageError(f"--reference {config.reference}: has no color to take over")
