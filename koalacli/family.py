"""FACTS: what is known of every preset: size, source, what its original does wrong, what koala does instead.

Figures are data here, so that they can be told without building a network; a test builds each and compares.
docs/family.md tells the same with more words.
"""

from dataclasses import dataclass

SIDE = 256  # pixels of the picture that `gflops` is counted for


@dataclass(frozen=True)
class Facts:
    """What is known of a preset.

    Attributes:
        parameters: trained values, as a fresh training builds it.
        gflops: billions of operations (a multiplication and an addition are two) per picture of SIDE x SIDE pixels in
            convolutions and dense layers, without those of an external extractor.
        source: who published it, where.
        faults: what is known to be wrong in the original, or in how it was trained.
        corrections: what koala does differently, on purpose or because it cannot do the same.
    """

    parameters: int
    gflops: float
    source: str
    faults: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()


HALF_ENLARGED = "the last doubling of ab is koala's own, guided by the full-size lightness"
RAW_LIGHTNESS = "lightness goes in as 0 to 100, neither centered nor scaled; kept, as its trained values depend on it"

FACTS: dict[str, Facts] = {
    "koala": Facts(4_361_461, 2.99, "koala's own; docs/training.md"),
    "deep-koalarization": Facts(
        6_573_794,
        19.72,
        "Baldassarre, Gonzalez Morin, Rodes-Guirao 2017, arXiv 1712.03400, and its code",
        (
            "squared distance on ab fades toward gray and brown",
            "embeddings are computed before augmentation",
        ),
        ("picture and embedding are of one lightness and cannot be mispaired", HALF_ENLARGED),
    ),
    "kth-2019": Facts(
        6_541_202,
        19.56,
        "re-implementation at KTH, 2019 (fadhilmch, handarbeni, bsridatta)",
        ("squared distance on ab fades toward gray and brown", "an early version kept the best training loss"),
        ("the best validation loss is kept", "ab is divided by 128, as in its second version", HALF_ENLARGED),
    ),
    "photos-xception": Facts(
        7_163_874,
        20.93,
        "Photos-colorization (bluejurand), 2020",
        ("squared distance on ab fades toward gray and brown",),
        ("lightness is centered and scaled; the source feeds 0 to 100", HALF_ENLARGED),
    ),
    "wallner-alpha": Facts(
        32_202,
        0.4,
        "E. Wallner, Coloring greyscale images, alpha version, 2017",
        ("it is shown one picture only, which it learns by heart", RAW_LIGHTNESS),
        ("sides are multiples of 32: 416 px in place of 400",),
    ),
    "wallner-beta": Facts(
        3_892_194,
        15.19,
        "E. Wallner, Coloring greyscale images, beta version, 2017",
        ("squared distance on ab fades toward gray and brown", RAW_LIGHTNESS),
        ("the split is drawn by name, not by order of files", HALF_ENLARGED),
    ),
    "wallner-full": Facts(
        6_541_202,
        19.56,
        "E. Wallner, Coloring greyscale images, full version, 2017",
        (
            "the extractor is fed gray of 0 to 1 where it expects 0 to 255, so that it sees black everywhere",
            "each embedding is computed twice",
            RAW_LIGHTNESS,
        ),
        ("the extractor sees the picture in its own range", "each embedding is computed once", HALF_ENLARGED),
    ),
    "zhang-2016": Facts(
        32_234_357,
        83.54,
        "Zhang, Isola, Efros 2016, Colorful image colorization, and its code",
        (
            "targets are every fourth pixel of ab, not their mean",
            "the published text says 5 nearest bins, the code takes 10",
            "pictures are stretched to a square at inference",
        ),
        (
            "309 bins in gamut in place of 313; soft targets between 4 bins in place of 10 by a Gaussian",
            "rare colors are weighed by the training pictures' own statistics",
            "weight decay is decoupled from Adam's step; the rate stays constant in place of steps at 225,000",
            "training starts from random values, not from k-means; crops of 192 px in place of 176",
        ),
    ),
    "kriztoper-refine": Facts(
        31_008_678,
        78.73,
        "Kriztoper's fork of deep-koalarization: two networks and a refinement over both",
        (
            "the refinement is trained on the true ab, so it can learn to copy what it will never be given",
            "Dropout between layers was, by the code, never switched on",
        ),
        (
            "the refinement learns from the proposals, whose own training it does not touch",
            "no Dropout; both proposals can be read: methods plain-proposal and embedded-proposal",
            HALF_ENLARGED,
        ),
    ),
    "iizuka-2016": Facts(
        42_176_066,
        29.11,
        "Iizuka, Simo-Serra, Ishikawa 2016, Let there be color!, its inference code and three others that agree",
        (
            "squared distance on ab fades toward gray and brown",
            "its training code was never published: constants of the training are those that others used",
            "it colors best near 224 px, larger pictures unevenly",
        ),
        (
            "the network sees a small picture, and its color is enlarged by the full-size lightness",
            "lightness is L*, not luma less a mean that is unknown",
            "classes are the folders that the pictures lie in; their head stays with the training",
            HALF_ENLARGED,
        ),
    ),
    "larsson-2016": Facts(
        147_041_024,
        70.55,
        "Larsson, Maire, Shakhnarovich 2016, Learning representations for automatic colorization, and its code",
        (
            "hue and chroma are those of HSV, whose steps the eye does not see alike",
            "the 12,417 values of a hypercolumn are laid side by side at every place",
        ),
        (
            "each layer is mixed at its own size, then enlarged and added: the same sum, two orders cheaper",
            "it learns from every place at a quarter of the size, not from 128 points",
            "gray is that of L*, not the mean of R, G and B; enlargements are repeated doublings",
            "training starts from random values, not from VGG-16; the rate stays constant",
        ),
    ),
    "wallner-gan": Facts(
        41_778_563,
        108.18,
        "E. Wallner, Coloring greyscale images, GAN version, 2017",
        (
            "pictures are scaled to -1 to 1 where 0 to 1 is expected: all below middle gray comes out black",
            "the third discriminator is never held still, so the generator's steps train it to be pleased",
            "shuffling is a random window of the list of files",
        ),
        (
            "lightness and ab are those of the picture",
            "all discriminators are held still while the generator learns",
            "all four networks learn from the same batch, discriminators from true and made colors in one step",
            "every picture is turned, sheared and mirrored by itself",
        ),
    ),
}
