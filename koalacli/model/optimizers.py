"""Keras' optimizers with a slower, later trunk and averaged weights; OPTIMIZERS in `tables` lists them.

One learning rate for all destroys what a pretrained trunk knows before the decoder has learned
to use it; so the trunk gets a share of the rate, and that only after a warm-up.
The exponential moving average lives beside the optimizer's other variables: it is computed in
the same compiled step on every backend, and is saved and restored with them.
"""

from typing import Any

import keras
from keras import ops

from koalacli.arrays import Tensor

MATRIX_AXES = 2  # variables with fewer axes are biases and scales: not decayed


class _Recipe:
    """Mixed in before a Keras optimizer."""

    def prepare(
        self, trunk: tuple[str, ...], trunk_rate: float, trunk_warmup: int, average: float, decay: float
    ) -> "_Recipe":
        """Set the recipe; call once, before the first step.

        Args:
            trunk: beginnings of the names of its layers; none without a trunk.
            trunk_rate: the trunk's share of the learning rate.
            trunk_warmup: steps over which the trunk's rate rises from zero.
            average: momentum of the moving average; 0 for none.
            decay: weight decay per step, times the learning rate, on kernels.
        """
        self.trunk, self.trunk_rate, self.trunk_warmup = trunk, trunk_rate, trunk_warmup
        self.average, self.decay = average, decay
        self.averages: list[Any] = []
        return self

    def build(self, variables: Any) -> None:
        """Create the averages beside the optimizer's own variables."""
        if self.built:  # type: ignore[attr-defined]
            return
        super().build(variables)  # type: ignore[misc]
        self._in_trunk = [variable.path.split("/")[-2].startswith(self.trunk) for variable in variables]
        if self.average:
            self.averages = [
                self.add_variable_from_reference(variable, name="average")  # type: ignore[attr-defined]
                for variable in variables
            ]

    def _clip_gradients(self, gradients: list[Tensor]) -> list[Tensor]:
        if keras.backend.backend() == "tensorflow":
            return gradients  # below: Keras would clip each device's share of the gradient by itself
        return super()._clip_gradients(gradients)  # type: ignore[misc]

    def _all_reduce_sum_gradients(self, gradients_and_variables: Any) -> Any:
        """TensorFlow only: join the devices' gradients, then clip."""
        pairs = super()._all_reduce_sum_gradients(gradients_and_variables)  # type: ignore[misc]
        gradients = super()._clip_gradients([gradient for gradient, _ in pairs])  # type: ignore[misc]
        return [(gradient, variable) for gradient, (_, variable) in zip(gradients, pairs, strict=True)]

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """One variable's step."""
        number = self._get_variable_index(variable)  # type: ignore[attr-defined]
        iterations = ops.cast(self.iterations, "float32")  # type: ignore[attr-defined]
        if self._in_trunk[number]:
            rise = ops.minimum(1.0, iterations / max(self.trunk_warmup, 1)) if self.trunk_warmup else 1.0
            learning_rate = learning_rate * ops.cast(self.trunk_rate * rise, learning_rate.dtype)
        if self.decay and len(variable.shape) > MATRIX_AXES - 1:
            shrunk = variable * ops.cast(1.0 - self.decay * ops.cast(learning_rate, "float32"), variable.dtype)
            self.assign(variable, shrunk)  # type: ignore[attr-defined]
        super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]
        if self.average:
            # The first steps are averaged over a shorter time, so that the start is forgotten soon.
            momentum = ops.minimum(self.average, iterations / (10.0 + iterations))
            average = self.averages[number]
            value = ops.cast(variable, average.dtype)
            self.assign(average, average + (value - average) * ops.cast(1.0 - momentum, average.dtype))  # type: ignore[attr-defined]


class Adam(_Recipe, keras.optimizers.Adam):
    """Adam; with weight decay set it is AdamW."""


class AdamOf2016(Adam):
    """Adam with beta2 0.99, which follows the gradient's size faster."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **{"beta_2": 0.99, **options})


class Sgd(_Recipe, keras.optimizers.SGD):
    """Plain gradient descent."""


class RmsProp(_Recipe, keras.optimizers.RMSprop):
    """RMSprop."""


class AdamOfGans(Adam):
    """Adam with beta1 0.5: discriminators and generator change what the other sees, so the past counts for less."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **{"beta_1": 0.5, **options})


class Momentum(Sgd):
    """Gradient descent with momentum 0.9."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **{"momentum": 0.9, **options})


class AdaDelta(_Recipe, keras.optimizers.Adadelta):
    """AdaDelta with the constants of its source (Zeiler 2012), whose steps a rate of 1 leaves as they are."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **{"rho": 0.95, "epsilon": 1e-6, **options})
