"""After each epoch: validate, keep the best weights, call the hook, and stop early."""

from collections.abc import Callable

import numpy as np

from glyphline.training.checkpoint import Arrays, FitState
from glyphline.training.divergence import check_val_loss
from glyphline.values import EpochHook, Labels, Probs


class Validation:
    """The validation of one fit.

    Args:
        labels: of the validation split, int64 (n,).
        predict: gives the probabilities of its images as the network is now, float32 (n, classes).
        weights: gives the network's weights as they are now.
        label_smoothing: of the loss that the fit minimises. Without it the first, overconfident epochs would win: a fit
            with it ends less certain and more often right.
        patience: epochs without a lower val_loss after which the fit should stop.
        hook: called after every epoch.

    Attributes:
        history: one mapping per finished epoch: train_loss, train_accuracy, val_loss, val_accuracy, learning_rate.
        best_epoch: the epoch with the lowest val_loss so far, from 0.
        best_weights: of that epoch.
    """

    def __init__(
        self,
        labels: Labels,
        *,
        predict: Callable[[], Probs],
        weights: Callable[[], Arrays],
        label_smoothing: float = 0.0,
        patience: int,
        hook: EpochHook | None,
    ) -> None:
        self.history: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best_weights: Arrays = []
        self._labels, self._predict, self._weights = labels, predict, weights
        self._smoothing, self._patience, self._hook = label_smoothing, patience, hook

    @property
    def should_stop(self) -> bool:
        """True when `patience` epochs have gone by without a lower val_loss."""
        return len(self.history) - 1 - self.best_epoch >= self._patience

    def end_epoch(self, loss: float, accuracy: float, learning_rate: float) -> None:
        """Validate the network after an epoch with these training metrics.

        Raises:
            TrainingError: the validation loss is not a finite number.
        """
        probs = self._predict()
        metrics = {
            "train_loss": loss,
            "train_accuracy": accuracy,
            "val_loss": cross_entropy(probs, self._labels, self._smoothing),
            "val_accuracy": float(np.mean(probs.argmax(axis=1) == self._labels)),
            "learning_rate": learning_rate,
        }
        epoch = len(self.history)
        check_val_loss(epoch, metrics["val_loss"], learning_rate)
        self.history.append(metrics)
        if epoch == 0 or metrics["val_loss"] < self.history[self.best_epoch]["val_loss"]:
            self.best_epoch = epoch
            self.best_weights = self._weights()
        if self._hook is not None:
            self._hook(epoch, metrics)

    def resume(self, state: FitState) -> None:
        """Go on from the epochs of an earlier process; the hook is called for them again."""
        self.history, self.best_epoch, self.best_weights = list(state.history), state.best_epoch, state.best_weights
        if self._hook is not None:
            for epoch, metrics in enumerate(self.history):
                self._hook(epoch, metrics)


def cross_entropy(probs: Probs, labels: Labels, label_smoothing: float = 0.0) -> float:
    """Mean cross-entropy in nats; without smoothing the mean negative log-likelihood.

    Args:
        probs: float32 (n, classes).
        labels: int64 (n,).
        label_smoothing: part of each label that is spread over all classes.
    """
    # float32 cannot tell less than this from 0, and one certain, wrong prediction must not make the mean infinite.
    # A NaN stays one.
    losses = -np.log(np.maximum(probs.astype(np.float64), np.finfo(np.float32).tiny))
    true_class = losses[np.arange(len(labels)), labels].mean()
    return float((1 - label_smoothing) * true_class + label_smoothing * losses.mean())
