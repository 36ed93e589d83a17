"""`koala video --export-scenes`: stills to be colored elsewhere."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from koalacli.io.picture.read import read_picture


def test_every_scene_gives_its_middle_frame_with_all_bits(
    film: Callable[..., Path], run: Callable[..., tuple[int, str]], contents: Callable, tmp_path: Path
) -> None:
    """Stills are named by number and time, hold the frame of that time in 16 bits, and stand in the table."""
    source = film("two.mkv", codec="ffv1", pix_fmt="yuv420p10le", options={}, audio=0, cut_at=8)
    code, said = run(source, "--export-scenes", tmp_path / "stills")
    assert (code, "2 scenes" in said) == (0, True), said
    names = sorted(path.name for path in (tmp_path / "stills").iterdir())
    assert names == ["0001_0-00-00.160.png", "0002_0-00-00.560.png", "contact_sheet_1.jpg", "scenes.csv"]
    still = read_picture(tmp_path / "stills" / names[1]).pixels  # (H, W) where R, G and B are the same
    assert still.dtype == np.uint16
    luma = contents(source).luma[14].astype(np.float64)
    assert np.abs(still / 65535 - np.clip((luma - 64) / 876, 0, 1)).max() < 0.005
    with (tmp_path / "stills" / "scenes.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["number"], row["start"], row["end"], row["frames"]) for row in rows] == [
        ("1", "0:00:00.000", "0:00:00.280", "8"),
        ("2", "0:00:00.320", "0:00:00.760", "12"),
    ]


def test_a_still_that_is_there_stays(
    film: Callable[..., Path], run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """Somebody may have colored it by now; only --on-exist overwrite makes it anew."""
    source, stills = film("one.mkv", audio=0, pts=list(range(0, 240, 40))), tmp_path / "stills"
    run(source, "--export-scenes", stills)
    (still,) = stills.glob("*.png")
    still.write_bytes(b"colored")
    code, said = run(source, "--export-scenes", stills)
    assert (code, still.read_bytes(), "1 stills were there" in said) == (0, b"colored", True)
    assert run(source, "--export-scenes", stills, "--on-exist", "error")[0] == 1
    run(source, "--export-scenes", stills, "--on-exist", "overwrite")
    assert still.read_bytes() != b"colored"
