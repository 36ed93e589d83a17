"""`koala video`: black-and-white films in, color films out, every other stream copied."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.control.bind import Faults, bind_entries
from koalacli.control.decisions import color_settings, settings_of_run
from koalacli.control.film_decisions import read_film_decisions
from koalacli.control.films import FilmEntry, read_film_book
from koalacli.engines.outfit import traveling
from koalacli.engines.ray import import_ray
from koalacli.errors import KoalaError, NothingMatchedError, StorageFullError, UsageError
from koalacli.io.arguments import is_wanted
from koalacli.io.film.encoders import CONTAINERS
from koalacli.io.film.open import find_sequence, is_sequence, opens_as_film
from koalacli.io.paths import refuse_name
from koalacli.io.picture.sequences import ANIMATIONS
from koalacli.io.side_outputs import check_side_outputs, side_outputs
from koalacli.io.storage import is_remote
from koalacli.io.suffixes import DOUBTFUL_SUFFIXES, FILM_SUFFIXES, is_film
from koalacli.io.walk import Stray, walk
from koalacli.journal import Journal
from koalacli.pipelines.video.cluster import colorize_on_cluster
from koalacli.pipelines.video.film import colorize_film
from koalacli.pipelines.video.forecast import forecast_film
from koalacli.pipelines.video.plan import OWN_MARKS, FilmJob, check_targets, film_name, told_by
from koalacli.pipelines.video.reels import becomes_pictures, colorize_pictures
from koalacli.pipelines.video.scenes import export_scenes
from koalacli.pipelines.video.stored import colorize_stored_films
from koalacli.records import Notice, Outcome, Phase, Progress, Record, Started
from koalacli.settings import read_out_of


def colorize_video(
    sources: str | Sequence[str], config: VideoConfig, colorizer: Colorizer | None = None
) -> Iterator[Started | Notice | Phase | Progress | Record]:
    """Colorize films or folders of films.

    Args:
        sources: a film, a folder that is searched with its folders, an animation or a numbered sequence; or several.
        config: see VideoConfig.
        colorizer: a network that is loaded already; by default the one that config asks for.

    Yields:
        Started once; Progress while films are colored; one Record per film.

    Raises:
        KoalaError: the request itself cannot be met; nothing has been written then.
        StorageFullError: in the middle; what is finished is kept for the next run.
    """
    source, *more = [sources] if isinstance(sources, str) else sources
    refuse_name(config.name)
    if any(is_remote(place) for place in (source, *more, config.output)):
        if more:
            raise UsageError("object stores take one FILM and one OUTPUT")
        found = ([], []) if is_remote(source) else plan_jobs(source, replace(config, output=""))
        yield from colorize_stored_films(source, config, colorizer, *found)
        return
    if more:
        _refuse_for_several(source, config)
    pictures = becomes_pictures(source, config)
    if config.ray:
        _refuse_for_cluster(source, config, pictures=pictures)
    if config.dry_run and (pictures or config.export_scenes):
        raise UsageError("--dry-run is for films that become films")
    if config.export_scenes:
        yield from _export_scenes(source, config, colorizer)
        return
    if pictures and Path(source).is_dir():
        raise UsageError(f"{source}: a folder of films becomes a folder of films; {config.output} is for one")
    jobs, strays = ([], []) if pictures else _plan_all([source, *more], config)
    jobs, faults, notices = ([], [], []) if pictures else _with_hints(source, config, jobs, colorizer)
    if faults:
        yield Started(len(faults), "none", config.weights, 0)
        told = told_by(config)
        yield from (Record(name, "", Outcome.FAILED, f"{told}: {name}: {reason}") for name, reason in faults)
        return
    paths = [path for job in jobs for path in (job.source, job.target)]
    known = filter(None, (config.hints, *config.decisions, config.references))
    check_side_outputs(side_outputs(config), [config.weights, source, config.output or source, *known, *paths])
    if config.ray and not config.dry_run:
        yield from _colorize_on_cluster(jobs, strays, config, colorizer)
        return
    yield Phase("starting the network")
    colorizer = colorizer or Colorizer(config.weights, config.device, **read_out_of(config))
    cv2.setNumThreads(1)  # each stage has a thread of its own; more would only fight
    yield Started((len(jobs) + len(strays)) or 1, colorizer.device, colorizer.weights.name, colorizer.batch_size)
    if pictures:
        yield from colorize_pictures(source, config, colorizer)
    yield from notices
    yield from (stray.record() for stray in strays)
    for job in jobs:
        try:
            yield from (forecast_film if config.dry_run else colorize_film)(job, config, colorizer)
        except KoalaError as error:
            if isinstance(error, StorageFullError) or (isinstance(error, UsageError) and len(jobs) == 1):
                raise  # the request itself is at fault, or nothing more can be written
            named = job.source in str(error) or job.target in str(error)
            yield Record(job.source, job.target, Outcome.FAILED, str(error) if named else f"{job.source}: {error}")


def _of_one_film(config: VideoConfig) -> str:
    """The first setting given that is about one film; empty where there is none."""
    given = {"--export-scenes": config.export_scenes, "--hints": config.hints}
    given |= {"--decisions": " ".join(config.decisions), "--references": config.references}
    return next((name for name, value in given.items() if value), "")


def _refuse_for_several(source: str, config: VideoConfig) -> None:
    if one := _of_one_film(config):
        raise UsageError(f"{one}: give one FILM")
    output = Path(config.output)
    if becomes_pictures(source, config) or (output.suffix.lower() in CONTAINERS and not output.is_dir()):
        raise UsageError(f"{config.output}: several films need a folder as OUTPUT")


def _refuse_for_cluster(source: str, config: VideoConfig, *, pictures: bool) -> None:
    if one := _of_one_film(config):
        raise UsageError(f"{one}: is the work of one process; leave --ray out")
    if pictures:
        raise UsageError(f"{source}: animations and numbered pictures are the work of one process; leave --ray out")


def _colorize_on_cluster(
    jobs: list[FilmJob], strays: list[Stray], config: VideoConfig, colorizer: Colorizer | None
) -> Iterator[Started | Notice | Phase | Progress | Record]:
    import_ray()
    yield Phase("starting the network")
    known = colorizer or Colorizer(config.weights, "cpu", **read_out_of(config))
    yield Started((len(jobs) + len(strays)) or 1, "ray", known.weights.name, known.batch_size)
    yield from (stray.record() for stray in strays)
    yield from colorize_on_cluster(jobs, config, known, traveling(colorizer, config.weights))


def _plan_all(sources: list[str], config: VideoConfig) -> tuple[list[FilmJob], list[Stray]]:
    """As `plan_jobs`, for several films and folders; none twice."""
    plans = [plan_jobs(source, config) for source in sources]
    jobs = list({job.source: job for planned, _ in plans for job in planned}.values())
    check_targets(jobs)
    return jobs, [stray for _, strays in plans for stray in strays]


def _with_hints(
    source: str, config: VideoConfig, jobs: list[FilmJob], colorizer: Colorizer | None
) -> tuple[list[FilmJob], Faults, list[Notice]]:
    """Give each film its hints or what is decided of its scenes; what is wrong with them, and what is to be said.

    Raises:
        UsageError: what is known cannot be used in this way.
    """
    if config.references and Path(source).is_dir():
        raise UsageError(f"{source}: --references is for one film")
    if config.hints and config.decisions:
        raise UsageError("--hints and --decisions both say what is known; put the hints into the decisions")
    if (told_by(config) or config.references) and config.temporal == "off":
        what = "--hints, --decisions and --references"
        raise UsageError(f"--temporal off carries no color from frame to frame, so {what} cannot be met")
    if not told_by(config):
        return jobs, [], []
    entries, faults, notices = _read_known(config, colorizer)
    bound, unbound = bind_entries(entries, source, jobs)
    hinted = [replace(job, frames=bound[number].frames) if number in bound else job for number, job in enumerate(jobs)]
    return hinted, faults + unbound, notices


def _read_known(config: VideoConfig, colorizer: Colorizer | None) -> tuple[list[FilmEntry], Faults, list[Notice]]:
    if config.hints:
        return *read_film_book(Path(config.hints)), []
    if colorizer:
        settings = color_settings(colorizer.weights.digest, colorizer.read_out)
    else:
        settings = settings_of_run(config.weights, read_out_of(config))
    return read_film_decisions(config.decisions, settings)


def _export_scenes(
    source: str, config: VideoConfig, colorizer: Colorizer | None
) -> Iterator[Started | Progress | Record]:
    check_side_outputs(side_outputs(config), [config.weights, source])
    if not is_sequence(Path(source)) and not Path(source).is_file():
        raise UsageError(f"{source}: --export-scenes is for one film")
    if Path(source).suffix.lower() in ANIMATIONS:
        raise UsageError(f"{source}: --export-scenes is for films, and this is an animation")
    if config.output:
        raise UsageError("--export-scenes DIR says where stills go; --output is for colored films")
    colorizer = colorizer or Colorizer(config.weights, config.device, **read_out_of(config))
    cv2.setNumThreads(1)
    yield Started(1, colorizer.device, colorizer.weights.name, colorizer.batch_size)
    yield from export_scenes(source, config, colorizer)


def plan_jobs(source: str, config: VideoConfig) -> tuple[list[FilmJob], list[Stray]]:
    """Find films and settle where their outputs go; strays are what may be a film and is not done.

    Raises:
        NothingMatchedError: no film there.
        UsageError: outputs that would replace an input or each other, or in a container that koala does not write.
    """
    root = Path(source)
    if root.is_dir():
        films, strays = find_films(root, config)
        if not films and not strays:
            looked = ", ".join((*FILM_SUFFIXES, *DOUBTFUL_SUFFIXES))
            raise NothingMatchedError(f"{source}: no films found (looked for {looked})")
        if Path(config.output).suffix.lower() in CONTAINERS and not Path(config.output).is_dir():
            raise UsageError(f"{config.output}: several films need a folder as --output")
        jobs = [FilmJob(str(film), str(_target_in_tree(film, root, config))) for film in films]
    elif root.is_file() or (is_sequence(root) and find_sequence(source)):
        jobs, strays = [FilmJob(source, str(_target_of_one(root, config)))], []
    elif root.exists():
        raise UsageError(f"{source}: is no file; films are read more than once, so save it as one first")
    else:
        raise NothingMatchedError(f"{source}: no such file or folder")
    check_targets(jobs)
    return jobs, strays


def find_films(root: Path, config: VideoConfig) -> tuple[list[Path], list[Stray]]:
    """Films below a folder that patterns let through, those that koala made and the output folder left out, and strays.

    Strays are folders that cannot be read, links to films, and other programs' files under a film's name.
    """
    output = Path(config.output) if config.output else None
    journal_of = cache(Journal)  # of what koala made under other names
    inside = output if output and os.path.realpath(output) != os.path.realpath(root) else None
    films: list[Path] = []
    strays: list[Stray] = []
    for found in walk(root, leave_out=inside):
        path = Path(found.path) if isinstance(found, Stray) else found
        if not is_wanted(path.relative_to(root), config.include, config.exclude):
            continue
        if isinstance(found, Stray):
            strays += [found] if found.failed or is_film(path) else []
        elif not is_film(found) or Path(found.stem).suffix in OWN_MARKS or journal_of(found.parent).find(str(found)):
            continue
        elif found.suffix.lower() in DOUBTFUL_SUFFIXES and not opens_as_film(found):
            strays.append(Stray(str(found), "no film, in spite of its name"))
        else:
            films.append(found)
    return films, strays


def _target_in_tree(film: Path, root: Path, config: VideoConfig) -> Path:
    if not config.output:
        return film.with_name(film_name(film, config))
    return Path(config.output) / film.relative_to(root).with_name(film_name(film, config))


def _target_of_one(film: Path, config: VideoConfig) -> Path:
    output = Path(config.output) if config.output else None
    if output is None:
        return film.with_name(film_name(film, config))
    return output / film_name(film, config) if output.is_dir() or not output.suffix else output
