"""The learning rate over a fit, computed inside the compiled step."""

import math
from typing import Any

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
    peak, warmup, is_cosine = params.learning_rate, params.warmup, params.schedule == "cosine"

    class WarmUpThenDown(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[name-defined, misc]
        def __call__(self, step: Any) -> Any:
            done = ops.minimum(ops.cast(step, "float32") / max(1, steps), 1.0)
            rate = ops.ones_like(done)
            if is_cosine:
                angle = (done - warmup) / (1 - warmup) * math.pi
                rate = END_FRACTION + (1 - END_FRACTION) * (1 + ops.cos(angle)) / 2
            if warmup:
                rate = ops.where(done < warmup, START_FRACTION + (1 - START_FRACTION) * done / warmup, rate)
            return peak * rate

        def get_config(self) -> dict[str, float]:
            return {"peak": peak, "steps": steps}

    return WarmUpThenDown()
