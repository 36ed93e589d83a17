"""Complete a training's settings from its preset's recipe, and refuse contradictions."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from koalacli.errors import UsageError
from koalacli.model.heads import head_of
from koalacli.model.network import ENCODERS
from koalacli.presets import PRESETS, NetworkConfig
from koalacli.tables import EXTRACTORS, HEADS, LOSSES, kinds_of
from koalacli.train_config import TrainConfig

OVERFIT_STEPS = 1000  # an epoch of four pictures is a single step


@dataclass(frozen=True)
class TrainSettings(TrainConfig):
    """Complete settings: nothing is left to the recipe, and an end that is 0 is none.

    Only `workers` may be None: as many as the machine has cores, whichever machine goes on with a run.
    """

    extractor: str = ""
    cut: str = ""
    extractor_weights: str = ""
    head: str = ""
    loss: str = ""
    rebalance_strength: float = 0.0
    regression_weight: float = 0.0
    chroma_gain: float = 0.0
    augment: str = ""
    image_size: int = 0
    batch_size: int = 0
    training: str = ""
    optimizer: str = ""
    lr: float = 0.0
    weight_decay: float = 0.0
    clip: float = 0.0
    trunk_rate: float = 0.0
    trunk_warmup: int = 0
    schedule: str = ""
    ema: float = 0.0
    early_stopping: int = 0
    epochs: int = 0
    steps: int = 0
    minutes: float = 0.0


def complete(config: TrainConfig) -> TrainSettings:
    """The settings with every open one filled from the preset's recipe, checked for contradictions.

    Raises:
        UsageError: two settings contradict each other, or a number is out of its range.
    """
    given = {known.name: getattr(config, known.name) for known in fields(TrainConfig)}
    chosen = {key: value for key, value in given.items() if value is not None}
    settings = TrainSettings(**{**_recipe(config), **chosen})
    _check_parts(settings)
    return settings


def network_config(config: TrainSettings, bins: int) -> NetworkConfig:
    """The network that complete settings ask for; with `bins` gamut bins, if its head has any."""
    preset = PRESETS[config.preset].network
    size = EXTRACTORS[config.extractor].embedding_size.get(config.cut, preset.embedding_size)
    network = replace(preset, extractor=config.extractor, cut=config.cut, head=config.head, embedding_size=size)
    network = replace(network, width=config.width)
    return replace(network, bins=bins) if "gamut_bins" in head_of(config.head).tables else network


def _recipe(config: TrainConfig) -> dict[str, Any]:
    """What the preset says where nothing was asked for, as far as it fits what was."""
    preset = PRESETS[config.preset]
    network = preset.network
    own = {**asdict(preset.recipe), "extractor": network.extractor, "cut": network.cut, "head": network.head}
    if config.loss and not config.head:
        own["head"] = own["head"] if LOSSES[config.loss].head in kinds_of(own["head"]) else LOSSES[config.loss].head
    if config.head and not config.loss and LOSSES[own["loss"]].head not in kinds_of(config.head):
        own["loss"] = HEADS[config.head].loss
    if config.extractor and not config.cut and own["cut"] not in EXTRACTORS[config.extractor].embedding_size:
        own["cut"] = next(iter(EXTRACTORS[config.extractor].embedding_size), own["cut"])
    if config.steps or config.minutes:
        own["epochs"] = 0  # one end is enough
    if config.overfit:  # nothing that is there for the good of other pictures
        if not config.epochs:
            own.update(epochs=0, steps=0 if config.minutes else OVERFIT_STEPS)
        own.update(schedule="constant", ema=0.0, weight_decay=0.0, early_stopping=0, augment="none", trunk_warmup=0)
    return own


def _check_parts(config: TrainSettings) -> None:
    extractor, loss, network = config.extractor, config.loss, PRESETS[config.preset].network
    own_trunk = network.extractor == "trunk"
    if own_trunk and config.width != 1:
        raise UsageError(f"preset {config.preset} has a trunk that was trained at its width; --width may be 1")
    if network.fusion == "none" and extractor != "none":
        raise UsageError(f"preset {config.preset} uses no embedding; --extractor may be none")
    if config.head != network.head and (HEADS[network.head].decoder or HEADS[config.head].decoder):
        raise UsageError(f"head {config.head} does not go with preset {config.preset}; --head may be {network.head}")
    if own_trunk and extractor not in ("trunk", "none"):
        raise UsageError(f"preset {config.preset} is its own extractor; --extractor may be trunk or none")
    if not own_trunk and extractor == "trunk":
        raise UsageError(f"preset {config.preset} has no trunk to take an embedding from; see --help for others")
    sizes = EXTRACTORS[extractor].embedding_size
    if sizes and config.cut not in sizes:
        raise UsageError(f"extractor {extractor} has no cut {config.cut}; there is {', '.join(sizes)}")
    if LOSSES[loss].head not in kinds_of(config.head):
        raise UsageError(f"loss {loss} reads the head {LOSSES[loss].head}, not {config.head}")
    if config.training == "labels" and (not ENCODERS[network.encoder].whole_picture or EXTRACTORS[extractor].build):
        raise UsageError(f"preset {config.preset} has no place for a class head; --training may be plain")
    if config.training == "adversarial" and "ab" not in kinds_of(config.head):
        raise UsageError(f"discriminators look at ab, which head {config.head} is not; --training may be plain")
