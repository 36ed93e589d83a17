"""Print the palette of many photographs as an entry of PALETTES in koalacli/control/palettes.py.

    python tools/make_palette.py SHARD.tar [--of fsa_kodachrome/] [--pictures 2000]

Every photograph weighs alike. Colors lie on the ten-unit grid of the gamut bins; those with less than 2 of 1000 pixels
are left out.
"""

import argparse

import cv2
import numpy as np

from koalacli.color.bins import gamut_bins, soft_encode
from koalacli.color.lab import rgb_to_lab
from koalacli.data.sources import find_samples, read_sample
from koalacli.io.picture.read import read_picture

SIDE, LEAST = 48, 2  # pixels that a photograph is shrunk to; of 1000

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", nargs="+")
    parser.add_argument("--of", default="", help="only photographs whose name begins so")
    parser.add_argument("--pictures", type=int, default=2000)
    given = parser.parse_args()
    bins = gamut_bins()
    shares, count = np.zeros(len(bins)), 0
    for sample in find_samples(given.shards):
        if not sample.name.split(":")[-1].split(".tar/")[-1].startswith(given.of) or count == given.pictures:
            continue
        pixels = read_picture(read_sample(sample), sample.name).pixels
        if pixels.ndim == 3:
            small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            numbers, weights = soft_encode(rgb_to_lab(small / np.float32(255))[..., 1:].reshape(-1, 2), bins)
            shares += np.bincount(numbers.ravel(), weights.ravel(), len(bins)) / SIDE**2
            count += 1
    rounded = np.rint(1000 * shares / count).astype(int)
    rows = [f"({a:g}, {b:g}, {share})" for (a, b), share in zip(bins, rounded, strict=True) if share >= LEAST]
    print(f"# {count} photographs\n({', '.join(rows)}),")
