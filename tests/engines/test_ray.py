"""`--ray`: nodes on this machine do what one process does, and nothing is lost when some of them die."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from standin import ROOM_FOR_OBJECTS, StandIn
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import ColorizeConfig
from koalacli.io.files import new_file
from koalacli.io.tar import Member, pack
from koalacli.pipelines.colorize import colorize
from koalacli.records import Notice, Outcome, Record, Started

COUNT = 24
DEADLY = 13


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small gray pictures; each has a lightness of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(COUNT):
        noise = np.random.default_rng(number).integers(0, 8, (40, 50), dtype=np.uint8)
        Image.fromarray(noise + np.uint8(40 + 8 * number)).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def local(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of them."""
    output = tmp_path_factory.mktemp("local")
    list(colorize(str(pictures), str(output), ColorizeConfig(workers=2), StandIn(output.parent)))
    return contents(output)


def contents(folder: Path) -> dict[str, bytes]:
    """Outputs by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def noted(folder: Path) -> Counter[tuple[str, str]]:
    """How often the journal says what of each output."""
    lines = map(json.loads, (folder / ".koala-journal.jsonl").read_text().splitlines())
    return Counter((line["path"], line["outcome"]) for line in lines if "path" in line)


def lightness(pictures: Path, number: int) -> int:
    """Of a picture, as the stand-in sees it."""
    from koalacli.color.lab import lightness_of

    return round(float(lightness_of(np.asarray(Image.open(pictures / f"{number:02d}.png"))).mean()))


def test_a_node_that_dies_takes_no_picture_along(
    cluster: Any, pictures: Path, local: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the middle of a run: the bytes that one process makes, each picture once in the journal, nothing to redo."""
    told = []
    node = cluster.add_node(num_cpus=1, object_store_memory=ROOM_FOR_OBJECTS)
    config = ColorizeConfig(ray=cluster.address)
    records = []
    for news in colorize(str(pictures), str(tmp_path / "out"), config, StandIn(tmp_path, pause=0.2)):
        if isinstance(news, Started):
            assert news.device == "3 × cpu (ray)"
        records += [news] if isinstance(news, Record) else []
        told += [news.text] if isinstance(news, Notice) else []
        if len(records) == COUNT // 4 and node:
            cluster.remove_node(node, allow_graceful=False)
            node = None
    assert Counter(record.source for record in records) == Counter(map(str, pictures.glob("*.png")))
    assert {record.outcome for record in records} == {Outcome.DONE}
    assert told in ([], ["a node is gone: its work goes to others"])  # it may have had nothing to do just then
    assert capfd.readouterr().out == ""  # where --json goes
    assert contents(tmp_path / "out") == local
    assert noted(tmp_path / "out") == Counter((name, "done") for name in local)
    _, *again = colorize(str(pictures), str(tmp_path / "out"), config, StandIn(tmp_path))
    assert {record.outcome for record in again} == {Outcome.SKIPPED}


def test_a_picture_that_kills_workers_is_failed_by_name(
    cluster: Any, pictures: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    """All others are done, with the same bytes."""
    network = StandIn(tmp_path, deadly=lightness(pictures, DEADLY))
    config = ColorizeConfig(ray=cluster.address, ray_workers=1)
    records = [
        news for news in colorize(str(pictures), str(tmp_path / "out"), config, network) if isinstance(news, Record)
    ]
    (failed,) = [record for record in records if record.outcome == Outcome.FAILED]
    assert Path(failed.source).name == f"{DEADLY}.png"
    assert "workers died over it" in failed.reason
    del (rest := dict(local))[f"{DEADLY}.png"]
    assert contents(tmp_path / "out") == rest
    assert noted(tmp_path / "out") == Counter([*((name, "done") for name in rest), (f"{DEADLY}.png", "failed")])


def test_a_full_disk_on_one_node_and_an_interrupt_leave_the_rest_to_a_rerun(
    cluster: Any, pictures: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    """The worker without room goes; who stops early finds what was made in the journal, and goes on with the rest."""
    config = ColorizeConfig(ray=cluster.address)
    run = colorize(str(pictures), str(tmp_path / "out"), config, StandIn(tmp_path, pause=0.2, full_on="full"))
    seen: list[Started | Notice | Record] = []
    while sum(isinstance(news, Record) for news in seen) < COUNT // 3:
        seen.append(next(run))
    run.close()
    assert next(news.text for news in seen if isinstance(news, Notice)).startswith("a worker less: out: no space left")
    made = noted(tmp_path / "out")
    assert COUNT // 3 <= len(made) < COUNT
    assert set(contents(tmp_path / "out")) == {name for name, _ in made}
    rest = [
        news
        for news in colorize(str(pictures), str(tmp_path / "out"), config, StandIn(tmp_path))
        if isinstance(news, Record)
    ]
    assert Counter(record.outcome for record in rest) == {Outcome.SKIPPED: len(made), Outcome.DONE: COUNT - len(made)}
    assert contents(tmp_path / "out") == local
    assert noted(tmp_path / "out") == Counter((name, "done") for name in local)


def write_shards(pictures: Path, folder: Path) -> str:
    """The pictures in tar shards of four, as a range."""
    names = sorted(path.name for path in pictures.iterdir())
    for number in range(0, COUNT, 4):
        members = [Member(name, 0) for name in names[number : number + 4]]
        with new_file(folder / f"s-{number // 4}.tar") as file:
            pack(members, lambda member: (member.name, pictures / member.name), file)
    return str(folder / f"s-{{0..{COUNT // 4 - 1}}}.tar")


def test_shards_are_colored_by_many_and_a_node_may_die(cluster: Any, pictures: Path, tmp_path: Path) -> None:
    """Each picture is told once, each shard noted once, with the bytes of one process; a rerun has nothing to do."""
    source = write_shards(pictures, tmp_path / "in")
    here, there = tmp_path / "here", tmp_path / "there"
    list(colorize(source, str(here), ColorizeConfig(workers=2), StandIn(tmp_path)))
    node = cluster.add_node(num_cpus=1, object_store_memory=ROOM_FOR_OBJECTS)
    records = []
    for news in colorize(source, str(there), ColorizeConfig(ray=cluster.address), StandIn(tmp_path, pause=0.3)):
        records += [news] if isinstance(news, Record) else []
        if isinstance(news, Started):
            cluster.remove_node(node, allow_graceful=False)
    assert Counter(record.outcome for record in records) == {Outcome.DONE: COUNT}
    assert len({record.source for record in records}) == COUNT
    made = {path.name: path.read_bytes() for path in there.glob("*.tar")}
    assert made == {path.name: path.read_bytes() for path in here.glob("*.tar")}
    assert noted(there) == Counter((name, "done") for name in made)
    again = list(colorize(source, str(there), ColorizeConfig(ray=cluster.address), StandIn(tmp_path)))
    assert {record.outcome for record in again if isinstance(record, Record)} == {Outcome.SKIPPED}


def test_a_driver_that_is_killed_leaves_nothing_that_its_rerun_does_not_know(
    cluster: Any, pictures: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    """kill -9 in the middle: afterwards every output is there with its bytes, made once, and once in the journal."""
    code = (
        "import sys; from pathlib import Path; from standin import StandIn\n"
        "from koalacli.pipelines.colorize import colorize; from koalacli.config import ColorizeConfig\n"
        "config = ColorizeConfig(ray=sys.argv[4])\n"
        "for _ in colorize(*sys.argv[1:3], config, StandIn(Path(sys.argv[3]), pause=0.4)): pass"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    output = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(pictures), str(output), str(tmp_path), cluster.address],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    ) as killed:
        deadline = time.monotonic() + 90
        while len(contents(output)) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        killed.kill()
    time.sleep(2)  # workers end with their driver
    made = contents(output)
    assert 4 <= len(made) < COUNT
    rest = list(colorize(str(pictures), str(output), ColorizeConfig(workers=2), StandIn(tmp_path)))
    outcomes = Counter(record.outcome for record in rest if isinstance(record, Record))
    assert outcomes == {Outcome.SKIPPED: len(made), Outcome.DONE: COUNT - len(made)}
    assert contents(output) == local
    assert noted(output) == Counter((name, "done") for name in local)


@pytest.mark.parametrize("command", ["colorize", "video"])
def test_without_the_extra_one_line_names_it(
    command: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2; the flag needs no value, and does not take the input for one."""
    monkeypatch.setitem(sys.modules, "ray", None)
    (film := tmp_path / "film.mp4").touch()
    source = pictures if command == "colorize" else film
    done = CliRunner().invoke(app, [command, "--ray", str(source), str(tmp_path / "out")])
    assert done.exit_code == 2
    assert done.stderr.startswith("koala: --ray needs an extra: pip install 'koala-colorizer[ray]'")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "fault"), [("ray://head:10001", "run koala on a node"), ("127.0.0.1:1", "no cluster there")]
)
def test_a_cluster_that_is_not_there_is_told(address: str, fault: str, pictures: Path, tmp_path: Path) -> None:
    """One line, and nothing is written."""
    pytest.importorskip("ray")
    network = StandIn(tmp_path)
    done = CliRunner().invoke(app, ["colorize", str(pictures), str(tmp_path / "out"), "--ray", address], obj=network)
    assert done.exit_code in (1, 2), done.output
    assert fault in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()
