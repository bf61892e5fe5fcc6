"""The network as Keras fits it: with its batches, augmentation and optimizer, and a state that can be saved."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glyphline.params.train import AugmentParams, TrainParams
from glyphline.training.augment import augment
from glyphline.training.batch_order import batches, generator_seed
from glyphline.training.checkpoint import Arrays
from glyphline.training.class_weights import class_weights
from glyphline.training.colour import vary_colours
from glyphline.training.device import Device
from glyphline.training.divergence import check_loss, finite_steps
from glyphline.training.images import ImageSource
from glyphline.training.keras_import import import_keras
from glyphline.training.mixing import mix
from glyphline.training.networks import Network
from glyphline.training.objective import accuracy, loss, optimizer
from glyphline.training.validation import Validation

# Between two calls Python has its turn, which on a busy machine is longer than a step; tracing the loop costs 0.15 s.
STEPS_AT_ONCE = 32
MANY_STEPS = 100

SEED_STATE = "seed_generator_state"
"""What Keras calls the state of a random generator within a layer."""


class Trainer:
    """One network and its fit.

    Args:
        params: section `train`.
        device: precision and XLA count.
        network: what to train.
        source: the training images.
        epochs: of the whole fit, also when it is resumed.
        before: how many of them are done in another way, and take no steps.
        seed: of order, dropout and augmentation.
    """

    def __init__(
        self,
        params: TrainParams,
        device: Device,
        network: Network,
        source: ImageSource,
        *,
        epochs: int,
        before: int = 0,
        seed: int,
    ) -> None:
        keras = import_keras()
        self._network, self._epochs, self._seed = network, epochs, seed
        classes, labels = len(source.split.classes), np.asarray(source.split.labels, dtype=np.int32)
        self._batches = batches(source, labels, params.batch_size, seed)
        inputs, pixels = source.pixels()
        scaled = keras.layers.Rescaling(1 / 255, dtype="float32", name="rescaling")(pixels)
        # Each member sees its own variations of a batch: members that see the same images make the same errors.
        outputs = [
            _outputs(params.augment, member, scaled, number) for number, member in enumerate(network.members, start=1)
        ]
        self._training_model = keras.Model(inputs, keras.ops.stack(outputs, axis=1), name="fed")
        self._optimizer = optimizer(
            params,
            (epochs - before) * len(self._batches),
            self._training_model.trainable_variables,
            scales_loss=device.precision == "float16",
            slower=[variable for backbone in network.backbones for variable in backbone.trainable_variables],
        )
        self._training_model.compile(
            optimizer=self._optimizer,
            loss=loss(params, classes, class_weights(params, source.split)),
            metrics=[accuracy(classes), finite_steps()],
            steps_per_execution=STEPS_AT_ONCE if len(self._batches) >= MANY_STEPS else 1,
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
        return [tuple(variable.shape) for variable in (*self._network.model.variables, *self._optimizer.variables)]

    def weights(self) -> Arrays:
        """The weights of the network as they are now."""
        return _values(self._network.model.weights)

    def run(self, validation: Validation, *, after_epoch: Callable[[], None]) -> None:
        """Train through the epochs that are still to do.

        Args:
            validation: validates each epoch, and decides when to stop; it knows the epochs that are done.
            after_epoch: called after each validation.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        self._training_model.fit(
            self._batches,
            initial_epoch=len(validation.history),
            epochs=self._epochs,
            shuffle=False,
            verbose=0,
            callbacks=[self._callback(validation, after_epoch)],
        )

    def begin_epoch(self, epoch: int) -> None:
        """Set order, dropout and augmentation of an epoch, independently of the epochs before it."""
        self._batches.begin_epoch(epoch)
        states = [variable for variable in self._training_model.variables if variable.path.endswith(SEED_STATE)]
        for number, state in enumerate(states):
            state.assign(np.array([generator_seed(self._seed, epoch, number), 0], dtype=np.uint32))

    def _callback(self, validation: Validation, after_epoch: Callable[[], None]) -> Any:
        keras, begin_epoch = import_keras(), self.begin_epoch

        class EpochCallback(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_epoch_begin(self, epoch: int, _logs: Any = None) -> None:
                begin_epoch(epoch)
                self.epoch = epoch

            def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
                check_loss(self.epoch, batch, logs or {}, self.rate)

            def on_epoch_end(self, _epoch: int, logs: Mapping[str, float] | None = None) -> None:
                metrics = logs or {}
                validation.end_epoch(float(metrics["loss"]), float(metrics["accuracy"]), self.rate())
                after_epoch()
                self.model.stop_training = validation.should_stop

            def rate(self) -> float:
                return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

        return EpochCallback()


def _outputs(params: AugmentParams, member: Any, scaled: Any, number: int) -> Any:
    """What the loss takes of one member: its logits, and after them what `mix` says of each image."""
    images = vary_colours(params, scaled, name=f"colours_{number}")
    images = augment(params, images, name=f"augment_{number}")
    if params.mix == "none":
        return member(images)
    images, kept = mix(params, images, name=f"mix_{number}")
    return import_keras().ops.concatenate([member(images), kept], axis=-1)


def _values(variables: list[Any]) -> Arrays:
    convert = import_keras().ops.convert_to_numpy
    # A copy: on a processor the array may be the variable's own memory, which the next step writes to.
    return [np.array(convert(variable)) for variable in variables]
