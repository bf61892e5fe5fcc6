"""Latency on a clock that is set by hand."""

import numpy as np
import pytest

from glyphline.evaluation.cost import latencies, measure_cost


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_median_and_tail_are_per_image_and_the_batch_is_filled_up():
    clock, sizes = Clock(), []

    def predict(images):
        sizes.append(len(images))
        clock.now += 0.001 * (100 if len(sizes) == 10 else len(images))
        return np.zeros((len(images), 2))

    one, many = latencies(np.zeros((5, 8, 8, 1), dtype=np.uint8), predict, clock)
    assert (one.batch, many.batch) == (1, 256)
    assert set(sizes) == {1, 256}
    assert abs(one.median_s - 0.001) < 1e-9
    assert one.p99_s > 0.001
    assert abs(many.median_s - 0.001) < 1e-9
    # Twenty would take 5 s.
    assert many.calls == 8


@pytest.mark.parametrize(
    ("call_s", "calls"), [(1 / 1024, 200), (1 / 512, 128), (1 / 64, 20), (1 / 16, 20), (1 / 4, 8), (8, 5)]
)
def test_the_slower_a_model_is_the_fewer_times_it_is_asked(call_s, calls):
    clock = Clock()

    def predict(images):
        clock.now += call_s
        return np.zeros((len(images), 2))

    speeds = latencies(np.zeros((1, 8, 8, 1), dtype=np.uint8), predict, clock)
    assert [speed.calls for speed in speeds] == [calls, calls]


def test_the_cost_is_the_models_own_facts_and_its_latency():
    class Model:
        device, parameters, size_bytes = "CPU", 12, 345

        def probabilities(self, images):
            return np.zeros((len(images), 2))

    cost = measure_cost(Model(), np.zeros((1, 8, 8, 1), dtype=np.uint8))
    assert (cost.device, cost.parameters, cost.model_bytes) == ("CPU", 12, 345)
    assert [speed.batch for speed in cost.latency] == [1, 256]


def test_large_images_are_predicted_few_at_a_time():
    speeds = latencies(np.zeros((1, 1024, 1024, 3), dtype=np.uint8), lambda images: np.zeros((len(images), 2)))
    assert [speed.batch for speed in speeds] == [1, 3]


def test_a_batch_of_one_is_measured_once():
    speeds = latencies(np.zeros((1, 1, 64 * 224 * 224, 1), dtype=np.uint8), lambda images: np.zeros((len(images), 2)))
    assert [speed.batch for speed in speeds] == [1]
