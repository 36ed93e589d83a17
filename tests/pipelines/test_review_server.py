"""The review page served: to those who know the token, from its own origin, and nothing beside it."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from koalacli.pipelines.review.server import LARGEST_BODY, ReviewServer

SHEET = "0123456789abcdef01234567"
DECIDED = json.dumps({"koala-hints": 1, "pictures": {"a.png": {"verdict": "keep"}}})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReviewServer]:
    """A folder as `koala review` makes it, with a secret beside it."""
    (tmp_path / "page" / "pictures").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("the page", "utf-8")
    (tmp_path / "page" / "pictures" / f"{SHEET}.js").write_text("a sheet", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    Image.fromarray(np.full((30, 50), 77, np.uint8)).save(tmp_path / "a.png")
    with ReviewServer(tmp_path / "page", {SHEET: tmp_path / "a.png"}) as made:
        thread = threading.Thread(target=made.run)
        thread.start()
        yield made
        made.close()
        thread.join()


def ask(
    server: ReviewServer, path: str, method: str = "GET", body: str = "", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """Status, content and headers of an answer; the path is sent as it is."""
    connection = http.client.HTTPConnection(server.origin.removeprefix("http://"), timeout=10)
    connection.request(method, path, body or None, {name.replace("_", "-"): text for name, text in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def test_who_knows_the_token_gets_page_sheets_and_full_size(server: ReviewServer) -> None:
    """And each answer says that it is for this page alone."""
    home = f"/{server.token}/"
    assert ask(server, home)[:2] == (200, b"the page")
    assert ask(server, f"{home}pictures/{SHEET}.js")[:2] == (200, b"a sheet")
    status, content, headers = ask(server, f"{home}full/{SHEET}.png")
    assert (status, content[:4]) == (200, b"\x89PNG")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/", "/index.html", "/wrong/", "/wrong/decisions.json", f"/pictures/{SHEET}.js", "//", "/TOKEN", "/%54OKEN/../"],
)
def test_without_the_token_nothing_is_given(server: ReviewServer, path: str) -> None:
    """Not even what is there."""
    status, content, _ = ask(server, path.replace("TOKEN", server.token))
    assert status in (403, 404)
    assert b"page" not in content


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.txt", "pictures/../../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "pictures/"),
        *("full/../../a.png", f"full/{'f' * 24}.png", f"pictures/{SHEET}.js/..", "//etc/passwd", "decisions.json"),
    ],
)
def test_nothing_beside_the_page_can_be_asked_for(server: ReviewServer, path: str) -> None:
    """Dots, escapes, other names: not found."""
    status, content, _ = ask(server, f"/{server.token}/{path}")
    assert status == 404
    assert b"secret" not in content


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://example.org"}, {"Origin": "null"}, {"Host": "example.org"}, {"Sec_Fetch_Site": "cross-site"}],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_other_origins_are_refused(server: ReviewServer, method: str, headers: dict[str, str]) -> None:
    """Even with the token: a page that has learned it, or a name that was bent to this address."""
    assert ask(server, f"/{server.token}/decisions.json", method, DECIDED, **headers)[0] == 403
    assert not (server.folder / "decisions.json").exists()


def test_decisions_are_written_and_read_back(server: ReviewServer) -> None:
    """Straight into the folder."""
    address = f"/{server.token}/decisions.json"
    assert ask(server, address, "PUT", DECIDED, Origin=server.origin)[0] == 200
    assert (server.folder / "decisions.json").read_text("utf-8") == DECIDED
    assert ask(server, address)[1].decode() == DECIDED


def test_what_is_no_decisions_is_not_written(server: ReviewServer) -> None:
    """Other JSON, none at all, too much of it, or to another name."""
    home = f"/{server.token}/"
    for body in ("{", "[]", '{"koala-hints": 2, "pictures": {}}', "[" * 100_000):
        assert ask(server, f"{home}decisions.json", "PUT", body)[0] == 400
    assert ask(server, f"{home}index.html", "PUT", DECIDED)[0] == 400
    assert ask(server, f"{home}decisions.json", "PUT", "", Content_Length=str(LARGEST_BODY + 1))[0] == 413
    assert not (server.folder / "decisions.json").exists()
    assert ask(server, home)[1] == b"the page"
