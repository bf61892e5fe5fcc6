"""Size and latency of a model: the only numbers of an evaluation that are not the same twice."""

import time
from collections.abc import Callable

import numpy as np

from glyphline.evaluation.model_evaluation import Model
from glyphline.records import Cost, Latency
from glyphline.values import Images, Predict, images_at_once

BATCHES = (1, 256)
WARM_UP = 3
FEWEST_CALLS, MOST_CALLS = 20, 200
BUDGET_S = 0.25
"""Per batch size, after which no call is begun beyond the fewest."""
FEWEST_SLOW_CALLS, SLOW_BUDGET_S = 5, 2.0
"""Of calls that take so long that the fewest would take more than this, fewer are enough: they differ less."""


def measure_cost(model: Model, images: Images) -> Cost:
    """Measure the latency of a model on some images, and note its size."""
    return Cost(
        device=model.device,
        parameters=model.parameters,
        model_bytes=model.size_bytes,
        latency=latencies(images, model.probabilities),
    )


def latencies(images: Images, predict: Predict, clock: Callable[[], float] = time.perf_counter) -> tuple[Latency, ...]:
    """Seconds per image, one image at a time and in batches of 256, of large images fewer.

    Args:
        images: uint8 (n, h, w, c); repeated where there are fewer than a batch needs.
        predict: the model, which must not cut such a batch.
        clock: seconds.
    """
    shape = images.shape[1:]
    batches = dict.fromkeys(images_at_once(shape, batch) for batch in BATCHES)
    return tuple(_measure(np.resize(images, (batch, *shape)), predict, clock) for batch in batches)


def _measure(batch: Images, predict: Predict, clock: Callable[[], float]) -> Latency:
    for _ in range(WARM_UP):
        predict(batch)
    seconds: list[float] = []
    started = clock()
    while len(seconds) < _calls_wanted(clock() - started):
        began = clock()
        predict(batch)
        seconds.append(clock() - began)
    median, late = np.quantile(np.array(seconds) / len(batch), [0.5, 0.99])
    return Latency(batch=len(batch), calls=len(seconds), median_s=float(median), p99_s=float(late))


def _calls_wanted(elapsed_s: float) -> int:
    if elapsed_s < BUDGET_S:
        return MOST_CALLS
    return FEWEST_CALLS if elapsed_s < SLOW_BUDGET_S else FEWEST_SLOW_CALLS
