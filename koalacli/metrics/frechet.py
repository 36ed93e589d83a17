"""Fréchet distance between two sets of features: FID, when they come from an Inception network."""

import numpy as np

from koalacli.metrics.pictures import Double


class FeatureSet:
    """Mean and covariance of features, gathered one by one; memory does not grow with their number."""

    def __init__(self) -> None:
        self.count = 0
        self._sum: Double | float = 0.0
        self._products: Double | float = 0.0

    def add(self, features: Double) -> None:
        """Take in the features (D,) of one picture."""
        self.count += 1
        self._sum = self._sum + features
        self._products = self._products + np.outer(features, features)

    def moments(self) -> tuple[Double, Double]:
        """Mean (D,) and covariance (D, D), with N - 1 in its denominator."""
        mean = np.asarray(self._sum) / self.count
        return mean, (np.asarray(self._products) - self.count * np.outer(mean, mean)) / (self.count - 1)


def frechet_distance(first: FeatureSet, second: FeatureSet) -> float:
    """Squared Fréchet distance of the normal laws with the sets' moments (Heusel et al. 2017), lower is better.

    It depends on the number of pictures: never compare values of different numbers. NaN below two.
    """
    if min(first.count, second.count) < 2:
        return float("nan")
    (mean, covariance), (other_mean, other_covariance) = first.moments(), second.moments()
    # tr sqrt(A B) = tr sqrt(sqrt(A) B sqrt(A)), which is symmetric: eigenvalues are enough.
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other_covariance @ root), 0)).sum()
    return float(np.sum((mean - other_mean) ** 2) + np.trace(covariance) + np.trace(other_covariance) - 2 * shared)
