"""A network in training: step, average, predict, store, restore. No files, no loop."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np

from koalacli.arrays import Array
from koalacli.data.embeddings import IN_MEMORY
from koalacli.data.loader import Batch
from koalacli.data.sources import Sample
from koalacli.errors import DeviceError, TrainingError, UsageError
from koalacli.model.backend import trace as backend
from koalacli.model.backend.devices import Placement
from koalacli.model.heads import head_of
from koalacli.model.losses import Loss, LossSettings
from koalacli.model.network import ENCODERS, Network, build_network
from koalacli.model.pretrained import fill_extractor, fill_trunk
from koalacli.model.read_outs import Made, reading_of
from koalacli.model.recipes import TrainSettings, network_config
from koalacli.model.weights import Weights, fill_network, load_weights, network_tensors, round_to_disk
from koalacli.pipelines.train.embedder import Embedder
from koalacli.pipelines.train.folder import Arrays
from koalacli.pipelines.train.steps import PlainStep, Setup
from koalacli.presets import PRESETS
from koalacli.settings import ReadOut
from koalacli.tables import LOSSES, OPTIMIZERS, TRAININGS, load_part

# Rise of the cosine schedule, whichever is shorter: Adam's first steps are as long as its later ones, and blind.
WARMUP_STEPS, WARMUP_SHARE = 100, 0.2
# Where a few pictures are learned by heart every batch is the whole: its statistics may follow at once.
OVERFIT_MOMENTUM = 0.8
Tables = dict[str, Array]  # gamut_bins, bin_prior


class Session:
    """A network with its optimizer and loss.

    Attributes:
        network: see `build_network`.
        read_out: that finished weights will carry.
        origin: digest of the weights it started from, or empty.
        constant: outputs of the head, float32 (C,), that are best where nothing is seen.
        embed: where embeddings are computed once; None where the network makes its own.
        way: what a step is.
    """

    def __init__(
        self,
        config: TrainSettings,
        tables: Tables,
        start: Weights | None,
        placement: Placement,
        folders: tuple[str, ...] = (),
    ):
        self.config = config
        self.placement = placement
        keras.utils.set_random_seed(config.seed)
        self.embed: Embedder | None = None
        usual = keras.config.dtype_policy()
        keras.config.set_dtype_policy(config.precision)
        try:
            with placement.build():
                self._build(tables, start, folders)
        finally:  # networks that are built later for another purpose are not of this precision
            keras.config.set_dtype_policy(usual)

    def _build(self, tables: Tables, start: Weights | None, folders: tuple[str, ...]) -> None:
        config = self.config
        network = network_config(config, len(tables["gamut_bins"]))
        self.head, trunk = head_of(network.head), ENCODERS[network.encoder].trunk
        self.network: Network = build_network(network, {name: tables[name] for name in self.head.tables})
        self.read_out: ReadOut = replace(self.head.settings, **PRESETS[network.preset].read_out)
        self.origin = ""
        if config.overfit:
            for layer in self.network.core.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = OVERFIT_MOMENTUM
        if start:
            self._start_from(start)
        elif self.network.extractor is not None:
            fill_extractor(self.network.extractor, network.extractor, network.cut, config.extractor_weights)
        elif trunk:
            fill_trunk(self.network.core, trunk, config.extractor_weights, lambda: load_weights("koala").network.core)
        self.constant = self.head.constant(network, tables, config.rebalance_strength)
        if not start:
            self.head.start(self.network.core, self.constant)
        if self.network.extractor is not None:
            # trained with what will be stored
            round_to_disk(self.network.extractor, config.extractor_weights or config.start)
        settings = LossSettings(**{key: getattr(config, key) for key in LossSettings.__dataclass_fields__})
        self.loss: Loss = load_part(LOSSES[config.loss].build)(network, self.network.tables, settings)
        if self.network.extractor is not None and (config.cache_embeddings or config.overfit):
            self.embed = Embedder(self.network, config.cache_embeddings or IN_MEMORY)
        self.model = self.network.core if self.embed else self.network.model
        make, prefixes, replicas = self._make_optimizer, trunk.prefixes if trunk else (), self.placement.replicas
        setup = Setup(self.model, network, self.loss, partial(make, prefixes), config, folders, replicas)
        self.way: PlainStep = load_part(TRAININGS[config.training].make)(setup)
        self._forward = backend.prediction(self.model)

    def _make_optimizer(self, trunk: tuple[str, ...]) -> Any:
        config = self.config
        optimizer = load_part(OPTIMIZERS[config.optimizer].make)(config.lr, global_clipnorm=config.clip or None)
        return optimizer.prepare(trunk, config.trunk_rate, config.trunk_warmup, config.ema, config.weight_decay)

    def _start_from(self, start: Weights) -> None:
        if start.network.config != self.network.config:
            raise UsageError(
                f"{start.name}: these weights are of another network ({_describe(start.network)}); "
                f"this run trains {_describe(self.network)}"
            )
        fill_network(self.network, network_tensors(start.network), start.name)
        self.read_out, self.origin = start.read_out, start.digest

    @property
    def parameters(self) -> int:
        """Trained values."""
        return sum(math.prod(variable.shape) for variable in self.model.trainable_variables)

    def step(self, batch: Batch, learning_rate: float) -> float:
        """One step of training; returns the batch's loss.

        Raises:
            DeviceError: the batch does not fit into memory.
            TrainingError: the loss is not a number any more.
        """
        for optimizer in self.way.optimizers:
            optimizer.learning_rate = learning_rate
        try:
            inputs = self._inputs(batch.lightness, batch.samples, batch.digests)
            with self.placement.run():
                loss = self.way.take(self.placement.step, inputs, batch)
        except Exception as error:
            if backend.is_out_of_memory(error):
                half = max(1, len(batch.ab) // 2)
                raise DeviceError(f"a batch of {len(batch.ab)} does not fit; try --batch-size {half}") from error
            raise
        if not math.isfinite(loss):
            raise TrainingError(f"the loss is {loss} at step {batch.number + 1}; a smaller --lr may help")
        return loss

    def predict(self, lightness: Array, samples: list[Sample], digests: list[str]) -> Array:
        """Outputs of the head for pictures."""
        with self.placement.run():
            return np.asarray(self._forward(self._inputs(lightness, samples, digests)), np.float32)

    def loss_of(self, ab: Array, outputs: Array) -> float:
        """The mean loss of given outputs."""
        losses = self.loss(keras.ops.convert_to_tensor(ab), keras.ops.convert_to_tensor(outputs))
        return float(keras.ops.mean(losses))

    def constant_outputs(self, lightness: Array) -> Array:
        """What the head would best give for pictures (B, S, S, 1) of which nothing is seen: (B, s, s, C)."""
        side = lightness.shape[1] // self.network.config.output_stride
        outputs = np.broadcast_to(self.constant, (len(lightness), side, side, len(self.constant)))
        seen = self.head.seen
        return np.concatenate([outputs, seen(lightness, self.network.config)], axis=-1) if seen else outputs

    def read(self, outputs: Array) -> Array:
        """ab (B, h, w, 2) from outputs by the usual read-out of their head, without saturation: the figures' own."""
        made = Made(keras.ops.convert_to_tensor(outputs), None, None)
        ab = reading_of(ReadOut(), self.network.config.head).read(
            made, self.network.tables, self.network.config, self.read_out
        )
        return keras.ops.convert_to_numpy(ab)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the network has the averaged weights."""
        optimizer, variables = self.way.optimizers[0], self.way.trained
        if not optimizer.averages or not int(optimizer.iterations.numpy()):
            yield
            return
        kept = [variable.numpy() for variable in variables]
        for variable, average in zip(variables, optimizer.averages, strict=True):
            variable.assign(average.numpy())
        try:
            yield
        finally:
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)

    def arrays(self) -> Arrays:
        """Everything that training changes, exactly."""
        return {name: np.asarray(variable.numpy()) for name, variable in self._state()}

    def restore(self, arrays: Arrays) -> None:
        """Undo everything since `arrays` were taken."""
        state = dict(self._state())
        if state.keys() != arrays.keys():
            raise TrainingError("the checkpoint belongs to another network or optimizer")
        for name, variable in state.items():
            variable.assign(arrays[name])

    def _state(self) -> Iterator[tuple[str, Any]]:
        for layer in self.network.core.layers:
            for variable in layer.variables:  # more than weights: what Dropout draws next
                yield f"network/{layer.name}/{variable.name}", variable
        yield from self.way.state()

    def _inputs(self, lightness: Array, samples: list[Sample], digests: list[str]) -> Any:
        return [lightness, self.embed(samples, digests)] if self.embed else lightness


def learning_rate(config: TrainSettings, step: int, share: float, rate_factor: float) -> float:
    """The learning rate of a step, `share` of the way through the run."""
    rate = config.lr
    if config.schedule == "cosine":
        rise = min(1.0, max((step + 1) / WARMUP_STEPS, share / WARMUP_SHARE))
        return rate * rise * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return rate * rate_factor if config.schedule == "plateau" else rate


def _describe(network: Network) -> str:
    config = network.config
    return f"{config.preset}, extractor {config.extractor}, cut {config.cut}, head {config.head}"
