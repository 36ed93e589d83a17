"""An S3 server on loopback that can be told to fail; see io/test_storage.py.

python tests/s3_server.py     serves on a free port, prints it, until its standard input ends
"""

import itertools
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class Faulty:
    """Between a client and the server: every nth request fails, in a way that alternates.

    PUT /_every/N sets n; 0 is never. GET /_faults tells how many requests failed.
    """

    def __init__(self, server: Callable[..., Iterable[bytes]]):
        self.server, self.every, self.faults = server, 0, 0
        self.count = itertools.count(1)
        self.kinds = itertools.cycle([self.refuse, self.cut, self.stall])

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/_every/"):
            self.every = int(path.removeprefix("/_every/"))
            start("200 OK", [])
            return [str(self.faults).encode()]
        if self.every and next(self.count) % self.every == 0:
            self.faults += 1
            return next(self.kinds)(environ, start)
        return self.server(environ, start)

    def refuse(self, _environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """As a server that is overloaded."""
        start("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [b"<Error><Code>InternalError</Code></Error>"]

    def cut(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Reads half of what is sent and hangs up: a torn upload."""
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0) // 2)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    def stall(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answers too late."""
        time.sleep(0.5)
        return self.cut(environ, start)


if __name__ == "__main__":
    app = Faulty(DomainDispatcherApplication(create_backend_app))
    served = make_server("127.0.0.1", 0, app, threaded=True)
    sys.stdout.write(f"{served.port}\n")
    sys.stdout.flush()
    threading.Thread(target=served.serve_forever, daemon=True).start()
    sys.stdin.read()
