"""Selective accuracy: known curves, ties, and the order of the split that must not count."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphline.evaluation.calibration import adaptive_calibration_error
from glyphline.evaluation.risk_coverage import risk_coverage

# Four images, the surest right, the second wrong, the rest right: errors among the first 1, 2, 3, 4 are 0 1 1 1.
PROBS = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], dtype=np.float32)
LABELS = np.array([0, 1, 1, 0])

seeds = st.integers(0, 2**32 - 1)


def a_case(seed, count=40, classes=3, digits=1):
    rng = np.random.default_rng(seed)
    # Rounded, so that confidences are equal often.
    raw = np.round(rng.dirichlet(np.ones(classes), size=count), digits) + 0.01
    return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32), rng.integers(0, classes, count)


def test_the_curve_is_the_one_drawn_by_hand():
    curve = risk_coverage(PROBS, LABELS)
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert curve.accuracy_at(1.0) == 0.75
    assert curve.accuracy_at(0.25) == 1.0


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_the_order_of_the_split_does_not_count(seed):
    probs, labels = a_case(seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    assert risk_coverage(probs[order], labels[order]).area == pytest.approx(risk_coverage(probs, labels).area)


def test_a_model_that_says_the_same_of_every_image_gains_nothing_by_abstaining():
    probs = np.tile(np.array([0.7, 0.3], dtype=np.float32), (10, 1))
    labels = np.array([1] * 4 + [0] * 6)
    assert risk_coverage(probs, labels).risk.tolist() == pytest.approx([0.4] * 10)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, bins=st.integers(1, 60))
def test_the_adaptive_error_is_its_definition_counted_one_by_one(seed, bins):
    probs, labels = a_case(seed, digits=6)
    gaps = []
    for index in range(probs.shape[1]):
        order = np.argsort(probs[:, index], kind="stable")
        used = min(bins, len(labels))
        starts = [number * len(labels) // used for number in range(used)] + [len(labels)]
        for start, stop in pairwise(starts):
            part = order[start:stop]
            gaps.append(abs(np.mean(labels[part] == index) - np.mean(probs[part, index].astype(np.float64))))
    assert adaptive_calibration_error(probs, labels, bins) == pytest.approx(np.mean(gaps), abs=1e-9)


def test_the_adaptive_error_of_a_perfect_model_is_zero():
    assert adaptive_calibration_error(np.eye(3, dtype=np.float32), np.array([0, 1, 2])) == 0
