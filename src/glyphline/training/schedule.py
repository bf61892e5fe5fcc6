"""The learning rate over a fit, computed inside the compiled step."""

import math
from typing import Any

import numpy as np

from glyphline.params.train import TrainParams
from glyphline.training.keras_import import import_keras

START_FRACTION = 0.1
END_FRACTION = 0.01


def schedule(params: TrainParams, steps: int) -> Any:
    """A Keras schedule: linear up from a tenth of the peak while it warms up, then a cosine down to a hundredth.

    Args:
        params: learning_rate, the peak, schedule and warmup count.
        steps: optimizer steps of the whole fit.

    Source: Smith and Topin, "Super-Convergence" (2018), with the cosine descent that fastai made common.
    """
    keras = import_keras()
    ops = keras.ops

    class WarmUpThenDown(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[name-defined, misc]
        def __call__(self, step: Any) -> Any:
            done = ops.minimum(ops.cast(step, "float32") / max(1, steps), 1.0)
            return params.learning_rate * _part_of_peak(params, done, ops)

        def get_config(self) -> dict[str, float]:
            return {"peak": params.learning_rate, "steps": steps}

    return WarmUpThenDown()


def rate(params: TrainParams, step: int, steps: int) -> float:
    """The same schedule as a number: the learning rate of a step, counted from 0, of so many."""
    return params.learning_rate * float(_part_of_peak(params, np.float32(min(step / max(1, steps), 1.0)), np))


def _part_of_peak(params: TrainParams, done: Any, ops: Any) -> Any:
    """The rate as a part of its peak, when a part `done` of the steps is; `ops` is NumPy or `keras.ops`."""
    part = ops.ones_like(done)
    if params.schedule == "cosine":
        angle = (done - params.warmup) / (1 - params.warmup) * math.pi
        part = END_FRACTION + (1 - END_FRACTION) * (1 + ops.cos(angle)) / 2
    if params.warmup:
        part = ops.where(done < params.warmup, START_FRACTION + (1 - START_FRACTION) * done / params.warmup, part)
    return part
