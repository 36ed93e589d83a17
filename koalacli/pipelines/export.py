"""`koala export`: a network for other programs, compared with the network itself before it is written."""

import os
from pathlib import Path

import numpy as np

from koalacli.config import ExportConfig
from koalacli.errors import KoalaError, UsageError
from koalacli.io.files import write_file
from koalacli.io.side_outputs import check_side_outputs
from koalacli.process import quiet_libraries, set_runtime_defaults
from koalacli.records import Outcome, Record
from koalacli.settings import STRIDE

TOLERANCE = 1e-4  # of ab and of logits; ab are some tens
HALF_TOLERANCE = 0.5  # a difference of 1 can be seen
SHAPES = ((2 * STRIDE, 3 * STRIDE), (8 * STRIDE, 6 * STRIDE))  # that are compared: any size has to work


def export_onnx(weights: str, output: str, config: ExportConfig) -> Record:
    """Write a network as an ONNX file.

    Args:
        weights: name or path.
        output: the file, NAME.onnx.
        config: see ExportConfig.

    Returns:
        what was compared, in its reason.

    Raises:
        UsageError: the extra is missing, the network has parts that cannot be written, or OUT cannot be a file.
        WeightsError: there are no such weights.
        KoalaError: onnxruntime computes something else; nothing is written then.
        OutputError: it cannot be written.
    """
    if Path(output).suffix.lower() != ".onnx":
        raise UsageError(f"{output}: give a name that ends in .onnx")
    check_side_outputs({"OUT": output}, [weights])
    quiet_libraries()
    set_runtime_defaults()
    try:
        import onnxruntime

        from koalacli.model.onnx_graph import make_onnx
    except ImportError as error:
        raise UsageError("export to ONNX needs an extra: pip install 'koala-colorizer[onnx]'") from error
    from koalacli.model.read_outs import make_forward
    from koalacli.model.weights import load_weights

    loaded = load_weights(weights, folded=True)
    network = loaded.network
    data = make_onnx(loaded, logits=config.logits, half=config.half).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = max(1, (os.cpu_count() or 2) // 2)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    read = make_forward(network, loaded.read_out)
    worst = 0.0
    for height, width in SHAPES:
        lightness = np.random.default_rng(height).uniform(0, 100, (2, height, width, 1)).astype(np.float32)
        expected = np.asarray(network.model(lightness) if config.logits else read(lightness)["ab"], np.float32)
        (found,) = session.run(None, {"lightness": lightness.transpose(0, 3, 1, 2)})
        worst = max(worst, float(np.abs(found.transpose(0, 2, 3, 1) - expected).max()))
    allowed = HALF_TOLERANCE if config.half else TOLERANCE
    if not worst <= allowed:
        raise KoalaError(f"{output}: onnxruntime differs by {worst:.2g}, above {allowed:g}; not written")
    write_file(Path(output), data)
    remark = f"{len(data) / 1e6:.1f} MB; within {worst:.2g} of the network, at {len(SHAPES)} sizes, by onnxruntime"
    return Record(weights, output, Outcome.DONE, remark)
