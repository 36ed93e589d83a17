"""An S3 server on loopback that can be told to fail; see io/test_storage.py.

python tests/s3_server.py     serves on a free port, prints it, until its standard input ends
"""

import itertools
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

LATE = 2.0  # seconds that a late answer takes


class Faulty:
    """Between a client and the server: every nth request fails, in a way that alternates.

    PUT /_every/N sets n; 0 is never; the answer tells how many requests have failed so far, in which way.
    """

    def __init__(self, server: Callable[..., Iterable[bytes]]):
        self.server, self.every, self.faults = server, 0, Counter[str]()
        self.count = itertools.count(1)
        self.kinds = itertools.cycle([self.refuse, self.cut, self.stall])

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/_every/"):
            self.every = int(path.removeprefix("/_every/"))
            start("200 OK", [])
            return [json.dumps(self.faults).encode()]
        if self.every and next(self.count) % self.every == 0:
            fail = next(self.kinds)
            self.faults[f"{fail.__name__} {environ['REQUEST_METHOD']}"] += 1
            return fail(environ, start)
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
        """Does what is asked, and answers too late."""
        answer = self.server(environ, start)
        time.sleep(LATE)
        return answer


if __name__ == "__main__":
    app = Faulty(DomainDispatcherApplication(create_backend_app))
    served = make_server("127.0.0.1", 0, app, threaded=True)
    sys.stdout.write(f"{served.port}\n")
    sys.stdout.flush()
    threading.Thread(target=served.serve_forever, daemon=True).start()
    sys.stdin.read()
