"""The step size over a fit: one cycle, computed inside the compiled step."""

from typing import Any

from glyphline.training.loading import load

WARM_UP = 0.25
START_FRACTION = 0.1
END_FRACTION = 0.01


def one_cycle(peak: float, steps: int) -> Any:
    """A Keras schedule: linear up from a tenth of `peak` in the first quarter, then a cosine down to a hundredth.

    Args:
        peak: the largest step size, `train.learning_rate`.
        steps: optimizer steps of the whole fit.

    Source: Smith and Topin, "Super-Convergence" (2018), with the cosine descent that fastai made common.
    """
    keras, _ = load()
    ops = keras.ops

    class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[name-defined, misc]
        def __call__(self, step: Any) -> Any:
            done = ops.cast(step, "float32") / max(1, steps)
            up = START_FRACTION + (1 - START_FRACTION) * done / WARM_UP
            angle = (ops.minimum(done, 1.0) - WARM_UP) / (1 - WARM_UP) * 3.141592653589793
            down = END_FRACTION + (1 - END_FRACTION) * (1 + ops.cos(angle)) / 2
            return peak * ops.where(done < WARM_UP, up, down)

        def get_config(self) -> dict[str, float]:
            return {"peak": peak, "steps": steps}

    return OneCycle()
