"""PRESETS: every network of the family and how it is trained, as a literal table.

`NetworkConfig` says what is built, by names of EXTRACTORS and HEADS in `tables` and of ENCODERS,
FUSIONS and DECODERS in `model.network`. Sources: Baldassarre et al., "Deep Koalarization" (2017)
and its code; the KTH re-implementation (2019); Photos-colorization (2020); and those that
`model.family` names. What each original does wrong, and what is different here, stands in docs/family.md.
"""

from dataclasses import dataclass, field
from typing import Any

WIDTH = {"least": 1 / 64, "most": 4.0}


@dataclass(frozen=True)
class NetworkConfig:
    """All that is needed to build a network; travels inside every weights file."""

    preset: str
    encoder: str
    extractor: str
    fusion: str
    decoder: str
    head: str
    cut: str = "logits"
    embedding_size: int = 1000
    lightness_center: float = 50.0  # lightness_scaled = (L - center) / scale
    lightness_scale: float = 50.0
    ab_scale: float = 128.0  # ab_scaled = ab / ab_scale; unused by the bins head
    output_stride: int = 4  # network input pixels per output pixel
    bins: int = 0  # number of gamut bins; 0 for heads without
    width: float = 1.0  # factor on the filters of every layer; a trunk that was trained before has 1


@dataclass(frozen=True)
class Recipe:
    """How a network is trained unless the user says otherwise: settings of `koala train` by their names.

    The defaults are those of the 2017 family: no schedule, no augmentation, no average.
    """

    image_size: int
    batch_size: int
    extractor_weights: str = "kept"
    loss: str = "mse"
    rebalance_strength: float = 0.6
    regression_weight: float = 0.02
    chroma_gain: float = 1.05
    training: str = "plain"
    optimizer: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    clip: float = 0.0
    trunk_rate: float = 1.0
    trunk_warmup: int = 0
    schedule: str = "constant"
    ema: float = 0.0
    early_stopping: int = 0
    epochs: int = 100
    augment: str = "none"


@dataclass(frozen=True)
class Preset:
    """A network with its recipe, and what differs from its head's own read-out, by names of `config.ReadOut`."""

    help: str
    network: NetworkConfig
    recipe: Recipe
    read_out: dict[str, Any] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    "koala": Preset(
        "koala's own, light and shipped",
        NetworkConfig(
            preset="koala",
            encoder="mobilenet-v1",
            extractor="trunk",
            cut="pooled",
            embedding_size=256,
            fusion="add",
            decoder="u-shaped",
            head="bins",
            output_stride=4,
        ),
        Recipe(
            extractor_weights="shipped",
            loss="rebalanced",
            optimizer="adamw",
            lr=1.5e-3,
            weight_decay=0.01,
            clip=5.0,
            trunk_rate=0.15,
            trunk_warmup=150,
            schedule="cosine",
            ema=0.999,
            epochs=20,
            augment="film",
            image_size=128,
            batch_size=48,
        ),
    ),
    # Baldassarre et al. 2017: Adam 1e-3, batches of 100, 100 epochs, no augmentation.
    "deep-koalarization": Preset(
        "Baldassarre et al. 2017",
        NetworkConfig(
            preset="deep-koalarization",
            encoder="koalarization",
            extractor="inception-resnet-v2",
            cut="logits",
            fusion="concatenate",
            decoder="koalarization",
            head="ab",
            ab_scale=127.0,
            output_stride=2,
        ),
        Recipe(image_size=224, batch_size=100),
    ),
    # KTH 2019: 256 px, batches of 125, plateau schedule, early stopping after 15, shear, zoom, rotation and flip.
    "kth-2019": Preset(
        "its re-implementation at KTH",
        NetworkConfig(
            preset="kth-2019",
            encoder="koalarization",
            extractor="inception-resnet-v2",
            cut="softmax",
            fusion="concatenate",
            decoder="kth",
            head="ab",
            ab_scale=128.0,
            output_stride=2,
        ),
        Recipe(image_size=256, batch_size=125, schedule="plateau", early_stopping=15, epochs=200, augment="warp"),
    ),
    # Photos-colorization 2020: 224 px, Adam 1e-3, batches of 64, 100 epochs.
    "photos-xception": Preset(
        "Photos-colorization 2020",
        NetworkConfig(
            preset="photos-xception",
            encoder="koalarization",
            extractor="xception",
            cut="softmax",
            fusion="concatenate",
            decoder="photos",
            head="ab",
            ab_scale=128.0,
            output_stride=2,
        ),
        Recipe(image_size=224, batch_size=64),
    ),
    # Wallner 2017: raw lightness, RMSprop 1e-3. Alpha learns one picture of 400 px; 416 is the next multiple of 32.
    "wallner-alpha": Preset(
        "Wallner 2017, one picture by heart",
        NetworkConfig(
            preset="wallner-alpha",
            encoder="alpha",
            extractor="none",
            fusion="none",
            decoder="alpha",
            head="ab",
            lightness_center=0.0,
            lightness_scale=1.0,
            output_stride=1,
        ),
        Recipe(image_size=416, batch_size=1, optimizer="rmsprop", epochs=1000),
    ),
    "wallner-beta": Preset(
        "Wallner 2017, encoder and decoder alone",
        NetworkConfig(
            preset="wallner-beta",
            encoder="beta",
            extractor="none",
            fusion="none",
            decoder="beta",
            head="ab",
            lightness_center=0.0,
            lightness_scale=1.0,
            output_stride=2,
        ),
        Recipe(image_size=256, batch_size=10, optimizer="rmsprop", augment="warp"),
        {"size": 256},
    ),
    "wallner-full": Preset(
        "Wallner 2017, with the embedding",
        NetworkConfig(
            preset="wallner-full",
            encoder="koalarization",
            extractor="inception-resnet-v2",
            cut="softmax",
            fusion="concatenate",
            decoder="kth",
            head="ab",
            lightness_center=0.0,
            lightness_scale=1.0,
            output_stride=2,
        ),
        Recipe(image_size=256, batch_size=10, optimizer="rmsprop", augment="warp"),
        {"size": 256},
    ),
    # Zhang et al. 2016: crops of 176 px from 256, batches of 40; 192 is the next multiple of 32.
    "zhang-2016": Preset(
        "Zhang et al. 2016",
        NetworkConfig(
            preset="zhang-2016",
            encoder="zhang",
            extractor="none",
            fusion="none",
            decoder="zhang",
            head="bins",
            lightness_scale=100.0,
            output_stride=4,
        ),
        Recipe(
            image_size=192,
            batch_size=40,
            loss="rebalanced",
            rebalance_strength=1.0,
            regression_weight=0.0,
            chroma_gain=1.0,
            optimizer="adam-2016",
            lr=3e-5,
            weight_decay=1e-3,
            augment="crop",
        ),
        {"size": 256, "vividness": 0.38},
    ),
    # Batches of 38, 200 epochs, three times Adam 1e-4: of layers that share no gradient, so one Adam is the same.
    "kriztoper-refine": Preset(
        "two networks and a refinement over both",
        NetworkConfig(
            preset="kriztoper-refine",
            encoder="koalarization-and-lightness",
            extractor="inception-resnet-v2",
            cut="logits",
            fusion="concatenate",
            decoder="refined",
            head="ab-refined",
            ab_scale=127.0,
            output_stride=2,
        ),
        Recipe(image_size=224, batch_size=38, loss="mse-each", lr=1e-4, epochs=200),
    ),
    # AdaDelta, batches of 128 crops of 224 px, about eleven passes; the class head counts 1/300.
    "iizuka-2016": Preset(
        "Iizuka et al. 2016, what 2017 was built on",
        NetworkConfig(
            preset="iizuka-2016",
            encoder="iizuka",
            extractor="none",
            fusion="concatenate",
            decoder="iizuka",
            head="ab-sigmoid",
            lightness_scale=100.0,
            ab_scale=100.0,
            output_stride=2,
        ),
        Recipe(
            image_size=224,
            batch_size=128,
            training="labels",
            optimizer="adadelta",
            lr=1.0,
            epochs=11,
            augment="crop",
        ),
    ),
    # SGD with momentum, batches of 8 crops of 352 px; the mean gray of its pictures was 0.4488.
    "larsson-2016": Preset(
        "Larsson et al. 2016, hypercolumns of VGG-16",
        NetworkConfig(
            preset="larsson-2016",
            encoder="vgg-16",
            extractor="none",
            fusion="none",
            decoder="hypercolumns",
            head="hue-chroma",
            lightness_center=44.88,
            lightness_scale=100.0,
            output_stride=4,
        ),
        Recipe(
            image_size=352,
            batch_size=8,
            loss="histograms",
            optimizer="momentum",
            weight_decay=5e-4,
            epochs=11,
            augment="crop",
        ),
    ),
    # Batches of 5 at 128 px, ten passes, Adam 2e-4 with beta1 0.5 for all four networks.
    "wallner-gan": Preset(
        "Wallner 2017, the GAN",
        NetworkConfig(
            preset="wallner-gan",
            encoder="patch-gan",
            extractor="none",
            fusion="none",
            decoder="patch-gan",
            head="ab-spectral",
            lightness_center=0.0,
            lightness_scale=100.0,
            output_stride=1,
        ),
        Recipe(
            image_size=128,
            batch_size=5,
            loss="mae",
            training="adversarial",
            optimizer="adam-gan",
            lr=2e-4,
            epochs=10,
            augment="warp",
        ),
        {"size": 128},
    ),
}
