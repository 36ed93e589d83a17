"""Names and texts that FFmpeg would take for addresses, patterns or lists: an existing file is a file."""

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from koalacli.errors import InputError
from koalacli.io.film.open import open_container
from koalacli.io.film.source import FilmSource

QUICK = ("--preset", "ultrafast", "--end", "0.1")


@pytest.mark.parametrize(
    "name", ["Faust: 1926.mp4", "http:/film.mp4", "50%d.mp4", "%03d/film.mp4", "-i.mp4", "a|b.mp4"]
)
def test_a_file_is_a_file_whatever_its_name(
    name: str, film: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None
) -> None:
    """No address, no pattern, no flag; the output lies beside it under the same name."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    shutil.move(film("film.mp4"), tmp_path / name)
    (tmp_path / "501.mp4").write_bytes(b"not a film")
    monkeypatch.chdir(tmp_path)
    code, said = run("--start", "0", "--preset", "ultrafast", "--", name)
    assert code == 0, said
    assert Path(name).with_suffix(".0s-end.color.mp4").is_file()


def test_a_sequence_in_a_folder_with_a_percent_sign_is_found(tmp_path: Path, run: Any) -> None:
    """Only the name is a pattern."""
    folder = tmp_path / "50%d:"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((48, 64), 40 * number, np.uint8)).save(folder / f"{number:03}.png")
    assert run(folder / "%03d.png", "-o", tmp_path / "film.mkv", "--crf", "0", "--preset", "ultrafast")[0] == 0
    with FilmSource(tmp_path / "film.mkv") as made:
        assert len(list(made.frames())) == 3


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile film.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfilm.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    ],
    ids=["ffconcat", "hls", "sdp", "dash"],
)
def test_a_list_of_films_is_no_film(text: str, film: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leads to other files or the network is refused before anything of it is opened."""

    def refuse(*_args: object) -> None:
        raise AssertionError("a socket was opened")

    film("film.mp4")
    monkeypatch.setattr(socket, "socket", refuse)
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(InputError, match=r"list\.mp4: is a list of other files"):
        open_container(tmp_path / "list.mp4")


def test_a_list_that_is_not_known_as_one_is_not_followed(film: Any, tmp_path: Path) -> None:
    """FFmpeg's own recognition of lists is off, too."""
    film("film.mp4")
    (tmp_path / "list.mp4").write_text("\n" * 2000 + "ffconcat version 1.0\nfile film.mp4\n")
    with pytest.raises(InputError, match=r"cannot be read as a film|is a text"):
        open_container(tmp_path / "list.mp4")


def test_names_that_are_no_text_are_told_as_json(film: Any, run: Any, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are escaped in every event, progress included."""
    name = os.fsdecode(b"caf\xe9.mp4")
    shutil.move(film("film.mp4"), tmp_path / name)
    code, said = run(tmp_path / name, "--json", *QUICK)
    events = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert {event["event"] for event in events} == {"start", "progress", "picture", "summary"}
    assert all(event["source"] == str(tmp_path / name) for event in events if "source" in event)


def test_one_film_that_ffmpeg_gives_up_does_not_end_a_folder(film: Any, run: Any, tmp_path: Path) -> None:
    """Errors that are not the system's are a film's own: it fails, and the next is colored."""
    data = bytearray(film("a.mp4", audio=0).read_bytes())
    place = data.find(b"stts")
    data[place + 16 : place + 20] = (2**31).to_bytes(4, "big")
    (tmp_path / "a.mp4").write_bytes(data)
    film("b.mp4")
    code, said = run(tmp_path, "--preset", "ultrafast")
    assert code == 1
    assert "failed: " in said
    assert (tmp_path / "b.color.mp4").is_file()
    assert not (tmp_path / "a.color.mp4").exists()
