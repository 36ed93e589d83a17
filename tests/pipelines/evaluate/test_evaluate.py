"""`koala eval` as a pipeline: pairing, exclusion, protocols, sameness of results."""

from pathlib import Path

import numpy as np
import pytest
from evaluations import patches, run, save
from PIL import Image

from koalacli.color.lab import lightness_of
from koalacli.colorizer import Colorizer
from koalacli.errors import DataError, NothingMatchedError, UsageError
from koalacli.io.picture.codecs import to_rgb8
from koalacli.metrics import pictures
from koalacli.pipelines.evaluate.items import OpenedItem
from koalacli.pipelines.evaluate.protocols import prepare
from koalacli.pipelines.evaluate.subjects import name_subjects
from koalacli.protocols import PROTOCOLS, Protocol
from koalacli.records import Outcome


def test_folders_are_paired_by_path_without_extension(folders: tuple[Path, Path]) -> None:
    """Figures are those of each prediction beside its own reference."""
    pred, ref = folders
    evaluation, records = run(pred=(str(pred),), ref=str(ref))
    assert evaluation.pictures == ("a.png", "deep/b.png", "deep/c.png")
    assert {record.outcome for record in records.values()} == {Outcome.DONE}
    with Image.open(pred / "deep/b.webp") as image:
        expected = pictures.psnr(patches(1), np.asarray(image.convert("RGB")))
    assert evaluation.rows["pred"][1]["psnr"] == pytest.approx(expected)
    mean = np.mean([row["psnr"] for row in evaluation.rows["pred"]])
    assert evaluation.figures["pred"]["psnr"].value == pytest.approx(mean)


def test_what_cannot_be_judged_is_listed_and_left_out_for_all(folders: tuple[Path, Path]) -> None:
    """Missing partners, different sizes, gray references, unreadable files: named, and no part of any mean."""
    pred, ref = folders
    clean, _ = run(pred=(str(pred),), ref=str(ref))
    save(ref / "alone.png", patches(4))
    save(pred / "lonely.png", patches(5))
    save(ref / "small.png", patches(6))
    save(pred / "small.png", patches(6, 16, 32))
    save(ref / "gray.png", np.repeat(patches(7)[..., :1], 3, axis=2))
    save(pred / "gray.png", patches(7))
    (ref / "broken.jpg").write_bytes(b"no picture")
    save(pred / "broken.jpg", patches(8))
    save(ref / "twice.png", patches(9))
    save(ref / "twice.webp", patches(9))
    save(ref / "tiny.png", patches(10, 8, 32))
    save(pred / "tiny.png", patches(10, 8, 32))
    evaluation, records = run(pred=(str(pred),), ref=str(ref))
    reasons = {
        "alone.png": "no prediction of that name",
        f"{pred}/lonely.png": "no reference of that name",
        "small.png": "32x16 pixels, the reference 32x24",
        "gray.png": "the reference is gray",
        "broken.jpg": "cannot be read",
        "twice.png": "share this name",
        "tiny.png": "too few to judge",
    }
    assert set(evaluation.excluded) == set(reasons)
    for name, reason in reasons.items():
        assert reason in evaluation.excluded[name]
        assert records[name].outcome == Outcome.FAILED
        assert name in records[name].reason
    assert evaluation.pictures == clean.pictures
    assert evaluation.figures == clean.figures


def test_two_folders_are_judged_on_the_same_pictures(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """What one prediction lacks is left out for the other, too; perfect predictions score perfectly."""
    pred, ref = folders
    for name in ("a", "deep/b"):
        with Image.open(ref / f"{name}.png") as image:
            save(tmp_path / "perfect" / f"{name}.png", np.asarray(image))
    evaluation, _ = run(pred=(str(pred), str(tmp_path / "perfect")), ref=str(ref))
    assert evaluation.pictures == ("a.png", "deep/b.png")
    assert evaluation.predictions == ("pred", "perfect")
    assert evaluation.figures["perfect"]["delta_e"].value == 0
    assert evaluation.figures["perfect"]["auc_rebalanced"].value == 100
    assert evaluation.figures["pred"]["delta_e"].value > 10


def test_floors_stand_beside_every_figure(folders: tuple[Path, Path]) -> None:
    """Gray, mean color and lookup are there without being asked for, each with all figures."""
    pred, ref = folders
    evaluation, _ = run(pred=(str(pred),), ref=str(ref))
    assert evaluation.floors == ("floor: gray", "floor: mean color", "floor: L* lookup")
    assert all(figures.keys() == evaluation.figures["pred"].keys() for figures in evaluation.figures.values())
    assert evaluation.figures["floor: gray"]["chroma_ratio"].value == pytest.approx(0, abs=1e-3)


def test_the_lookup_floor_can_be_fitted_on_photographs(folders: tuple[Path, Path]) -> None:
    """Fitted on the references themselves it beats the stored one."""
    pred, ref = folders
    stored, _ = run(pred=(str(pred),), ref=str(ref))
    fitted, _ = run(pred=(str(pred),), ref=str(ref), floor_data=str(ref))
    name = "floor: L* lookup"
    assert fitted.figures[name]["rmse_ab"].value < stored.figures[name]["rmse_ab"].value
    assert fitted.figures["pred"] == stored.figures["pred"]


def test_weights_color_gray_copies_of_the_references(tmp_path: Path, colorizer: Colorizer) -> None:
    """The prediction is exactly what Colorizer makes of the lightness; true color has no way in."""
    save(tmp_path / "data" / "a.png", patches(1, 40, 56))
    evaluation, _ = run(data=str(tmp_path / "data"), device="cpu")
    made = colorizer.colorize(patches(1, 40, 56))
    assert evaluation.predictions == ("koala",)
    assert evaluation.rows["koala"][0]["psnr"] == pytest.approx(pictures.psnr(patches(1, 40, 56), made))
    assert np.abs(lightness_of(made) - lightness_of(patches(1, 40, 56))).max() < 1


def test_results_do_not_depend_on_batches_and_threads(tmp_path: Path) -> None:
    """Pictures of three shapes, one by one and in batches with three threads: the same to the last digit."""
    for number in range(7):
        save(tmp_path / f"{number}.png", patches(number, 24 + 8 * (number % 3), 48))
    settings = {"data": str(tmp_path), "size": 64, "device": "cpu"}
    first, _ = run(**settings, batch_size="1", workers=1)
    second, _ = run(**settings, batch_size="4", workers=3)
    assert first.rows == second.rows
    assert first.figures == second.figures
    assert first.as_event() == second.as_event()


def test_the_same_request_writes_the_same_files(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Report, study and CSV are equal to the byte, whatever the number of threads."""
    pred, ref = folders
    written = []
    for workers in (1, 3):
        names = {"report": f"{workers}.html", "study": f"{workers}.study", "csv": f"{workers}.csv"}
        paths = {kind: str(tmp_path / name) for kind, name in names.items()}
        run(pred=(str(pred),), ref=str(ref), workers=workers, **paths)
        written.append([Path(path).read_bytes() for path in paths.values()])
    assert written[0] == written[1]


def test_several_weights_are_judged_side_by_side(tmp_path: Path) -> None:
    """Each gets its own column, named by its file."""
    from koalacli.model.weights import shipped_weights

    (tmp_path / "other.safetensors").write_bytes(shipped_weights()["koala"].read_bytes())
    for number in range(2):
        save(tmp_path / "data" / f"{number}.png", patches(number))
    weights = ("koala", str(tmp_path / "other.safetensors"))
    evaluation, _ = run(data=str(tmp_path / "data"), weights=weights, size=64, device="cpu")
    assert evaluation.predictions == ("koala", "other")
    assert evaluation.rows["koala"] == evaluation.rows["other"]


def test_protocols_prepare_as_published() -> None:
    """Stretched as a whole, or the largest center square; `original` is left alone."""
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = (200, 30, 30)
    assert prepare(wide, "original") is wide
    stretched = prepare(wide, "stretch256")
    assert stretched.shape == (256, 256, 3)
    assert (stretched[:, :80] == 0).all()
    center = prepare(wide, "center256")
    assert center.shape == (256, 256, 3)
    assert (center == (200, 30, 30)).all()


def test_deep_pictures_are_rounded_to_eight_bits() -> None:
    """65535 is 255, and codes in between are rounded, not cut."""
    deep = np.array([[0, 128, 129, 257, 65535]], np.uint16)
    np.testing.assert_array_equal(to_rgb8(deep)[..., 0], [[0, 0, 1, 1, 255]])


def test_the_csv_holds_every_picture_and_subject(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """One line each, the same values as the rows."""
    pred, ref = folders
    evaluation, _ = run(pred=(str(pred),), ref=str(ref), csv=str(tmp_path / "out.csv"))
    head, *lines = (tmp_path / "out.csv").read_text("utf-8").splitlines()
    assert len(lines) == 3 * 4
    place = head.split(",").index("delta_e")
    line = next(line for line in lines if line.startswith("a.png,pred,"))
    assert float(line.split(",")[place]) == pytest.approx(evaluation.rows["pred"][0]["delta_e"], rel=1e-5)


def test_requests_that_make_no_sense_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Both ways at once, half of one, nothing there, nothing judgeable."""
    pred, ref = folders
    for settings in ({}, {"pred": (str(pred),)}, {"data": str(ref), "pred": (str(pred),), "ref": str(ref)}):
        with pytest.raises(UsageError, match="give --data"):
            run(**settings)
    with pytest.raises(NothingMatchedError):
        run(data=str(tmp_path / "nowhere"))
    save(tmp_path / "gray" / "a.png", patches(1)[..., 0])
    with pytest.raises(DataError, match="no picture could be judged"):
        run(pred=(str(tmp_path / "gray"),), ref=str(tmp_path / "gray"))


def test_subjects_are_named_by_what_tells_them_apart() -> None:
    """Weights of a run carry the run's name; names that reports give to other pictures are not taken."""
    runs = ("runs/train/small/best.safetensors", "runs/train/small/last.safetensors", "koala", "best.safetensors")
    assert name_subjects(runs) == ("small", "small (last)", "koala", "best")
    assert name_subjects(("a/made", "b/made", "c/reference", "c/reference")) == (
        "a/made",
        "b/made",
        "reference (judged)",
    )
    assert name_subjects(("x/koala.safetensors", "koala")) == ("x/koala.safetensors", "koala")


def test_a_folder_given_twice_counts_once(folders: tuple[Path, Path]) -> None:
    """Twice the same --pred is one subject, also where it has a name that reports use."""
    pred, ref = folders
    pred = pred.rename(pred.with_name("reference"))
    evaluation, _ = run(pred=(str(pred), str(pred)), ref=str(ref))
    assert evaluation.predictions == ("reference (judged)",)
    assert evaluation.figures["reference (judged)"]["psnr"].value < 100


def test_a_protocol_is_one_entry(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up protocol prepares pictures and is named in the evaluation."""
    pred, ref = folders
    monkeypatch.setitem(PROTOCOLS, "stretch32", Protocol("made up", side=32))
    assert prepare(patches(1, 40, 16), "stretch32").shape == (32, 32, 3)
    evaluation, records = run(pred=(str(pred),), ref=str(ref), protocol="stretch32")
    assert evaluation.protocol == "stretch32"
    assert {(record.width, record.height) for record in records.values()} == {(32, 32)}


class Inverted:
    """A kind of subject that no table knows: two subjects that share one look at the reference."""

    names, device, batch_size = ("once", "twice"), "cpu", 2
    facts: dict[str, str] = {"inverted": "made up"}  # noqa: RUF012 - a literal

    def guide(self, lightness: np.ndarray) -> np.ndarray:
        return lightness

    def predict(self, guides: list[np.ndarray]) -> list[float]:
        return [float(guide.mean()) for guide in guides]

    def paint(self, opened: OpenedItem, guide: np.ndarray, prediction: float) -> list[np.ndarray]:
        assert prediction == pytest.approx(guide.mean(), abs=1e-3)
        return [255 - opened.rgb8, opened.rgb8]


def test_a_kind_of_subject_is_one_class(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its subjects are judged and its pictures shown, without anything else knowing of it."""
    monkeypatch.setattr("koalacli.pipelines.evaluate.pipeline.load_subjects", lambda config: [Inverted()])
    report = folders[1].parent / "report.html"
    evaluation, _ = run(data=str(folders[1]), report=str(report))
    assert evaluation.predictions == ("once", "twice")
    assert evaluation.figures["twice"]["psnr"].value == 100
    assert evaluation.figures["once"]["psnr"].value < 100
    assert evaluation.facts["inverted"] == "made up"
    assert 'data-label="twice"' in report.read_text("utf-8")
