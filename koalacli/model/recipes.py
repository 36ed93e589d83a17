"""Complete a training's settings from its preset's recipe, and refuse contradictions."""

from dataclasses import replace

from koalacli.config import NetworkConfig, TrainConfig
from koalacli.errors import UsageError
from koalacli.model.extractors import EXTRACTORS
from koalacli.model.losses import LOSSES
from koalacli.presets import PRESETS, RECIPES


def complete(config: TrainConfig) -> TrainConfig:
    """The settings with every open one filled from the preset's recipe, checked for contradictions.

    Raises:
        UsageError: two settings contradict each other.
    """
    network = PRESETS[config.preset]
    own = {**RECIPES[config.preset], "extractor": network.extractor, "cut": network.cut, "head": network.head}
    if config.loss and not config.head:
        own["head"] = LOSSES[config.loss].head
    if config.head and not config.loss and LOSSES[own["loss"]].head != config.head:
        own["loss"] = "rebalanced" if config.head == "bins" else "mse"
    if config.extractor and not config.cut and own["cut"] not in EXTRACTORS[config.extractor].embedding_size:
        own["cut"] = next(iter(EXTRACTORS[config.extractor].embedding_size), own["cut"])
    if config.steps or config.minutes:
        own["epochs"] = None  # one end is enough
    if config.overfit:  # nothing that is there for the good of other pictures
        own.update(schedule="constant", ema=0.0, weight_decay=0.0, early_stopping=0, augment="none", trunk_warmup=0)
    filled = replace(config, **{key: value for key, value in own.items() if getattr(config, key) is None})
    _check(filled)
    return filled


def network_config(config: TrainConfig, bins: int) -> NetworkConfig:
    """The network that complete settings ask for."""
    preset = PRESETS[config.preset]
    extractor, cut, head = config.extractor or "", config.cut or "", config.head or ""
    size = EXTRACTORS[extractor].embedding_size.get(cut, preset.embedding_size)
    return replace(
        preset, extractor=extractor, cut=cut, head=head, embedding_size=size, bins=bins if head == "bins" else 0
    )


def _check(config: TrainConfig) -> None:
    extractor, loss = config.extractor or "", config.loss or ""
    own_trunk = PRESETS[config.preset].extractor == "trunk"
    if own_trunk and extractor not in ("trunk", "none"):
        raise UsageError(f"preset {config.preset} is its own extractor; --extractor may be trunk or none")
    if not own_trunk and extractor == "trunk":
        raise UsageError(f"preset {config.preset} has no trunk to take an embedding from; see --help for others")
    sizes = EXTRACTORS[extractor].embedding_size
    if sizes and config.cut not in sizes:
        raise UsageError(f"extractor {extractor} has no cut {config.cut}; there is {', '.join(sizes)}")
    if LOSSES[loss].head != config.head:
        raise UsageError(f"loss {loss} reads the head {LOSSES[loss].head}, not {config.head}")
    positive = ("image_size", "batch_size", "lr", "steps", "minutes", "epochs", "checkpoint_minutes", "workers")
    for key in positive:
        value = getattr(config, key)
        if value is not None and value <= 0:
            raise UsageError(f"--{key.replace('_', '-')} {value} must be above 0")
    if (config.image_size or 0) % 32:
        raise UsageError(f"--image-size {config.image_size} is not a multiple of 32")
