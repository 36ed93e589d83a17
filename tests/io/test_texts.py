"""Text that leaves koala can be read by whoever gets it."""

import json
import os
from pathlib import Path

from koalacli.io.texts import as_csv, as_json, one_line, write_text

NAME = os.fsdecode("ü".encode() + b"\xff\x1b[31m\n.jpg")  # letters, no UTF-8, a terminal's code, a line's end


def test_json_is_ascii_and_knows_no_nan() -> None:
    """Any terminal takes it, any reader accepts it, and names come back as they are."""
    text = as_json({"name": NAME, "figures": [float("nan"), float("-inf"), 1.5], "deep": ({"x": float("inf")},)})
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == {"name": NAME, "figures": [None, None, 1.5], "deep": [{"x": None}]}


def test_a_line_is_a_line() -> None:
    """Control characters are shown, not obeyed."""
    assert one_line(NAME) == "ü\\udcff\\x1b[31m\\n.jpg"
    assert one_line("\u202egpj.exe\x9b2J") == "\\u202egpj.exe\\x9b2J"


def test_a_text_of_any_name_can_be_written(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 become escapes; the file is UTF-8."""
    write_text(tmp_path / "deep" / "table.csv", as_csv([["picture", "psnr"], [NAME, 1]]))
    assert (tmp_path / "deep" / "table.csv").read_text("utf-8") == 'picture,psnr\n"ü\\udcff\x1b[31m\n.jpg",1\n'
