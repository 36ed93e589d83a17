"""What a step of training is; TRAININGS in `tables` lists the ways.

A way may need more than the network: a class head, discriminators. Those stay behind when weights are written, and are
in the checkpoint, so that a run goes on exactly.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from koalacli.data.loader import Batch
from koalacli.data.sources import folder_of
from koalacli.errors import UsageError
from koalacli.model.backend import trace as backend
from koalacli.model.iizuka import name_whole_picture
from koalacli.model.losses import Loss
from koalacli.model.network import ENCODERS
from koalacli.model.recipes import TrainSettings
from koalacli.presets import NetworkConfig

Run = Callable[[Any, Any, Any], float]  # (compiled model, inputs, targets) -> loss


@dataclass(frozen=True)
class Setup:
    """What a way of training is given.

    Attributes:
        model: the network in training: inputs -> outputs of the head.
        config: its parts and constants.
        loss: (ab, outputs) -> one number per picture.
        make_optimizer: makes a fresh one, as the settings say.
        settings: of the run.
        folders: names of the folders that the training pictures lie in.
        replicas: devices that share a batch.
    """

    model: Any
    config: NetworkConfig
    loss: Loss
    make_optimizer: Callable[[], Any]
    settings: TrainSettings
    folders: tuple[str, ...]
    replicas: int


class PlainStep:
    """The network makes its loss small.

    Attributes:
        remark: what whoever trains should know, or empty.
        optimizers: the first one is the network's.
    """

    remark = ""

    def __init__(self, setup: Setup):
        self.model = setup.model
        self.optimizers = [compile_model(self.model, setup.make_optimizer(), setup.loss)]
        self.trained = self.model.trainable_variables  # what the network's optimizer moves, in its order

    def take(self, run: Run, inputs: Any, batch: Batch) -> float:
        """One step; returns the loss."""
        return run(self.model, inputs, batch.ab)

    def state(self) -> Iterator[tuple[str, Any]]:
        """Everything that the steps change beside the network, by name."""
        yield from state_of(self.model.optimizer, "optimizer")


class LabelsStep(PlainStep):
    """The network also learns to name the folder that a picture lies in (Iizuka et al. 2016)."""

    def __init__(self, setup: Setup):
        if len(setup.folders) < 2:
            self.remark = "all pictures lie in one folder, so there is nothing to name: --training plain"
            super().__init__(setup)
            return
        whole = setup.model.get_layer(ENCODERS[setup.config.encoder].whole_picture).output
        named = name_whole_picture(whole, len(setup.folders), setup.config)
        known = setup.model.layers
        self.model = keras.Model(setup.model.input, [setup.model.output, named], name="network_and_class_head")
        self.head = [layer for layer in self.model.layers if layer not in known]
        losses = [setup.loss, keras.losses.SparseCategoricalCrossentropy(from_logits=True)]
        weights = [1.0, setup.settings.class_weight]
        self.optimizers = [compile_model(self.model, setup.make_optimizer(), losses, loss_weights=weights)]
        self.trained = self.model.trainable_variables
        self.number = {folder: number for number, folder in enumerate(setup.folders)}

    def take(self, run: Run, inputs: Any, batch: Batch) -> float:
        """One step; returns the sum of both losses."""
        if self.remark:
            return super().take(run, inputs, batch)
        labels = np.array([[self.number[folder_of(sample)]] for sample in batch.samples], np.int32)
        return run(self.model, inputs, [batch.ab, labels])

    def state(self) -> Iterator[tuple[str, Any]]:
        """The class head's values, too."""
        yield from super().state()
        for layer in () if self.remark else self.head:
            yield from ((f"class head/{layer.name}/{variable.name}", variable) for variable in layer.variables)


def compile_model(model: Any, optimizer: Any, loss: Any, **options: Any) -> Any:
    """Make a model ready for steps; returns the optimizer."""
    model.compile(optimizer=optimizer, loss=loss, jit_compile=backend.compiles_steps(), **options)
    model.optimizer.build(model.trainable_variables)
    return optimizer


def state_of(optimizer: Any, name: str) -> Iterator[tuple[str, Any]]:
    """An optimizer's variables by name; numbered, as several have the same."""
    for number, variable in enumerate(optimizer.variables):
        yield f"{name}/{number:04d}/{variable.name}", variable


def refuse_sharing(setup: Setup, what: str) -> None:
    """Raise UsageError where several devices are to share a batch."""
    if setup.replicas > 1:
        raise UsageError(f"{what} trains on one device; give --devices 1")
