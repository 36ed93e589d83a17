"""Adversarial training: three discriminators judge the network's colors, and it learns to pass for a photograph.

Least squares (Mao et al. 2017) with a distance of features, as in Wallner's GAN of 2017. In every step each
discriminator learns to give the photographs 1 and the network's colors 0, place by place; then the network learns, with
the discriminators held still: its own loss, the distance of what discriminators see in its colors to what they see in
the photographs, and the distance of their verdict to 1.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from koalacli.arrays import Tensor
from koalacli.color.shapes import block_means
from koalacli.data.loader import Batch
from koalacli.model.backend import trace as backend
from koalacli.model.losses import Loss
from koalacli.model.patch_gan import DISCRIMINATORS, build_discriminator
from koalacli.pipelines.train.steps import Run, Setup, compile_model, refuse_sharing, state_of

VERDICT_WEIGHT, FEATURES_WEIGHT = 0.33, 3.33  # of each discriminator, beside the network's own loss
LARGEST_LIGHTNESS = 100.0
PICTURE = (1, 2, 3)
Shape = tuple[int | None, ...]


class JudgesLoss(layers.Layer):
    """What the discriminators are wrong by, (B,), of batches whose first half is made and whose second half is true.

    Squared distance of every place's verdict to what it should be, means over places, summed over discriminators.
    """

    def call(self, patches: list[Tensor]) -> Tensor:
        half = ops.shape(patches[0])[0] // 2
        pairs = [(mean_square(one[:half]), mean_square(one[half:] - 1.0)) for one in patches]
        return sum((of_made + of_true) / 2 for of_made, of_true in pairs)

    def compute_output_shape(self, patches_shape: list[Shape]) -> Shape:
        return (None,)


class NetworkLoss(layers.Layer):
    """The network's loss and what three discriminators hold against it, (B,).

    Args:
        loss: the network's own: (ab, outputs) -> (B,).
    """

    def __init__(self, loss: Loss, **kwargs: Any):
        super().__init__(**kwargs)
        self.own = loss

    def call(self, ab: Tensor, made: Tensor, judged: list[list[Tensor]]) -> Tensor:
        """`judged` holds for each discriminator patches and features of made colors, then of true ones, (2B, ...)."""
        half = ops.shape(made)[0]
        total = self.own(ab, made)
        for patches, *features in judged:
            sums = [ops.sum(ops.abs(one[:half] - one[half:]), axis=PICTURE) for one in features]
            count = sum(ops.prod(ops.cast(ops.shape(one)[1:], "float32")) for one in features)
            total += VERDICT_WEIGHT * mean_square(patches[:half] - 1.0) + FEATURES_WEIGHT * sum(sums) / count
        return total

    def compute_output_shape(self, ab_shape: Shape, made_shape: Shape, judged_shape: Any) -> Shape:
        return (made_shape[0],)


def mean_square(x: Tensor) -> Tensor:
    """Over each picture, (B,)."""
    return ops.mean(ops.square(ops.cast(x, "float32")), axis=PICTURE)


class AdversarialStep:
    """The network and three discriminators, which have an optimizer of their own; see `steps.PlainStep`."""

    remark = ""

    def __init__(self, setup: Setup):
        refuse_sharing(setup, "--training adversarial")
        self.config = setup.config
        discriminators = [build_discriminator(name, setup.config) for name in DISCRIMINATORS]
        lab = layers.Input((None, None, 3), name="lab")
        judges_loss = JudgesLoss(name="judges_loss")([one(lab)[0] for one in discriminators])
        self.judges = keras.Model(lab, judges_loss, name="discriminators")
        of_judges = compile_model(self.judges, setup.make_optimizer(), _as_it_is)
        self.judges.trainable = False  # but in a step of their own
        self.color = backend.prediction(setup.model)
        self.model = put_before(discriminators, setup)
        self.optimizers = [compile_model(self.model, setup.make_optimizer(), _as_it_is), of_judges]
        self.trained = setup.model.trainable_variables

    def take(self, run: Run, inputs: Any, batch: Batch) -> float:
        """One step of the discriminators, then one of the network; returns the network's whole loss."""
        given = inputs if isinstance(inputs, list) else [inputs]
        lightness = block_means(given[0], self.config.output_stride) / np.float32(LARGEST_LIGHTNESS)
        true = batch.ab / np.float32(self.config.ab_scale)
        made = np.asarray(self.color(inputs), np.float32)
        labs = np.concatenate([np.concatenate([lightness, ab], axis=-1) for ab in (made, true)])
        nothing = np.zeros(len(true), np.float32)  # the losses have their targets among the inputs
        self.judges.trainable = True
        run(self.judges, labs, nothing)
        self.judges.trainable = False
        return run(self.model, [*given, lightness, batch.ab], nothing)

    def state(self) -> Iterator[tuple[str, Any]]:
        """Both optimizers and the discriminators."""
        yield from state_of(self.model.optimizer, "optimizer")
        yield from state_of(self.judges.optimizer, "optimizer of discriminators")
        for number, variable in enumerate(self.judges.variables):
            yield f"discriminators/{number:04d}/{variable.name}", variable


def put_before(discriminators: list[Any], setup: Setup) -> Any:
    """Model: [inputs of the network, small lightness 0..1, true ab in CIELAB units] -> loss (B,)."""
    network = setup.model
    given = [layers.Input(one.shape[1:], name=f"given_{number}") for number, one in enumerate(network.inputs)]
    lightness = layers.Input((None, None, 1), name="small_lightness")
    ab = layers.Input((None, None, 2), name="true_ab")
    made = network(given if len(given) > 1 else given[0])
    true = layers.Rescaling(1 / setup.config.ab_scale, name="true_ab_scaled")(ab)
    labs = [layers.Concatenate()([lightness, planes]) for planes in (made, true)]
    both = layers.Concatenate(axis=0, name="made_and_true")(labs)
    judged = [discriminator(both) for discriminator in discriminators]
    loss = NetworkLoss(setup.loss, name="network_loss")(ab, made, judged)
    return keras.Model([*given, lightness, ab], loss, name="network_before_discriminators")


def _as_it_is(_: Tensor, loss: Tensor) -> Tensor:
    return loss
