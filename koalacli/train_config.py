"""The settings of `koala train`; see `config` for how settings are written."""

from dataclasses import dataclass, fields
from typing import Any

from koalacli.presets import PRESETS, WIDTH
from koalacli.settings import SIZE, WORKERS, Settings, setting
from koalacli.tables import AUGMENTATIONS, EXTRACTORS, HEADS, LOSSES, OPTIMIZERS, TRAININGS, cut_names

OWN = "by default the preset's own"
ENDS = ("epochs", "steps", "minutes")  # of a training, whichever comes first


@dataclass(frozen=True)
class TrainConfig(Settings):
    """Settings of `koala train`; None takes the value of the preset's recipe; see `presets`."""

    data: tuple[str, ...] = setting(
        (), "Folder of pictures, tar shards, or a pattern of them; local or s3://-style. May be repeated.", repeat=True
    )
    val_data: tuple[str, ...] = setting((), "Pictures to validate on, as --data; by default a part of it.", repeat=True)
    val_split: float = setting(
        0.05, "Share of the pictures kept for validation, drawn by name; without --val-data.", above=0, below=1
    )
    val_limit: int = setting(1000, "Most pictures to validate on; 0 takes all.", least=0)
    limit: int = setting(0, "Most pictures to train on, drawn by name; 0 takes all.", least=0)
    preset: str = setting("koala", "Network to train.", choices=PRESETS)
    width: float = setting(1.0, "Factor on the filters of every layer: a small variant, for small machines.", **WIDTH)
    start: str = setting("", "Weights to go on from: a shipped name or a file.", names=("--from",))
    name: str = setting("", "Name of the run's folder; by default the preset and a number.")
    runs: str = setting("runs/train", "Folder of all runs.")
    resume: bool = setting(False, "Go on with the run of --name, or with the newest one, exactly where it was.")
    extractor: str | None = setting(None, f"Source of the embedding; {OWN}.", choices=EXTRACTORS)
    cut: str | None = setting(None, f"What is taken from the extractor; {OWN}.", choices=cut_names)
    extractor_weights: str | None = setting(
        None,
        "Values of the extractor or trunk: a file; kept, those of ImageNet that this machine has already; imagenet, "
        "which fetches them from the network where it has none; shipped, the trunk of the shipped weights; or random; "
        f"{OWN}.",
    )
    cache_embeddings: str = setting("", "File in which embeddings are kept, so that each picture is embedded once.")
    head: str | None = setting(None, f"Kind of output; {OWN}.", choices=HEADS)
    loss: str | None = setting(None, f"What is made small; {OWN}.", choices=LOSSES)
    rebalance_strength: float | None = setting(
        None, f"How much rare colors count more: 0 not at all, 1 as in Zhang et al.; {OWN}.", least=0, most=10
    )
    regression_weight: float | None = setting(
        None, f"Weight of the expected color's distance; only for the rebalanced loss; {OWN}.", least=0
    )
    edge_weight: float = setting(
        0.0, "Weight of errors in color edges, against bleeding; only for rebalanced.", least=0
    )
    chroma_weight: float = setting(
        0.0, "Weight of errors in a picture's mean chroma, against fading; as above.", least=0
    )
    chroma_gain: float | None = setting(
        None, f"Factor on the target's chroma; only for the rebalanced loss; {OWN}.", above=0, most=10
    )
    training: str | None = setting(None, f"What a step of training is; {OWN}.", choices=TRAININGS)
    class_weight: float = setting(
        1 / 300, "Weight of naming a picture's folder, beside the loss; only for training labels.", least=0
    )
    augment: str | None = setting(None, f"What is done to training pictures; {OWN}.", choices=AUGMENTATIONS)
    image_size: int | None = setting(None, f"Side of the square that the network sees, pixels; {OWN}.", **SIZE)
    batch_size: int | None = setting(None, f"Pictures per step; {OWN}.", least=1)
    optimizer: str | None = setting(None, f"Optimizer; {OWN}.", choices=OPTIMIZERS)
    lr: float | None = setting(None, f"Learning rate; {OWN}.", above=0)
    weight_decay: float | None = setting(None, f"Decay of kernels per step, times the learning rate; {OWN}.", least=0)
    clip: float | None = setting(None, f"Largest global norm of the gradient, 0 for no limit; {OWN}.", least=0)
    trunk_rate: float | None = setting(None, f"The pretrained trunk's share of the learning rate; {OWN}.", least=0)
    trunk_warmup: int | None = setting(None, f"Steps over which the trunk's rate rises from zero; {OWN}.", least=0)
    schedule: str | None = setting(
        None, f"Course of the learning rate over the run; {OWN}.", choices=("cosine", "plateau", "constant")
    )
    ema: float | None = setting(
        None, f"Momentum of the moving average of the weights, 0 for none; {OWN}.", least=0, below=1
    )
    early_stopping: int | None = setting(
        None, f"End after this many checks without a better one, 0 never; {OWN}.", least=0
    )
    epochs: int | None = setting(None, f"End after this many passes over the pictures; {OWN}.", least=1)
    steps: int | None = setting(None, "End after this many steps instead.", least=1)
    minutes: float | None = setting(None, "End after this many minutes of training instead.", above=0)
    precision: str = setting(
        "float32", "Arithmetic of the network.", choices=("float32", "mixed_bfloat16", "mixed_float16")
    )
    checkpoint_minutes: float = setting(
        5.0, "Most minutes between checks; a check validates and writes a checkpoint.", above=0
    )
    tensorboard: bool = setting(
        False, "Write figures and sample grids as TensorBoard logs, too, into tensorboard/ of the run's folder."
    )
    overfit: int = setting(
        0, "Learn this many pictures by heart, as a check of the whole chain; exit code 1 if not.", least=0
    )
    seed: int = setting(0, "Fixes split, order and augmentation.", least=0, below=2**32)
    workers: int | None = setting(None, "Threads that prepare pictures; by default one per core.", **WORKERS)
    device: str = setting("auto", "auto, cpu, gpu or gpu:N; a device asked for by name must exist.")
    devices: int = setting(1, "Devices that share each batch; 0 takes all there are.", least=0)
    data_terms: str = setting("", "Terms of the pictures, for the model card.")


def stated(config: TrainConfig) -> dict[str, Any]:
    """The settings that say something: without those that are open, and without ends that are none."""
    shaping = [known.name for known in fields(config) if known.metadata.get("shapes", True)]
    values = {name: getattr(config, name) for name in shaping}
    return {key: value for key, value in values.items() if value is not None and (value or key not in ENDS)}
