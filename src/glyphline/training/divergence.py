"""A fit ends when its loss is no finite number: at the step, in training, and after the epoch, in validation."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from glyphline.errors import TrainingError
from glyphline.training.keras_import import import_keras

FINITE_STEPS = "finite_steps"


def check_loss(epoch: int, batch: int, metrics: Mapping[str, float], rate: Callable[[], float]) -> None:
    """Refuse to go on when the training loss of an epoch is no finite number.

    Args:
        epoch: from 0.
        batch: number of the step that has ended, from 0.
        metrics: `loss`, the mean over the steps so far, and `finite_steps`.
        rate: gives the learning rate of that step; asked only for the message, because it costs a wait for the device.

    Raises:
        TrainingError: with the step at which the fit diverged.
    """
    # A mean over the epoch's steps: once it is not finite it stays so.
    if not math.isfinite(mean := float(metrics["loss"])):
        check_step(epoch, min(batch, round(float(metrics[FINITE_STEPS]))), mean, rate())


def check_step(epoch: int, step: int, loss: float, learning_rate: float) -> None:
    """Refuse to go on when the training loss of a step is no finite number.

    Raises:
        TrainingError: with epoch and step, counted from 1.
    """
    if not math.isfinite(loss):
        raise _error(f"epoch {epoch + 1}, step {step + 1}: loss {loss}", learning_rate)


def check_val_loss(epoch: int, val_loss: float, learning_rate: float) -> None:
    """Refuse to go on when the validation loss after an epoch is no finite number.

    Raises:
        TrainingError: with the epoch, counted from 1.
    """
    if not math.isfinite(val_loss):
        raise _error(f"epoch {epoch + 1}: val_loss {val_loss}", learning_rate)


def finite_steps() -> Any:
    """A Keras metric: the steps of the epoch before the first one whose logits are not all finite.

    It tells the very step at which a fit diverged, however many steps one call of the compiled program takes.
    """
    keras = import_keras()
    ops = keras.ops

    class FiniteSteps(keras.metrics.Metric):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__(name=FINITE_STEPS)
            # The mean over devices: a divergence reaches all of them with the next sum of gradients.
            self.is_finite = self.add_variable((), "ones", name="is_finite", aggregation="mean")
            self.steps = self.add_variable((), "zeros", name="steps", aggregation="mean")

        def update_state(self, _labels: Any, logits: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
            self.is_finite.assign(self.is_finite * ops.cast(ops.all(ops.isfinite(logits)), "float32"))
            self.steps.assign_add(self.is_finite)

        def result(self) -> Any:
            # A tensor: JAX takes no variable out of a compiled program.
            return ops.convert_to_tensor(self.steps)

        def reset_state(self) -> None:
            self.is_finite.assign(1.0)
            self.steps.assign(0.0)

    return FiniteSteps()


def _error(where: str, learning_rate: float) -> TrainingError:
    problem = f"the fit diverged at {where}, learning rate {learning_rate:.3g}"
    return TrainingError(problem, fix="lower train.learning_rate or raise train.warmup")
