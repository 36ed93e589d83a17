"""What `koala presets` says is true: figures are those of the built networks, and no preset is left out."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import keras
import pytest
import tensorflow as tf
from keras import ops
from typer.testing import CliRunner

from koalacli.cli.app import app
from koalacli.color.bins import gamut_bins
from koalacli.family import FACTS, SIDE
from koalacli.model.network import build_network
from koalacli.presets import PRESETS
from koalacli.tables import EXTRACTORS


def count_operations(model: keras.Model, shapes: list[tuple[int, ...]], patch: pytest.MonkeyPatch) -> int:
    """Multiplications and additions of all convolutions and dense layers, for inputs of known shape; runs nothing."""
    total = 0
    call = keras.layers.Layer.__call__

    def counted(layer: Any, *given: Any, **options: Any) -> Any:
        nonlocal total
        outputs = call(layer, *given, **options)
        if (kernel := getattr(layer, "kernel", None)) is not None:
            # A transposed convolution uses its kernel once for each of its inputs, others for each of their outputs.
            grid = given[0] if isinstance(layer, keras.layers.Conv2DTranspose) else outputs
            total += 2 * math.prod(kernel.shape) * math.prod(grid.shape[1:-1])
        return outputs

    with patch.context() as patched:
        patched.setattr(keras.layers.Layer, "__call__", counted)
        traced = tf.function(lambda *given: model(list(given) if len(given) > 1 else given[0], training=False))
        traced.get_concrete_function(*(tf.TensorSpec(shape, "float32") for shape in shapes))
    return total


PUBLISHED = {  # trained values of the originals, with an embedding of 1,000 where there is one
    "deep-koalarization": 6_573_794,
    "kth-2019": 6_541_202,
    "photos-xception": 7_163_874,
    "wallner-alpha": 32_202,
    "wallner-beta": 3_892_194,
    "wallner-full": 6_541_202,
    # 32,230,393 with 313 bins and BatchNorm without scale and shift, which are 4,992 values.
    "zhang-2016": 32_230_393 - (313 - len(gamut_bins())) * 257 + 4_992,
    "kriztoper-refine": 6_573_794 + 12_216_290 + 12_218_594,
    "larsson-2016": 147_041_024,
    "wallner-gan": 41_778_563,
}


@pytest.mark.parametrize("preset", PRESETS)
def test_the_figures_are_those_of_the_network(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained values, as published where they were, and operations per picture without the external extractor."""
    fast = keras.initializers.VarianceScaling  # 147 million random numbers would take their time
    monkeypatch.setattr(fast, "__call__", lambda self, shape, dtype=None: ops.zeros(shape))

    def build(row: Any, cut: str) -> keras.Model:
        lightness = keras.Input((None, None, 1))
        pooled = keras.layers.GlobalAveragePooling2D()(lightness)
        return keras.Model(lightness, keras.layers.Dense(row.embedding_size[cut])(pooled))

    config = PRESETS[preset].network
    if EXTRACTORS[config.extractor].build:
        monkeypatch.setitem(EXTRACTORS, config.extractor, replace(EXTRACTORS[config.extractor], build=build))
    config = replace(config, bins=len(gamut_bins())) if config.head == "bins" else config
    network = build_network(config, {"gamut_bins": gamut_bins()})
    trained = sum(math.prod(variable.shape) for variable in network.core.trainable_variables)
    shapes = [(1, SIDE, SIDE, 1), (1, config.embedding_size)][: len(network.core.inputs)]
    operations = count_operations(network.core, shapes, monkeypatch)
    assert FACTS[preset].parameters == trained == PUBLISHED.get(preset, trained)
    assert FACTS[preset].gflops == round(operations / 1e9, 2)


def test_every_preset_is_told_of() -> None:
    """Its source, what is wrong in it and what koala does instead; nobody else is."""
    assert list(FACTS) == list(PRESETS)
    for name, facts in FACTS.items():
        assert facts.source
        assert name == "koala" or facts.faults


def test_people_read_a_paragraph_and_programs_a_line() -> None:
    """The same facts, as text and as JSON."""
    shown = CliRunner().invoke(app, ["presets"])
    assert shown.exit_code == 0, shown.output
    told = [json.loads(line) for line in CliRunner().invoke(app, ["presets", "--json"]).stdout.splitlines()]
    assert [entry["preset"] for entry in told] == list(PRESETS)
    text = " ".join(shown.output.split())
    for entry in told:
        assert entry["preset"] in text
        for words in (entry["source"], *entry["faults"], *entry["corrections"]):
            assert " ".join(words.split()) in text
    assert {"parameters", "gflops", "extractor", "recipe"} <= told[0].keys()


def test_it_needs_no_network_library() -> None:
    """The command answers without Keras."""
    without = "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None"
    code = f"{without}; from koalacli.cli.app import app; app()"
    done = subprocess.run([sys.executable, "-c", code, "presets"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "32,202" in done.stdout
