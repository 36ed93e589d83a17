"""Object stores and web servers, over fsspec: places such as s3://bucket/scans/a.jpg, gs://, az://, https://.

An object is there whole or not at all: it is written to a local file first, sent in one request (or in parts that the
store joins at the end), and its size is asked for afterwards. Requests that fail are made again, since stores hiccup.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from koalacli.errors import (
    FULL,
    InputError,
    KoalaError,
    NothingMatchedError,
    OutputError,
    UsageError,
    output_error,
    writing_errors,
)

ATTEMPTS = 5
FIRST_PAUSE = 0.25  # seconds before the second attempt, doubled before each further one
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)  # asking again changes nothing
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
READ_ONLY = ("http", "https")
EXTRAS |= dict.fromkeys(READ_ONLY, "web")
# Of a request to S3, seconds; it is made again here, and not in every layer below, too.
S3_REQUESTS = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 0}}
# Of objects in S3 that are larger than two parts: bytes of a part, held in memory; parts on the way at once; the most
# that an object can have.
PART_SIZE, PARTS_AT_ONCE, MOST_PARTS = 32 << 20, 2, 10_000

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Found:
    """An object.

    Attributes:
        place: URL.
        size: bytes.
        mtime: when it was put there, nanoseconds; 0 where the store does not say.
    """

    place: str
    size: int
    mtime: int


def is_remote(place: str | os.PathLike[str]) -> bool:
    """Whether a place is a URL rather than a path."""
    return "://" in str(place)


def list_objects(place: str) -> Iterator[Found]:
    """Objects at or below a place, a page or a folder at a time, so that the first come at once; hidden ones too.

    Raises:
        UsageError: the store is not known, needs an extra, or does not let us in.
        NothingMatchedError: there is no such place.
    """
    store, path = _store(place)
    scheme = place.split("://", 1)[0]
    try:
        found = _list_s3(store, path) if hasattr(store, "call_s3") else _list_folders(store, path)
        for info in found:
            name = str(info["name"])
            yield _found(name if is_remote(name) else f"{scheme}://{name.lstrip('/')}", info)
    except FileNotFoundError as error:
        raise NothingMatchedError(f"{place}: no such bucket, folder or object") from error
    except OSError as error:
        raise UsageError(f"{place}: cannot be listed ({_reason(error)})") from error


def read_object(place: str) -> bytes:
    """The content of an object.

    Raises:
        InputError: it cannot be had.
    """
    store, path = _store(place)
    try:
        return bytes(_patiently(lambda: store.cat_file(path)))
    except OSError as error:
        raise InputError(f"cannot be read ({_reason(error)})") from error


def find_object(place: str) -> Found:
    """One object, without a listing; size and time are zeros where there is none.

    Raises:
        InputError: the store does not say.
    """
    store, path = _store(place)
    try:
        return _found(place, _patiently(lambda: store.info(path)))
    except FileNotFoundError:
        return Found(place, 0, 0)
    except OSError as error:
        raise InputError(f"{place}: cannot be looked for ({_reason(error)})") from error


def has_object(place: str) -> bool:
    """Whether there is an object.

    Raises:
        OutputError: the store does not say.
    """
    store, path = _store(place)
    try:
        return bool(_patiently(lambda: store.isfile(path)))
    except OSError as error:
        raise OutputError(f"{place}: cannot be looked for ({_reason(error)})") from error


@contextmanager
def new_object(place: str) -> Iterator[BinaryIO]:
    """A file open for writing whose content becomes an object when the block ends well, and vanishes otherwise.

    Raises:
        StorageFullError: no room for the local file.
        OutputError: the store does not take it.
    """
    with writing_errors(tempfile.gettempdir()):
        file = tempfile.NamedTemporaryFile(prefix="koala-", suffix=Path(place).suffix)  # noqa: SIM115
    with file:
        with writing_errors(file.name):
            yield file  # type: ignore[misc]
            file.flush()
        send_file(Path(file.name), place)


def write_object(place: str, data: bytes) -> None:
    """Make an object of bytes; errors as `new_object`."""
    with new_object(place) as file:
        file.write(data)


def local_copy(place: str) -> Any:
    """A temporary file with an object's content, for decoders that read parts of files; it lives as long as its owner.

    Raises:
        InputError, StorageFullError: as `fetch_object`.
    """
    file = tempfile.NamedTemporaryFile(prefix="koala-", suffix=Path(place).suffix)  # noqa: SIM115
    fetch_object(place, Path(file.name))
    return file


def fetch_object(place: str, target: Path) -> None:
    """Write an object's content to a file, a piece at a time.

    Raises:
        InputError: it cannot be had.
        StorageFullError: there is no room for it.
    """
    store, path = _store(place)

    def get() -> None:
        store.get_file(path, str(target))
        if (size := store.info(path)["size"]) not in (None, target.stat().st_size):
            raise OSError(f"{target.stat().st_size} of {size} bytes arrived")

    try:
        _patiently(get)
    except OSError as error:
        if error.errno in FULL:
            raise output_error(target, error) from error
        raise InputError(f"cannot be read ({_reason(error)})") from error


def remove_objects(place: str) -> None:
    """Delete what lies below a place; what cannot be deleted stays, and harms nobody."""
    with suppress(KoalaError):
        for found in list(list_objects(place)):
            store, path = _store(found.place)
            with suppress(OSError):
                _patiently(partial(store.rm_file, path))


def check_writable(place: str) -> None:
    """Refuse what can only be read.

    Raises:
        UsageError: a web server.
    """
    if place.split("://", 1)[0] in READ_ONLY:
        raise UsageError(f"{place}: web servers can be read only; give a folder or an object store")
    _store(place)


def send_file(source: Path, place: str) -> None:
    """Make an object of a file.

    Raises:
        OutputError: the store does not take it.
    """
    store, path = _store(place)
    size = source.stat().st_size
    options = {"chunksize": max(PART_SIZE, -(-size // MOST_PARTS))} if hasattr(store, "call_s3") else {}

    def put() -> None:
        store.put_file(str(source), path, **options)
        if (there := store.info(path)["size"]) != size:
            raise OSError(f"{there} of {size} bytes arrived")

    try:
        _patiently(put)
    except OSError as error:
        raise OutputError(f"{place}: cannot be written ({_reason(error)})") from error


def _patiently(request: Callable[[], Made]) -> Made:
    """The answer to a request, made again where it fails and may not fail again; failures as OSError."""
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except FINAL:
            raise
        except Exception as error:  # every store has a family of its own
            if attempt + 1 == ATTEMPTS or (isinstance(error, OSError) and error.errno in FULL):
                raise error if isinstance(error, OSError) else OSError(str(error) or type(error).__name__) from error
            time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


@cache
def _protocol_store(protocol: str) -> Any:
    import fsspec  # here: most runs need none

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if EXTRAS.get(protocol) == "s3":
        options |= {"config_kwargs": S3_REQUESTS, "max_concurrency": PARTS_AT_ONCE}
    try:
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        way = f"pip install 'koala-colorizer[{extra}]'" if extra else str(error)
        raise UsageError(f"{protocol}:// needs an extra: {way}") from error
    except ValueError as error:
        raise UsageError(f"{protocol}://: no such kind of store; there are s3, gs, az, https") from error


def _store(place: str) -> tuple[Any, str]:
    """The store of a place, and what it calls the place."""
    store = _protocol_store(place.split("://", 1)[0])
    return store, str(store._strip_protocol(place))


def _list_s3(store: Any, path: str) -> Iterator[dict[str, Any]]:
    """Flat, a thousand at a time: s3fs' own listing first waits for all of them."""
    bucket, _, key = path.partition("/")
    # An object of just this name is meant, else what lies below; s3://b/in must not take s3://b/index.jpg along.
    if key and _patiently(lambda: store.isfile(path)):
        yield _patiently(lambda: store.info(path))
        return
    asked: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key.rstrip('/')}/" if key else ""}
    while True:
        page = _patiently(lambda: store.call_s3("list_objects_v2", **asked))
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("/"):  # a marker that consoles make for a folder
                yield {"name": f"{bucket}/{entry['Key']}", "size": entry["Size"], "mtime": entry["LastModified"]}
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _list_folders(store: Any, path: str) -> Iterator[dict[str, Any]]:
    """Folder by folder, sorted."""
    if _patiently(lambda: store.isfile(path)):
        yield _patiently(lambda: store.info(path))
        return
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        entries = sorted(_patiently(partial(store.ls, folder, detail=True)), key=lambda entry: entry["name"])
        yield from (entry for entry in entries if entry["type"] == "file")
        waiting += [entry["name"] for entry in reversed(entries) if entry["type"] == "directory"]


def _found(place: str, info: dict[str, Any]) -> Found:
    moment = info.get("LastModified") or info.get("mtime") or info.get("last_modified") or info.get("created") or 0
    return Found(place, int(info.get("size") or 0), _nanoseconds(moment))


def _nanoseconds(moment: Any) -> int:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
    return round(moment * 1e6) * 1000  # seconds; a float holds no more


def _reason(error: OSError) -> str:
    return " ".join(str(error).split()) or type(error).__name__
