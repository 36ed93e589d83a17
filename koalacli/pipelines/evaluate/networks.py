"""Figures by networks that judge: FID and LPIPS, from the user's files."""

from collections import defaultdict
from dataclasses import replace

from koalacli.config import EvalConfig
from koalacli.metrics.frechet import FeatureSet, frechet_distance
from koalacli.metrics.results import Judged
from koalacli.pipelines.evaluate.items import REFERENCE


class NetworkJudges:
    """Looks at judged pictures once more with the networks that were asked for.

    Raises:
        WeightsError: a file does not hold the network.
    """

    def __init__(self, config: EvalConfig):
        from koalacli.model.judges import InceptionFeatures, Lpips

        self._inception = InceptionFeatures(config.inception) if config.inception else None
        self._lpips = Lpips(config.lpips) if config.lpips else None
        self._features: defaultdict[str, FeatureSet] = defaultdict(FeatureSet)

    def look(self, judged: Judged) -> Judged:
        """The same, with LPIPS added and the pictures let go; features are gathered for FID."""
        subjects, pictures = list(judged.pictures), list(judged.pictures.values())
        if self._inception and pictures:
            for subject, features in zip(subjects, self._inception(pictures), strict=True):
                self._features[subject].add(features)
        measurements = judged.measurements
        if self._lpips and pictures:
            distances = dict(zip(subjects[1:], self._lpips(pictures[0], pictures[1:]), strict=True))
            measurements = {
                subject: replace(measurement, values=measurement.values | {"lpips": distances[subject]})
                for subject, measurement in measurements.items()
            }
        return replace(judged, measurements=measurements, pictures={})

    def figures(self) -> dict[str, dict[str, float]]:
        """FID by subject."""
        return {
            subject: {"fid": frechet_distance(features, self._features[REFERENCE])}
            for subject, features in self._features.items()
            if subject != REFERENCE
        }
