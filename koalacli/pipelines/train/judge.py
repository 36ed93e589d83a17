"""What a network in training is compared with, and which of its states is the best."""

import numpy as np

from koalacli.arrays import Array
from koalacli.model.losses import mean_color
from koalacli.pipelines.train import validation as check
from koalacli.pipelines.train.pictures import Pictures
from koalacli.pipelines.train.session import Session

LEARNED = 0.3  # squared color error left, as a share of the constant color's, for pictures known by heart
WORTHLESS = -1000.0  # below any score


class Validator:
    """Validates a session, beside the best that one constant color could do.

    Attributes:
        baseline: the figures of that constant color, `val_loss` among them.
    """

    def __init__(self, session: Session, pictures: Pictures):
        self.session, self.pictures = session, pictures
        self.baseline = self._baseline()

    def measure(self) -> tuple[dict[str, float], Array]:
        """Figures of the network as it is, `val_loss` among them, and its predictions (N, s, s, 2)."""
        validation, size = self.pictures.validation, self.pictures.loader.batch_size
        losses, predicted = [], []
        for first in range(0, len(validation), size):
            part = slice(first, min(first + size, len(validation)))
            outputs = self.session.predict(*validation.batch(part, size))[: part.stop - first]
            losses.append(self.session.loss_of(validation.ab[part], outputs) * len(outputs))
            predicted.append(self.session.read(outputs))
        ab = np.concatenate(predicted)
        return {"val_loss": sum(losses) / len(validation), **check.figures(validation, ab)}, ab

    def score(self, row: dict[str, float]) -> float:
        """Higher is better. Regression fades on purpose, so it is judged by what it minimizes.

        So is whatever is worse than one constant color: random values can be colorful too.
        """
        if self.session.network.config.head != "bins":
            return -row["val_loss"]
        return row["score"] if row["val_loss"] < self.baseline["val_loss"] else WORTHLESS - row["val_loss"]

    def known_by_heart(self, row: dict[str, float]) -> bool:
        """Whether the pictures of --overfit were learned."""
        return row["ab_error"] ** 2 < LEARNED * self.baseline["ab_error"] ** 2

    def _baseline(self) -> dict[str, float]:
        validation, constant = self.pictures.validation, self.session.constant
        outputs = np.broadcast_to(constant, (1, *validation.ab.shape[1:3], len(constant)))
        losses = [self.session.loss_of(ab[None], outputs) for ab in validation.ab]
        color = check.constant_color(validation, mean_color(self.pictures.tables))
        return {"val_loss": float(np.mean(losses)), **check.figures(validation, color)}
