"""Average the values of several weights files of one network into one.

    python tools/average_weights.py koala a/last.safetensors b/last.safetensors --output mean.safetensors
    python tools/average_weights.py base.safetensors change.safetensors --shares 0.9 0.1 --output mean.safetensors

Trainings that went on from the same weights in different ways end in the same valley, and the
mean of them is often better and steadier than each ("model soups", Wortsman et al. 2022).
Gamut bins, prior and what is not said of the read-out are the first file's. The provenance names all
files by digest. The shipped weights were made so; the whole command is in their card.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from koalacli.errors import UsageError
from koalacli.io.files import write_file
from koalacli.model.weights import TABLES, Weights, encode_weights, fill_network, load_weights, network_tensors


def average(parts: list[Weights], shares: list[float]) -> dict[str, np.ndarray]:
    """Weighted mean of every array, float32; shares sum to 1."""
    first = parts[0].network
    for part in parts[1:]:
        if part.network.config != first.config:
            raise UsageError(f"{part.name}: another network than {parts[0].name}, so a mean of both means nothing")
    stores = [network_tensors(part.network) for part in parts]
    means = {
        name: sum(share * store[name].astype(np.float32) for share, store in zip(shares, stores, strict=True))
        for name in stores[0]
    }
    return {**means, **{name: stores[0][name] for name in TABLES if name in means}}


def main() -> None:
    """Read, average, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="shipped names or files")
    parser.add_argument("--shares", nargs="+", type=float, help="of each file; by default all the same")
    parser.add_argument("--summary", default="", help="how the mean came about, for the provenance")
    parser.add_argument("--data", default="that of the files averaged", help="what all were trained on")
    parser.add_argument("--saturation", type=float, help="of the read-out")
    parser.add_argument("--method", help="entry of READ_OUTS")
    parser.add_argument("--terms", default="", help="of all pictures involved; by default the first file's")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    parts = [load_weights(name) for name in given.weights]
    shares = np.array(given.shares or [1.0] * len(parts))
    if len(shares) != len(parts) or shares.sum() <= 0:
        parser.error(f"{len(parts)} files and {len(shares)} shares; one share each, with a sum above 0")
    shares = shares / shares.sum()
    means = average(parts, shares.tolist())
    network = parts[0].network
    fill_network(network, means, str(given.output))
    averaged = [
        {
            "name": part.name,
            "digest": part.digest,
            "share": round(float(share), 4),
            "summary": part.provenance["summary"],
        }
        for part, share in zip(parts, shares, strict=True)
    ]
    provenance = {
        **{"summary": given.summary or f"mean of {len(parts)} weights files", "data": given.data},
        **{"terms": given.terms or parts[0].provenance.get("terms", ""), "averaged": averaged},
    }
    asked = {"saturation": given.saturation, "method": given.method}
    read_out = replace(parts[0].read_out, **{name: value for name, value in asked.items() if value is not None})
    content, digest = encode_weights(network, read_out, provenance)
    write_file(given.output, content)
    print(digest)


if __name__ == "__main__":
    main()
