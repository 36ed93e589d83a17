"""Trees, shards and addresses become lists of samples, and samples become bytes."""

import io
import tarfile
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalacli.data.sources import Sample, find_samples, limit_samples, read_sample, split_samples
from koalacli.errors import DataError, InputError, UsageError


def make_shard(path: Path, members: dict[str, bytes]) -> Path:
    """A tar shard of the given members."""
    with tarfile.open(path, "w") as shard:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            shard.addfile(info, io.BytesIO(content))
    return path


def test_a_tree_is_walked_and_only_pictures_are_taken(tmp_path: Path) -> None:
    """Class folders, every picture suffix in any case, nothing hidden, nothing else."""
    for name in ("n01/a.JPEG", "n01/b.jpg", "n02/deep/c.png", "d.webp", "e.tif", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    samples = find_samples([str(tmp_path)])
    assert [sample.name for sample in samples] == ["d.webp", "e.tif", "n01/a.JPEG", "n01/b.jpg", "n02/deep/c.png"]
    assert read_sample(samples[2]) == b"n01/a.JPEG"


def test_a_pattern_of_shards_gives_every_member(tmp_path: Path) -> None:
    """Members are read by their place in the shard, byte for byte."""
    for number in range(2):
        make_shard(
            tmp_path / f"train-{number}.tar", {f"x/{number}-{k}.jpg": bytes([number, k]) * 700 for k in range(3)}
        )
    samples = find_samples([str(tmp_path / "train-*.tar")])
    assert [read_sample(sample) for sample in samples] == [bytes([n, k]) * 700 for n in range(2) for k in range(3)]


def test_addresses_of_a_store_are_read_like_files(tmp_path: Path) -> None:
    """A tree and a shard behind an fsspec address give the same samples and bytes as local ones."""
    store = fsspec.filesystem("memory")
    shard = make_shard(tmp_path / "s.tar", {"a/1.jpg": b"one" * 99, "a/2.jpg": b"two" * 99})
    store.pipe("/photos/s.tar", shard.read_bytes())
    store.pipe("/photos/tree/deep/3.png", b"three")
    try:
        samples = find_samples(["memory://photos/*.tar", "memory://photos/tree"])
        assert [sample.name for sample in samples] == ["a/1.jpg", "a/2.jpg", "deep/3.png"]
        assert [read_sample(sample) for sample in samples] == [b"one" * 99, b"two" * 99, b"three"]
    finally:
        store.rm("/photos", recursive=True)


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    """A shard that ends inside a member, or is no tar at all, is an error that names it."""
    shard = make_shard(tmp_path / "a.tar", {"1.jpg": b"x" * 5000})
    (sample,) = find_samples([str(shard)])
    shard.write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"a\.tar.*truncated"):
        read_sample(sample)
    (tmp_path / "b.tar").write_bytes(b"this is not a tar shard" * 50)
    with pytest.raises(DataError, match=r"b\.tar"):
        find_samples([str(tmp_path / "b.tar")])


def test_a_member_with_holes_is_refused_by_name(tmp_path: Path) -> None:
    """A few bytes may claim to be gigabytes; nobody makes room for them."""
    path = tmp_path / "holes.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as shard:
        info = tarfile.TarInfo("huge.jpg")
        info.size = 512
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(10 << 30)}
        shard.addfile(info, io.BytesIO(b"1\n0\n1\n".ljust(512, b"\0")))
    with pytest.raises(DataError, match=r"holes\.tar: huge\.jpg is stored with holes"):
        find_samples([str(path)])


def test_no_room_is_made_for_what_a_shard_does_not_hold(tmp_path: Path) -> None:
    """The size that a header claims is compared with the file's before it is read."""
    (tmp_path / "a.tar").write_bytes(bytes(2000))
    with pytest.raises(DataError, match=r"a\.tar: the shard ended inside x"):
        read_sample(Sample("x", str(tmp_path / "a.tar"), 512, 1 << 60))


def test_a_dead_source_is_told_from_one_missing_picture(tmp_path: Path) -> None:
    """A picture that vanished is its own problem; a source that vanished ends the run."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.jpg").write_bytes(b"a")
    (sample,) = find_samples([str(tree)])
    (tree / "a.jpg").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        read_sample(sample)
    tree.rmdir()
    with pytest.raises(DataError, match="gone"):
        read_sample(sample)


@pytest.mark.parametrize("place", ["nowhere", "nowhere-*.tar"])
def test_a_missing_place_is_an_error(tmp_path: Path, place: str) -> None:
    """Neither a wrong path nor a pattern without a match is silently empty."""
    with pytest.raises(DataError, match="nowhere"):
        find_samples([str(tmp_path / place)])


@given(st.integers(0, 5), st.floats(0.05, 0.5))
def test_the_split_depends_on_names_alone(seed: int, share: float) -> None:
    """Sides are disjoint and complete, and do not change with order or company."""
    samples = [Sample(f"p/{number}.jpg", "tree") for number in range(200)]
    train, val = split_samples(samples, share, seed)
    assert sorted([*train, *val], key=repr) == sorted(samples, key=repr)
    again, _ = split_samples(samples[::-2], share, seed)
    assert set(again) <= set(train)
    assert abs(len(val) / 200 - share) < 0.15


@given(st.integers(2, 6), st.integers(0, 50))
def test_two_pictures_are_enough_for_both_sides(count: int, seed: int) -> None:
    """A handful of pictures always leaves one to validate on and one to train on, in any order."""
    samples = [Sample(f"p/{number}.jpg", "tree") for number in range(count)]
    sides = split_samples(samples, 0.05, seed)
    assert all(sides)
    assert split_samples(samples[::-1], 0.05, seed)[1] == sides[1]


def test_a_split_must_leave_both_sides_something() -> None:
    """A share of nothing or all is refused."""
    with pytest.raises(UsageError, match="val-split"):
        split_samples([], 1.0, 0)


def test_a_limit_draws_the_same_pictures_from_any_order() -> None:
    """--limit is a draw by name, and 0 takes all."""
    samples = [Sample(f"{number}.jpg", "tree") for number in range(50)]
    drawn = limit_samples(samples, 7, seed=1)
    assert drawn == limit_samples(samples[::-1], 7, seed=1)
    assert len(drawn) == 7
    assert drawn != samples[:7]
    assert limit_samples(samples, 0, seed=1) == samples
