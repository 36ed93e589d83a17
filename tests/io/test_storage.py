"""Pictures in object stores, against a server that speaks S3 on loopback, and in memory."""

import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from standin import StandIn
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.config import ColorizeConfig
from koalacli.errors import NothingMatchedError, UsageError
from koalacli.io import storage
from koalacli.pipelines.colorize import colorize
from koalacli.records import Outcome, Record

COUNT = 12
HERE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small gray pictures, in folders."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(COUNT):
        path = folder / f"box {number % 3}" / f"é{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(60, 200, (40, 50), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def local(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run from folder to folder makes, by name."""
    output = tmp_path_factory.mktemp("local")
    list(colorize(str(pictures), str(output), ColorizeConfig(workers=2), StandIn(output.parent)))
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*.png")}


@pytest.fixture
def bucket(s3_server: str, pictures: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a new bucket with the pictures below in/."""
    name = f"b{abs(hash(request.node.name))}"
    store = storage._protocol_store("s3")
    store.mkdir(name)
    for path in pictures.rglob("*.png"):
        storage.write_object(f"s3://{name}/in/{path.relative_to(pictures).as_posix()}", path.read_bytes())
    storage.write_object(f"s3://{name}/index.png", b"beside the folder")
    return f"s3://{name}"


def fail_every(s3_server: str, count: int) -> Counter[str]:
    """Have every nth request fail; how many have failed so far, and how."""
    with urllib.request.urlopen(urllib.request.Request(f"{s3_server}/_every/{count}", method="PUT")) as answer:
        return Counter(json.loads(answer.read()))


@contextmanager
def failing(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Every fourth request fails, and nobody waits long; what failed, and how, is known afterwards."""
    failed: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "S3_REQUESTS", {**storage.S3_REQUESTS, "read_timeout": 1})
        patch.setattr(storage, "FIRST_PAUSE", 0.05)
        storage._protocol_store.cache_clear()
        before = fail_every(s3_server, 4)
        try:
            yield failed
        finally:
            failed += fail_every(s3_server, 0) - before
    storage._protocol_store.cache_clear()


@contextmanager
def watching(look: Callable[[], None]) -> Iterator[None]:
    """Look again and again meanwhile; what it raises is raised."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            look()

    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(watch)
        try:
            yield
        finally:
            ended.set()
        watched.result()


def outputs(folder: str) -> dict[str, bytes]:
    """Visible objects by name."""
    found = {place.place.removeprefix(f"{folder}/"): place.place for place in storage.list_objects(folder)}
    return {name: storage.read_object(place) for name, place in found.items() if not name.startswith(".")}


def noted(folder: str) -> Counter[str]:
    """How often the journal names each output."""
    parts = [found.place for found in storage.list_objects(f"{folder}/.koala-journal")]
    lines = [json.loads(line) for part in parts for line in storage.read_object(part).splitlines()]
    return Counter(line["path"] for line in lines if "path" in line)


def run(source: str, output: str, tmp_path: Path, **settings: Any) -> Counter[Outcome]:
    """Outcomes of a run."""
    news = colorize(source, output, ColorizeConfig(workers=2, **settings), StandIn(tmp_path))
    return Counter(one.outcome for one in news if isinstance(one, Record))


def test_a_prefix_is_mirrored_once(bucket: str, local: dict[str, bytes], tmp_path: Path) -> None:
    """The same bytes as from folder to folder, in a journal; a rerun has nothing to do, a new setting everything."""
    assert run(f"{bucket}/in", f"{bucket}/out", tmp_path) == {Outcome.DONE: COUNT}
    assert outputs(f"{bucket}/out") == local
    assert noted(f"{bucket}/out") == Counter(local.keys())
    assert run(f"{bucket}/in", f"{bucket}/out", tmp_path) == {Outcome.SKIPPED: COUNT}
    storage.write_object(f"{bucket}/in/box 0/é00.png", storage.read_object(f"{bucket}/in/box 1/é01.png") + b"\0")
    assert run(f"{bucket}/in", f"{bucket}/out", tmp_path) == {Outcome.DONE: 1, Outcome.SKIPPED: COUNT - 1}
    assert run(f"{bucket}/in", f"{bucket}/out", tmp_path, saturation=0.5) == {Outcome.DONE: COUNT}


def test_requests_that_fail_are_made_again(
    s3_server: str, bucket: str, local: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, torn and late ones: in the end every picture is there, and at no time half of one."""
    seen: Counter[str] = Counter()

    def look() -> None:
        try:
            visible = outputs(f"{bucket}/out")
        except NothingMatchedError:
            return
        assert visible.items() <= local.items()
        seen.update(visible.keys())

    with failing(s3_server, monkeypatch) as failed, watching(look):
        assert run(f"{bucket}/in", f"{bucket}/out", tmp_path) == {Outcome.DONE: COUNT}
    assert failed.total() > COUNT // 2
    assert {"refuse PUT", "cut PUT", "stall PUT"} & failed.keys()
    assert {kind.partition(" ")[0] for kind in failed} == {"refuse", "cut", "stall"}
    assert seen
    assert outputs(f"{bucket}/out") == local
    assert noted(f"{bucket}/out") == Counter(local.keys())


def test_web_servers_can_be_read(pictures: Path, local: dict[str, bytes], tmp_path: Path) -> None:
    """A picture by its address; what is there is not asked for again."""
    pytest.importorskip("aiohttp")
    name = min(local)
    served = partial(SimpleHTTPRequestHandler, directory=str((pictures / name).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{quote(Path(name).name)}"
        output = tmp_path / "out"
        assert run(address, str(output / "a.png"), tmp_path) == {Outcome.DONE: 1}
        assert run(address, str(output / "a.png"), tmp_path) == {Outcome.SKIPPED: 1}
        with pytest.raises(NothingMatchedError):
            run(f"{address}.gone", str(output), tmp_path)
        server.shutdown()
    with Image.open(output / "a.png") as made, Image.open(io.BytesIO(local[name])) as same:
        assert np.array_equal(made, same)


def test_a_large_object_is_visible_when_all_its_parts_are_there(
    s3_server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts are refused, torn and late, too."""
    monkeypatch.setattr(storage, "PART_SIZE", 5 << 20)
    large = tmp_path / "large.tar"
    large.write_bytes(bytes(range(256)) * (11 << 12))
    place, sizes = f"{bucket}/large.tar", set()
    with failing(s3_server, monkeypatch) as failed, watching(lambda: sizes.add(storage.find_object(place).size)):
        storage.send_file(large, place)
    assert sizes <= {0, large.stat().st_size}
    assert failed.total() >= 2
    assert storage.read_object(place) == large.read_bytes()


def test_a_killed_run_leaves_whole_objects_and_its_rerun_does_the_rest(
    bucket: str, local: dict[str, bytes], tmp_path: Path
) -> None:
    """kill -9 in the middle: what is there is whole, and stays; afterwards all stands in the journal, once."""
    code = (
        "import sys; from pathlib import Path; from standin import StandIn\n"
        "from koalacli.pipelines.colorize import colorize; from koalacli.config import ColorizeConfig\n"
        "for _ in colorize(*sys.argv[1:3], ColorizeConfig(workers=2), StandIn(Path(sys.argv[3]), pause=0.7)): pass"
    )
    paths = os.pathsep.join([str(HERE), str(HERE.parent)])
    with subprocess.Popen(
        [sys.executable, "-c", code, f"{bucket}/in", f"{bucket}/out", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths},
    ) as killed:
        deadline = time.monotonic() + 60
        made: dict[str, bytes] = {}
        while not made and time.monotonic() < deadline:
            time.sleep(0.1)
            store = storage._protocol_store("s3")
            made = outputs(f"{bucket}/out") if store.find(f"{bucket}/out") else {}
        killed.kill()
    made = outputs(f"{bucket}/out")
    assert 0 < len(made) < COUNT
    assert all(local[name] == content for name, content in made.items())
    assert run(f"{bucket}/in", f"{bucket}/out", tmp_path) == {
        Outcome.DONE: COUNT - len(made),
        Outcome.SKIPPED: len(made),
    }
    assert outputs(f"{bucket}/out") == local
    assert noted(f"{bucket}/out") == Counter(local.keys())


class Million:
    """A store of a million keys, all of one picture; counts the pages of its listing."""

    def __init__(self, content: bytes):
        self.content, self.pages = content, 0

    def _strip_protocol(self, place: str) -> str:
        return place.partition("://")[2]

    def isfile(self, _path: str) -> bool:
        return False

    def call_s3(self, _method: str, **asked: Any) -> dict[str, Any]:
        self.pages += 1
        start = int(asked.get("ContinuationToken", 0))
        keys = [{"Key": f"in/{start + number}.png", "Size": 1, "LastModified": 1.0} for number in range(1000)]
        return {"Contents": keys, "IsTruncated": start < 999_000, "NextContinuationToken": str(start + 1000)}

    def cat_file(self, _path: str) -> bytes:
        return self.content


def test_a_million_keys_are_not_waited_for(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first picture is there when a few pages of the listing are."""
    store = Million(next(pictures.rglob("*.png")).read_bytes())
    monkeypatch.setattr(storage, "_protocol_store", lambda _protocol: store)
    news = colorize("s3://scans/in", str(tmp_path / "out"), ColorizeConfig(workers=2), StandIn(tmp_path))
    record = next(one for one in news if isinstance(one, Record))
    news.close()  # type: ignore[attr-defined]  # a generator
    assert record.outcome == Outcome.DONE
    assert store.pages <= 3


def test_shards_lie_in_stores_too(bucket: str, tmp_path: Path) -> None:
    """A range of them, without a listing; the second run knows that they are done."""
    for number in range(2):
        shard = io.BytesIO()
        with tarfile.open(fileobj=shard, mode="w") as archive:
            data = storage.read_object(f"{bucket}/in/box {number}/é{number:02d}.png")
            info = tarfile.TarInfo("a.png")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        storage.write_object(f"{bucket}/shards/s-{number}.tar", shard.getvalue())
    source = f"{bucket}/shards/s-{{0..1}}.tar"
    assert run(source, f"{bucket}/colored", tmp_path) == {Outcome.DONE: 2}
    assert run(source, f"{bucket}/colored", tmp_path) == {Outcome.SKIPPED: 2}
    storage.write_object(f"{bucket}/shards/s-1.tar", shard.getvalue() + bytes(512))
    assert run(source, f"{bucket}/colored", tmp_path) == {Outcome.SKIPPED: 1, Outcome.DONE: 1}


def test_an_output_is_there_whole_or_not_at_all(bucket: str) -> None:
    """Neither while it is written nor after an error is anything of it visible."""
    place = storage.new_object(f"{bucket}/out/a.bin")
    file = place.__enter__()
    file.write(b"half")
    file.flush()
    assert not storage.has_object(f"{bucket}/out/a.bin")
    assert not place.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert not storage.has_object(f"{bucket}/out/a.bin")


def test_folders_and_stores_go_together(pictures: Path, local: dict[str, bytes], tmp_path: Path) -> None:
    """From a folder to memory:// and back into a folder; what is in the way is told by name."""
    assert run(str(pictures), "memory://away/out", tmp_path) == {Outcome.DONE: COUNT}
    assert outputs("memory://away/out") == local
    storage.write_object("memory://home/a.png", next(pictures.rglob("*.png")).read_bytes())
    storage.write_object("memory://home/notes.txt", b"text")
    assert run("memory://home", str(tmp_path / "out"), tmp_path) == {Outcome.DONE: 1, Outcome.SKIPPED: 1}
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.size == (50, 40)


@pytest.mark.parametrize("key", ["../../up.png", "a/../../up.png", "a//b.png"])
def test_keys_that_lead_out_of_the_output_are_refused(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store takes any name; a folder must not follow it."""
    found = [storage.Found(f"memory://in/{key}", 1, 1)]
    monkeypatch.setattr("koalacli.io.store_plan.list_objects", lambda _: iter(found))
    (record,) = (
        one for one in colorize("memory://in", str(tmp_path / "o" / "p"), ColorizeConfig(), StandIn(tmp_path))
        if isinstance(one, Record)
    )  # fmt: skip
    assert record.outcome == Outcome.FAILED
    assert "leads out" in record.reason


@pytest.mark.parametrize(
    ("settings", "way_out"),
    [
        ({"preserve_times": True}, "leave it out"),
        ({"hints": "hints.jsonl"}, "copy the pictures that they name"),
        ({"decisions": ("decisions.json",)}, "copy the pictures that they name"),
        ({"reference": "color.jpg"}, "give a file or a folder"),
        ({"proposals": 3}, "give a folder on this machine"),
        ({"manifest": True}, "is for folders"),
    ],
)
def test_what_a_store_cannot_do_is_refused(settings: dict[str, Any], way_out: str, tmp_path: Path) -> None:
    """Before any work, with the way out."""
    with pytest.raises(UsageError, match=way_out):
        run("memory://in", "memory://out", tmp_path, **settings)


def test_places_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """Web servers take nothing, patterns are for folders, and what is not there is told."""
    with pytest.raises(UsageError, match="web servers can be read only"):
        run(str(tmp_path), "https://example.org/out", tmp_path)
    with pytest.raises(UsageError, match="give a prefix"):
        run("memory://in/*.png", "memory://out", tmp_path)
    with pytest.raises(NothingMatchedError):
        run("memory://nowhere", "memory://out", tmp_path)


def test_one_picture_becomes_one_object(pictures: Path, tmp_path: Path) -> None:
    """Of the name that is given, in a store and from one; its journal lies beside it."""
    source = next(pictures.rglob("*.png"))
    assert run(str(source), "memory://lone/deep/new.png", tmp_path) == {Outcome.DONE: 1}
    assert outputs("memory://lone/deep").keys() == {"new.png"}
    assert noted("memory://lone/deep") == {"new.png": 1}
    assert run("memory://lone/deep/new.png", str(tmp_path / "back.png"), tmp_path) == {Outcome.DONE: 1}
    assert (tmp_path / "back.png").is_file()


@pytest.mark.parametrize("command", ["colorize", "video"])
@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [
        ("s3", "s3fs", "s3"),
        ("gs", "gcsfs", "gcs"),
        ("az", "adlfs", "azure"),
        ("https", "fsspec.implementations.http", "web"),
    ],
)
def test_without_the_extra_one_line_names_it(
    scheme: str, module: str, extra: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, scheme, raising=False)
    storage._protocol_store.cache_clear()
    place = f"{scheme}://bucket/in/a.{'png' if command == 'colorize' else 'mp4'}"
    done = CliRunner().invoke(app, [command, place, str(tmp_path / "out")], obj=StandIn(tmp_path))
    storage._protocol_store.cache_clear()
    assert done.exit_code == 2
    assert done.stderr == f"koala: {scheme}:// needs an extra: pip install 'koala-colorizer[{extra}]'\n"
