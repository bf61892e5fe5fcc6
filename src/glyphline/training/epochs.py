"""What happens after each epoch: validate, remember the best weights, tell the hook, stop when it is hopeless."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glyphline.errors import TrainingError
from glyphline.training.loading import load
from glyphline.training.predict import probabilities
from glyphline.values import EpochHook, Labels, Probs, Split

VALIDATION_BATCH = 1024


class Epochs:
    """The course of one fit.

    Attributes:
        rows: one mapping per finished epoch: loss, accuracy, val_loss, val_accuracy, learning_rate.
        best_epoch: the epoch with the lowest val_loss so far, from 0.
    """

    def __init__(self, network: Any, val: Split, *, patience: int, hook: EpochHook | None) -> None:
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self._network = network
        self._val = val
        self._patience = patience
        self._hook = hook
        self._best_weights: list[Any] = []

    def finished(self, loss: float, accuracy: float, learning_rate: float) -> bool:
        """Take an epoch in.

        Returns:
            True when `patience` epochs have gone by without a lower val_loss.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        probs = probabilities(self._network, self._val.images, VALIDATION_BATCH)
        row = {
            "loss": loss,
            "accuracy": accuracy,
            "val_loss": cross_entropy(probs, self._val.labels),
            "val_accuracy": float(np.mean(probs.argmax(axis=1) == self._val.labels)),
            "learning_rate": learning_rate,
        }
        epoch = len(self.rows)
        if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
            raise TrainingError(
                f"epoch {epoch + 1}: loss {row['loss']}, val_loss {row['val_loss']}",
                fix="lower train.learning_rate",
            )
        self.rows.append(row)
        if epoch == 0 or row["val_loss"] < self.rows[self.best_epoch]["val_loss"]:
            self.best_epoch = epoch
            self._best_weights = self._network.get_weights()
        if self._hook is not None:
            self._hook(epoch, row)
        return epoch - self.best_epoch >= self._patience

    def restore_best(self) -> None:
        """Give the network the weights of its best epoch."""
        self._network.set_weights(self._best_weights)

    def callback(self) -> Any:
        """A Keras callback that feeds this object."""
        keras, _ = load()
        finished: Callable[[float, float, float], bool] = self.finished

        class AfterEpoch(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_epoch_end(self, _epoch: int, logs: Mapping[str, float] | None = None) -> None:
                seen = logs or {}
                rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
                if finished(float(seen["loss"]), float(seen["accuracy"]), rate):
                    self.model.stop_training = True

        return AfterEpoch()


def cross_entropy(probs: Probs, labels: Labels) -> float:
    """Mean negative log-likelihood in nats.

    Args:
        probs: float32 (n, classes).
        labels: int64 (n,).
    """
    likelihood = probs[np.arange(len(labels)), labels].astype(np.float64)
    # float32 cannot tell less than this from 0, and one certain mistake must not make the mean infinite. A NaN stays.
    return float(-np.log(np.maximum(likelihood, np.finfo(np.float32).tiny)).mean())
