"""`koala review --serve`: the page from this machine, to this machine alone.

The server listens on 127.0.0.1, and every address begins with a random token: other users of the machine, and other
pages in the same browser, do not know it. It gives out the page, its sheets and full-size grays by their names in the
page, and takes one file, the decisions; no path of a request ever reaches the disk.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from koalacli.color.lab import lightness_of
from koalacli.errors import KoalaError, UsageError
from koalacli.io.files import write_file
from koalacli.io.picture.read import read_picture
from koalacli.records import Notice, Phase, Record, Started
from koalacli.report.sheets import gray_of

HOST = "127.0.0.1"
DECISIONS = "decisions.json"
LARGEST_BODY = 20_000_000  # bytes of decisions
LARGEST_SIDE = 4096  # pixels of a full-size preview: browsers hold no canvas much larger
PATHS = re.compile(
    r"(index\.html)?|pictures/(?P<sheet>[0-9a-f]{24})\.js|full/(?P<full>[0-9a-f]{24})\.png|(?P<decisions>decisions\.json)"
)
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def note_sources(
    records: Iterable[Started | Notice | Phase | Record], sources: dict[str, Path]
) -> Iterator[Started | Notice | Phase | Record]:
    """Pass records of `review` on, and note by the name of each sheet which file it is of."""
    for record in records:
        if isinstance(record, Record) and record.target:
            sources[Path(record.target).stem] = Path(record.source)
        yield record


class ReviewServer:
    """The page of a folder, served until it is closed.

    Args:
        folder: what `review` has made.
        sources: name of each sheet -> the file that it is of.
        port: 0 takes a free one.

    Attributes:
        address: where the page is, token and all.

    Raises:
        UsageError: the port is taken, or none.
    """

    def __init__(self, folder: Path, sources: Mapping[str, Path], port: int = 0):
        self.folder, self.sources = folder, sources
        self.token = secrets.token_urlsafe(24)
        try:
            self._server = ThreadingHTTPServer((HOST, port), _handler(self))
        except (OSError, OverflowError) as error:
            raise UsageError(f"--port {port}: cannot be had ({error}); 0 takes a free one") from error
        self._server.daemon_threads = True
        self.origin = f"http://{HOST}:{self._server.server_port}"
        self.address = f"{self.origin}/{self.token}/"

    def run(self) -> None:
        """Serve until `close` is called from another thread, or the user interrupts."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Stop, and free the port."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "ReviewServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def full_size(self, identity: str) -> bytes:
        """A picture as it is, gray, as PNG.

        Raises:
            KeyError: there is none of that name.
            InputError: it cannot be read any more.
        """
        gray = gray_of(lightness_of(read_picture(self.sources[identity]).pixels))
        scale = LARGEST_SIDE / max(gray.shape)
        if scale < 1:
            gray = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        return bytes(cv2.imencode(".png", gray, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())


def _handler(server: ReviewServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        review = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    """One request. What is not understood is refused without saying why."""

    review: ReviewServer
    server_version, sys_version = "koala", ""
    protocol_version = "HTTP/1.1"
    timeout = 60.0

    def do_GET(self) -> None:
        """The page, a sheet, a full-size gray, or the decisions."""
        found = self._asked()
        if found is None:
            return
        try:
            if found["sheet"]:
                self._answer((self.review.folder / "pictures" / f"{found['sheet']}.js").read_bytes(), "text/javascript")
            elif found["full"]:
                self._answer(self.review.full_size(found["full"]), "image/png")
            elif found["decisions"]:
                self._answer((self.review.folder / DECISIONS).read_bytes(), "application/json")
            else:
                self._answer((self.review.folder / "index.html").read_bytes(), "text/html; charset=utf-8")
        except (OSError, KeyError, KoalaError):
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        """New decisions; written whole or not at all."""
        found = self._asked()
        if found is None:
            return
        length = self.headers.get("Content-Length", "")
        if not found["decisions"] or not length.isdecimal():
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        if int(length) > LARGEST_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(length))
        if not _are_decisions(body):
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        try:
            write_file(self.review.folder / DECISIONS, body)
        except KoalaError:
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE)
            return
        self._answer(b"{}", "application/json")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: requests are no news."""

    def _asked(self) -> dict[str, str] | None:
        """What is asked for, where the token, the host and the origin are ours; None once refused."""
        _, _, rest = self.path.partition("/")
        token, _, path = rest.partition("/")
        found = PATHS.fullmatch(path)
        origin = self.headers.get("Origin", self.review.origin)
        ours = (
            secrets.compare_digest(token.encode(), self.review.token.encode())
            and self.headers.get("Host") == self.review.origin.removeprefix("http://")
            and origin == self.review.origin
            and self.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        )
        if not ours:
            self._refuse(HTTPStatus.FORBIDDEN)
            return None
        if found is None or rest == token:
            self._refuse(HTTPStatus.NOT_FOUND)
            return None
        return {name: value or "" for name, value in found.groupdict().items()}

    def _answer(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True  # a body that was not read must not be taken for a request
        self._answer(f"{status.value} {status.phrase}\n".encode(), "text/plain", status)


def _are_decisions(body: bytes) -> bool:
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and held.get("koala-hints") == 1 and isinstance(held.get("pictures"), dict)
