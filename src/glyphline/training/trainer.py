"""The network as Keras fits it: fed, augmented, compiled; with a state that can be taken out and put back."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glyphline.params.train import TrainParams
from glyphline.training.augment import augment
from glyphline.training.batch_order import augmentation_seed, batches
from glyphline.training.checkpoint import Arrays
from glyphline.training.device import Device
from glyphline.training.images import ImageSource
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import Network
from glyphline.training.objective import STEADY_STEPS, accuracy, loss, optimizer, steady_steps
from glyphline.training.validation import Validation, diverged

# Between two calls Python has its turn, which on a busy machine is longer than a step; tracing the loop costs 0.15 s.
STEPS_AT_ONCE = 32
MANY_STEPS = 100

SEED_STATE = "seed_generator_state"
"""What Keras calls the state of a random generator within a layer."""


class Trainer:
    """One network on its way.

    Args:
        params: section `train`.
        device: precision and XLA count.
        network: what to train.
        source: the training images.
        epochs: of the whole fit, whatever of it is done.
        seed: of order, dropout and augmentation.
    """

    def __init__(
        self, params: TrainParams, device: Device, network: Network, source: ImageSource, *, epochs: int, seed: int
    ) -> None:
        keras = import_keras()
        self._network, self._epochs, self._seed = network, epochs, seed
        labels = np.asarray(source.split.labels, dtype=np.int32)
        self._feed = batches(source, labels, params.batch_size, seed)
        inputs, pixels = source.pixels()
        scaled = keras.layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(pixels)
        # Each member has its own variations of a batch: what they have in common makes them err alike.
        logits = [
            member(augment(params.augment, scaled, name=f"augment_{number}"))
            for number, member in enumerate(network.members, start=1)
        ]
        self._fed = keras.Model(inputs, keras.ops.stack(logits, axis=1), name="fed")
        self._optimizer = optimizer(
            params,
            epochs * len(self._feed),
            self._fed.trainable_variables,
            scales_loss=device.precision == "float16",
        )
        self._fed.compile(
            optimizer=self._optimizer,
            loss=loss(params, len(source.split.classes)),
            metrics=[accuracy(), steady_steps()],
            steps_per_execution=STEPS_AT_ONCE if len(self._feed) >= MANY_STEPS else 1,
            jit_compile=device.xla,
            auto_scale_loss=False,
        )

    @property
    def state(self) -> tuple[Arrays, Arrays]:
        """Every variable of the network and of the optimizer."""
        return _values(self._network.model.variables), _values(self._optimizer.variables)

    @state.setter
    def state(self, arrays: tuple[Arrays, Arrays]) -> None:
        for variables, values in zip((self._network.model.variables, self._optimizer.variables), arrays, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of all the variables of the state."""
        return [tuple(one.shape) for one in (*self._network.model.variables, *self._optimizer.variables)]

    def weights(self) -> Arrays:
        """The weights of the network as they are now."""
        return _values(self._network.model.weights)

    def run(self, course: Validation, *, after_epoch: Callable[[], None]) -> None:
        """Go through the epochs that `course` has not seen yet.

        Args:
            course: told of each epoch; it says when to stop.
            after_epoch: called when `course` has taken an epoch in.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        self._fed.fit(
            self._feed,
            initial_epoch=len(course.rows),
            epochs=self._epochs,
            shuffle=False,
            verbose=0,
            callbacks=[self._watch(course, after_epoch)],
        )

    def begin(self, epoch: int) -> None:
        """Set order, dropout and augmentation for an epoch, whatever came before it."""
        self._feed.begin(epoch)
        states = [one for one in self._fed.variables if one.path.endswith(SEED_STATE)]
        for number, state in enumerate(states):
            state.assign(np.array([augmentation_seed(self._seed, epoch, number), 0], dtype=np.uint32))

    def _watch(self, course: Validation, after_epoch: Callable[[], None]) -> Any:
        keras, begin = import_keras(), self.begin

        class Watch(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_epoch_begin(self, epoch: int, _logs: Any = None) -> None:
                begin(epoch)
                self.epoch = epoch

            def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
                # A mean over the epoch's steps: once it is not finite it stays so.
                seen = logs or {}
                if not math.isfinite(mean := float(seen["loss"])):
                    step = min(batch, round(float(seen[STEADY_STEPS]))) + 1
                    raise diverged(f"epoch {self.epoch + 1}, step {step}: loss {mean}, learning rate {self.rate():.3g}")

            def on_epoch_end(self, _epoch: int, logs: Mapping[str, float] | None = None) -> None:
                seen = logs or {}
                course.finished(float(seen["loss"]), float(seen["accuracy"]), self.rate())
                after_epoch()
                self.model.stop_training = course.hopeless

            def rate(self) -> float:
                return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

        return Watch()


def _values(variables: list[Any]) -> Arrays:
    convert = import_keras().ops.convert_to_numpy
    # A copy: on a processor the array may be the variable's own memory, which the next step writes to.
    return [np.array(convert(variable)) for variable in variables]
