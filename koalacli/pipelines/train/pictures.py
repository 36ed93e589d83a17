"""The pictures of a run: found, split, measured, and held ready."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from koalacli.arrays import Array
from koalacli.data.loader import CropView, Example, Loader
from koalacli.data.sources import Sample, find_samples, folder_of, limit_samples, split_samples
from koalacli.errors import DataError
from koalacli.model.recipes import TrainSettings
from koalacli.pipelines.train.validation import Validation, hold, measure_bin_prior
from koalacli.presets import PRESETS
from koalacli.process import worker_count
from koalacli.tables import AUGMENTATIONS

MEASURED_PICTURES = 2000  # on which the frequency of colors is measured; enough for 305 bins


@dataclass(frozen=True)
class Pictures:
    """What a run trains and validates on.

    Attributes:
        loader: of the training pictures.
        validation: pictures to validate on.
        tables: gamut_bins (Q, 2) and bin_prior (Q,), the frequency of each in the training pictures.
        skipped: validation pictures that could not be used, in words.
    """

    loader: Loader
    validation: Validation
    tables: dict[str, Array]
    skipped: str

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders that the training pictures lie in."""
        return tuple(sorted({folder_of(sample) for sample in self.loader.samples}))


def gather(config: TrainSettings, bins: Array) -> Pictures:
    """Find, split, measure and hold the pictures that complete settings name; colors are counted by bins (Q, 2).

    Raises:
        DataError: a source is missing, or nothing usable is left.
    """
    train, val = _split(config)
    plain = CropView(config.image_size, PRESETS[config.preset].network.output_stride)
    view = CropView(plain.size, plain.stride, AUGMENTATIONS[config.augment])
    workers = worker_count(config.workers)
    if config.overfit:
        train, val = _first_usable(train, plain, config, workers)
        view = plain

    def loader(samples: list[Sample], view: CropView) -> Loader:
        size = min(config.batch_size, config.overfit or len(samples))
        return Loader(samples, view, batch_size=size, seed=config.seed, workers=workers)

    val_loader = loader(val, plain)
    with _told(val_loader):
        validation = hold(val_loader.examples(config.val_limit))
    measured = loader(limit_samples(train, MEASURED_PICTURES, config.seed), plain)
    with _told(measured):
        tables = {"gamut_bins": bins, "bin_prior": measure_bin_prior(measured.examples(), bins)}
    training = loader(train, view)
    training.skipped.update(measured.skipped)
    return Pictures(training, validation, tables, val_loader.summary())


@contextmanager
def _told(loader: Loader) -> Iterator[None]:
    """Errors within it tell what was wrong with the pictures."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error}: {loader.summary()}" if loader.skipped else str(error)) from error


def _split(config: TrainSettings) -> tuple[list[Sample], list[Sample]]:
    samples = find_samples(config.data)
    if config.val_data:
        train, val = samples, find_samples(config.val_data)
    elif config.overfit:
        train, val = samples, []
    else:
        train, val = split_samples(samples, config.val_split, config.seed)
    if not train or not (val or config.overfit):
        raise DataError(f"too few pictures to train and validate on: {len(samples)}; give more, or --val-data")
    if config.val_limit:  # a few more than needed: some may be unusable
        val = limit_samples(val, 2 * config.val_limit, config.seed)
    return limit_samples(train, config.limit, config.seed), val


def _first_usable(
    samples: list[Sample], view: CropView, config: TrainSettings, workers: int
) -> tuple[list[Sample], list[Sample]]:
    finder = Loader(samples, view, batch_size=config.overfit, seed=config.seed, workers=workers)
    found: list[Example] = list(finder.examples(config.overfit))
    if len(found) < config.overfit:
        raise DataError(f"--overfit {config.overfit}: only {len(found)} usable pictures ({finder.summary()})")
    chosen = [example.sample for example in found]
    return chosen, chosen
