"""What a fit gives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glyphline.training import archive
from glyphline.training.baselines import mean_recall
from glyphline.training.checkpoint import Arrays, Checkpoint
from glyphline.training.prediction import probabilities
from glyphline.values import Split

VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Fitted:
    """A fitted network with the weights of its best epoch.

    Attributes:
        weights: what was fitted, of the best epoch.
        history: the metrics of each epoch.
        best_epoch: from 0.
        build: makes the whole network with these weights, in float32.
        frozen: number of the network's weights that were not fitted.
        checkpoint: the state after the last epoch, on disk; None when none was asked for.
    """

    weights: Arrays
    history: tuple[dict[str, float], ...]
    best_epoch: int
    build: Callable[[Arrays], Any]
    frozen: int = 0
    checkpoint: Checkpoint | None = None

    @property
    def best_metrics(self) -> dict[str, float]:
        """The metrics of the best epoch."""
        return self.history[self.best_epoch]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return self.frozen + sum(weight.size for weight in self.weights)

    def weights_digest(self) -> str:
        """Identity of the weights; a .keras file holds dates and differs each time."""
        return archive.weights_digest(self.model.get_weights())

    @cached_property
    def model(self) -> Any:
        """uint8 (n, h, w, c) -> float32 (n, classes), float32 after a fit in any precision; built at the first use."""
        return self.build(self.weights)

    def save(self, path: Path) -> None:
        """Write the model as a .keras archive, atomically."""
        archive.save(self.model, path)

    def balanced_accuracy(self, split: Split) -> float:
        """The mean of the recalls of the classes that have images in `split`, a fraction."""
        predicted = probabilities(self.model, split.images, VALIDATION_BATCH).argmax(axis=1)
        right = split.labels[predicted == split.labels]
        hits, images = (np.bincount(labels, minlength=len(split.classes)) for labels in (right, split.labels))
        return mean_recall(hits, images)

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint, once the result of the fit is saved."""
        if self.checkpoint is not None:
            self.checkpoint.remove()
