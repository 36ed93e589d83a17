"""Turn the prototype's arrays (a NumPy archive) into a koala weights file.

    python tools/import_prototype.py koala_start.npz weights/koala.safetensors

Kept because the first shipped weights, and the warm start of the later ones, came this way.
"""

import sys
from pathlib import Path

import numpy as np

from koalacli.config import ReadOut
from koalacli.model.network import build_network
from koalacli.model.weights import fill_network, save_weights
from koalacli.presets import PRESETS

RECORD = {
    "summary": "conversion of the recipe's prototype: 75 minutes on two CPU cores, 281,000 crops of 128 px",
    "data": "76,000 photographs at 160 px from 26 public collections; see weights/koala.md",
    "terms": "part of the data is offered for non-commercial research, part states no terms",
}


def main(source: Path, target: Path) -> None:
    """Rename, check against the network, write."""
    arrays = dict(np.load(source))
    tables = {key: arrays.pop(key) for key in ("gamut_bins", "bin_prior")}
    config = PRESETS["koala"]
    config = type(config)(**{**config.__dict__, "bins": len(tables["gamut_bins"])})
    network = build_network(config, tables)
    renamed = {key.replace("dwbn/", "dw_bn/").replace("pwbn/", "pw_bn/"): value for key, value in arrays.items()}
    renamed = {key.replace("/depthwise_kernel", "/kernel"): value for key, value in renamed.items()}
    fill_network(network, renamed, str(source))
    print(save_weights(target, network, ReadOut(), RECORD))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
