"""`koala video --ray`: many workers make the film that one process makes, and some of them may die."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from painter import Painter
from standin import ROOM_FOR_OBJECTS

from koalacli.config import VideoConfig
from koalacli.errors import InputError
from koalacli.pipelines.video.film import _colorize_segments, begin_film
from koalacli.pipelines.video.known import NOTHING_KNOWN
from koalacli.pipelines.video.pipeline import colorize_video
from koalacli.pipelines.video.plan import FilmJob, plan_film
from koalacli.pipelines.video.stretches import colorize_stretch, find_stretches
from koalacli.records import Outcome, Progress, Record

SECONDS, CUT = 64, 35
SETTINGS: dict[str, Any] = {"crf": 20, "encoder_preset": "ultrafast"}


@pytest.fixture
def slow_film(film: Callable[..., Path]) -> Callable[..., Path]:
    """Write a film of one frame a second, so that ten frames are a segment."""
    return lambda name, **settings: film(
        name, audio=0, pts=list(range(0, 1000 * SECONDS, 1000)), cut_at=CUT, rate=1, **settings
    )


def color_here(source: Path, **settings: Any) -> bytes:
    """What one process makes."""
    config = VideoConfig(**SETTINGS, output=str(source.with_name("here.mkv")), **settings)
    *_, record = colorize_video(str(source), config, Painter())
    assert isinstance(record, Record)
    assert record.outcome == Outcome.DONE, record.reason
    return Path(record.target).read_bytes()


def noted(folder: Path, name: str) -> list[str]:
    """Outcomes of an output in the journal."""
    lines = map(json.loads, (folder / ".koala-journal.jsonl").read_text().splitlines())
    return [line["outcome"] for line in lines if line.get("path") == name]


def test_a_film_loses_nothing_when_a_node_dies(cluster: Any, slow_film: Any, tmp_path: Path) -> None:
    """In the middle: the very bytes that one process makes, once in the journal, and no work is left behind."""
    source = slow_film("film.mp4")
    whole = color_here(source)
    node = cluster.add_node(num_cpus=2, object_store_memory=ROOM_FOR_OBJECTS)
    config = VideoConfig(**SETTINGS, output=str(tmp_path / "out.mkv"), ray=cluster.address)
    reports: list[int] = []
    for news in colorize_video(str(source), config, Painter(pause=0.3)):
        if isinstance(news, Progress):
            reports.append(news.done)
            if len(reports) == 2:
                cluster.remove_node(node, allow_graceful=False)
    assert isinstance(news, Record)
    assert news.outcome == Outcome.DONE, news.reason
    assert reports == sorted(reports)
    assert reports[-1] == SECONDS
    assert (tmp_path / "out.mkv").read_bytes() == whole
    assert noted(tmp_path, "out.mkv") == ["done"]
    assert not list(tmp_path.glob(".out*"))


def test_workers_that_are_killed_are_replaced_and_a_rerun_goes_on(cluster: Any, slow_film: Any, tmp_path: Path) -> None:
    """A worker dies over its stretch and another takes it; what an interrupted run has finished is not made again."""
    source = slow_film("film.mp4")
    whole = color_here(source)
    config = VideoConfig(**SETTINGS, output=str(tmp_path / "out.mkv"), ray=cluster.address)
    run = colorize_video(str(source), config, Painter(pause=0.3, folder=tmp_path))
    reports: list[Progress] = []
    while len(reports) < 4:
        news = next(run)
        if isinstance(news, Progress):
            reports.append(news)
            if len(reports) == 1:
                os.kill(int(next(tmp_path.glob("worker-*")).name.partition("-")[2]), signal.SIGKILL)
    run.close()
    (journal,) = tmp_path.glob(".out.mkv.koala/*/journal.jsonl")
    finished = len(journal.read_text().splitlines()) - 1
    assert finished >= 1
    reports = []
    for news in colorize_video(str(source), config, Painter()):
        reports += [news] if isinstance(news, Progress) else []
    assert reports[0].done > reports[0].fresh
    assert (tmp_path / "out.mkv").read_bytes() == whole
    assert noted(tmp_path, "out.mkv") == ["done"]


def test_a_stretch_is_found_and_colored_without_those_before_it(slow_film: Any, tmp_path: Path) -> None:
    """From its joint on, as an interrupted run goes on; what decodes otherwise than when it was found is refused."""
    source, painter = slow_film("film.mp4"), Painter()
    job, config = FilmJob(str(source), str(tmp_path / "out.mkv")), VideoConfig(**SETTINGS)
    plan = plan_film(job, config)
    found = list(find_stretches(plan.take, painter, None, []))
    assert sum(stretch.frames for stretch in found) == SECONDS
    with begin_film(job, config, painter) as run:
        assert not isinstance(run, Record)
        for _ in _colorize_segments(run.plan, run.work, painter, NOTHING_KNOWN):
            pass
        whole = [(segment.path.read_bytes(), list(segment.entries)) for segment in run.work.segments]
    assert len(whole) == len(found) > 4
    for number in (3, 1):
        path = tmp_path / f"{number}.packets"
        entries = colorize_stretch(plan.take, plan.encoder, painter, found[number], path)
        assert (path.read_bytes(), entries) == whole[number]
    with pytest.raises(InputError, match="does not decode twice in the same way"):
        colorize_stretch(plan.take, plan.encoder, painter, replace(found[2], marks="others"), tmp_path / "2.packets")
    assert not (tmp_path / "2.packets").exists()


@pytest.mark.parametrize("flag", ["--export-scenes", "--hints", "--references"])
def test_what_one_process_does_is_refused_with_ray(flag: str, slow_film: Any, run: Any, tmp_path: Path) -> None:
    """In one line with the way out."""
    code, said = run(slow_film("film.mp4"), "--ray", flag, tmp_path / "notes")
    assert code == 2
    assert said.endswith(f"{flag}: is the work of one process; leave --ray out\n")
