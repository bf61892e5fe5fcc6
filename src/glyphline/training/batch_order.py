"""The batches of an epoch: a function of seed and epoch alone, whatever happened before."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from glyphline.training.images import ImageSource, Indices
from glyphline.training.keras_import import import_keras

ORDER_STREAM, GENERATOR_STREAM = 0, 1
"""Independent streams of random numbers under one seed: the order of the images; dropout and augmentation."""


def order(count: int, seed: int, epoch: int) -> Indices:
    """The order in which an epoch, counted from 0, goes through `count` images."""
    return np.random.default_rng((seed, ORDER_STREAM, epoch)).permutation(count).astype(np.int32)


def generator_seed(seed: int, epoch: int, number: int) -> int:
    """The seed of the network's random generator `number` for one epoch, in [0, 2**32)."""
    return int(np.random.SeedSequence(seed, spawn_key=(GENERATOR_STREAM, epoch, number)).generate_state(1)[0])


def batches(source: ImageSource, labels: npt.NDArray[np.int32], batch_size: int, seed: int) -> Any:
    """A Keras data set over `source`; its `begin_epoch(epoch)` must be called before each epoch."""
    keras = import_keras()

    class Batches(keras.utils.PyDataset):  # type: ignore[name-defined, misc]
        def begin_epoch(self, epoch: int) -> None:
            self.order = order(len(labels), seed, epoch)

        def __len__(self) -> int:
            return math.ceil(len(labels) / batch_size)

        def __getitem__(self, number: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
            indices = self.order[number * batch_size : (number + 1) * batch_size]
            return source.batch(indices), labels[indices]

    dataset = Batches()
    dataset.begin_epoch(0)
    return dataset
