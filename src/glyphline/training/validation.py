"""What happens after each epoch: validate, remember the best weights, tell the hook, stop when it is hopeless."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from glyphline.errors import TrainingError
from glyphline.training.checkpoint import Arrays, FitState
from glyphline.training.predict import probabilities
from glyphline.values import EpochHook, Labels, Probs, Split

VALIDATION_BATCH = 256


class Validation:
    """The course of one fit.

    Args:
        model: what is validated, uint8 images -> probabilities, in the precision of the fit.
        val: the validation split.
        label_smoothing: of the loss that the fit minimises. Without it the first, overconfident epochs would win: a fit
            with it ends less certain and more often right.
        patience: epochs without a lower val_loss after which the fit should stop.
        hook: told of every epoch.
        trained: gives the weights that `model` is to have after an epoch; None when it shares them anyway.

    Attributes:
        rows: one mapping per finished epoch: loss, accuracy, val_loss, val_accuracy, learning_rate.
        best_epoch: the epoch with the lowest val_loss so far, from 0.
        best: the weights of that epoch.
    """

    def __init__(
        self,
        model: Any,
        val: Split,
        *,
        label_smoothing: float = 0.0,
        patience: int,
        hook: EpochHook | None,
        trained: Callable[[], Arrays] | None = None,
    ) -> None:
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best: Arrays = []
        self._model, self._val, self._smoothing = model, val, label_smoothing
        self._patience, self._hook, self._trained = patience, hook, trained

    @property
    def hopeless(self) -> bool:
        """True when `patience` epochs have gone by without a lower val_loss."""
        return len(self.rows) - 1 - self.best_epoch >= self._patience

    def finished(self, loss: float, accuracy: float, learning_rate: float) -> None:
        """Take an epoch in.

        Raises:
            TrainingError: the validation loss is not a finite number.
        """
        if self._trained is not None:
            self._model.set_weights(self._trained())
        probs = probabilities(self._model, self._val.images, VALIDATION_BATCH)
        row = {
            "loss": loss,
            "accuracy": accuracy,
            "val_loss": cross_entropy(probs, self._val.labels, self._smoothing),
            "val_accuracy": float(np.mean(probs.argmax(axis=1) == self._val.labels)),
            "learning_rate": learning_rate,
        }
        epoch = len(self.rows)
        if not math.isfinite(row["val_loss"]):
            raise diverged(f"epoch {epoch + 1}: val_loss {row['val_loss']}, learning rate {learning_rate:.3g}")
        self.rows.append(row)
        if epoch == 0 or row["val_loss"] < self.rows[self.best_epoch]["val_loss"]:
            self.best_epoch = epoch
            self.best = self._model.get_weights()
        if self._hook is not None:
            self._hook(epoch, row)

    def take_up(self, state: FitState) -> None:
        """Go on from an earlier process's epochs; the hook is told of them again."""
        self.rows, self.best_epoch, self.best = list(state.rows), state.best_epoch, state.best
        if self._hook is not None:
            for epoch, row in enumerate(self.rows):
                self._hook(epoch, row)


def diverged(what: str) -> TrainingError:
    """The error of a fit whose numbers have left the real line."""
    return TrainingError(f"the fit diverged at {what}", fix="lower train.learning_rate or raise train.warmup")


def cross_entropy(probs: Probs, labels: Labels, label_smoothing: float = 0.0) -> float:
    """Mean cross-entropy in nats; without smoothing the mean negative log-likelihood.

    Args:
        probs: float32 (n, classes).
        labels: int64 (n,).
        label_smoothing: part of each label that is spread over all classes.
    """
    # float32 cannot tell less than this from 0, and one certain mistake must not make the mean infinite. A NaN stays.
    surprise = -np.log(np.maximum(probs.astype(np.float64), np.finfo(np.float32).tiny))
    right = surprise[np.arange(len(labels)), labels].mean()
    return float((1 - label_smoothing) * right + label_smoothing * surprise.mean())
