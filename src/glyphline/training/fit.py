"""Fit one network: pure in its parameters, its seed and the data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glyphline.params import Params
from glyphline.training import archive
from glyphline.training.device import Device, set_up
from glyphline.training.epochs import Epochs
from glyphline.training.loading import load
from glyphline.training.network import build
from glyphline.training.resident import Resident
from glyphline.training.schedule import one_cycle
from glyphline.values import EpochHook, Split


@dataclass(frozen=True, slots=True)
class Setting:
    """What any number of fits in one process share: the device and the images on it."""

    device: Device
    train: Resident
    val: Split


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted network with the weights of its best epoch."""

    model: Any
    rows: tuple[dict[str, float], ...]
    best_epoch: int

    @property
    def best(self) -> dict[str, float]:
        """The metrics of the best epoch."""
        return self.rows[self.best_epoch]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self.model.count_params())

    def weights_digest(self) -> str:
        """Identity of the weights; a .keras file holds dates and differs each time."""
        return archive.weights_digest(self.model)

    def save(self, path: Path) -> None:
        """Write the model as a .keras archive, whole."""
        archive.save(self.model, path)


def prepare(train: Split, val: Split, *, deterministic: bool) -> Setting:
    """Load TensorFlow, take the device and put the training images on it."""
    device = set_up(deterministic=deterministic)
    return Setting(device=device, train=Resident(train), val=val)


def fit(
    params: Params, setting: Setting, *, seed: int, epochs: int | None = None, on_epoch: EpochHook | None = None
) -> Fitted:
    """Train the network that `params` describe.

    Args:
        params: sections `model` and `train` count.
        setting: device and data.
        seed: of weights, order and dropout; the same seed gives the same weights on the same machine.
        epochs: instead of `train.epochs`, and then without early stopping; for trials.
        on_epoch: called after each epoch; what it raises ends the fit.

    Raises:
        TrainingError: the loss is not finite.
    """
    keras, _ = load()
    keras.utils.set_random_seed(seed)
    train = setting.train.split
    total = epochs or params.train.epochs
    network = build(params.model, train.image_shape, len(train.classes))
    fed = setting.train.fed_by_index(network.logits)
    steps = total * -(-len(train) // params.train.batch_size)
    optimizer = keras.optimizers.Adam(one_cycle(params.train.learning_rate, steps))
    # Variables that first appear inside the step would make Keras trace it twice.
    optimizer.build(fed.trainable_variables)
    fed.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=setting.device.xla,
    )
    patience = params.train.patience if epochs is None else total
    course = Epochs(network.model, setting.val, patience=patience, hook=on_epoch)
    fed.fit(
        np.arange(len(train), dtype=np.int32),
        np.asarray(train.labels, dtype=np.int32),
        batch_size=params.train.batch_size,
        epochs=total,
        verbose=0,
        callbacks=[course.callback()],
    )
    course.restore_best()
    return Fitted(model=network.model, rows=tuple(course.rows), best_epoch=course.best_epoch)
