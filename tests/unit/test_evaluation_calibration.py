"""The calibration error against the paper's sum written as a loop, and against cases done by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.evaluation.calibration import calibration_error, mean_gap, reliability


@st.composite
def predictions(draw):
    classes, count = draw(st.integers(2, 12)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(classes, draw(st.sampled_from([0.05, 0.5, 5.0]))), size=count).astype(np.float32)
    return probs, rng.integers(0, classes, count)


def by_the_book(probs, labels, bins):
    confidence, right = probs.max(axis=1).astype(float), probs.argmax(axis=1) == labels
    total = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins if number < bins - 1 else True)
        if inside.any():
            total += inside.sum() / len(labels) * abs(right[inside].mean() - confidence[inside].mean())
    return total


@given(predicted=predictions(), bins=st.integers(2, 50))
def test_it_is_the_sum_of_the_paper(predicted, bins):
    probs, labels = predicted
    assert calibration_error(probs, labels, bins) == pytest.approx(by_the_book(probs, labels, bins), abs=1e-9)


@given(predicted=predictions(), bins=st.integers(2, 50), seed=st.integers(0, 1000))
def test_it_is_a_fraction_and_the_order_of_images_does_not_matter(predicted, bins, seed):
    probs, labels = predicted
    order = np.random.default_rng(seed).permutation(len(labels))
    error = calibration_error(probs, labels, bins)
    assert 0 <= error <= 1
    assert calibration_error(probs[order], labels[order], bins) == pytest.approx(error, abs=1e-9)


@given(predicted=predictions(), bins=st.integers(2, 50))
def test_the_table_counts_every_image_once_in_the_bin_of_its_confidence(predicted, bins):
    probs, labels = predicted
    table = reliability(probs, labels, bins)
    assert sum(entry.count for entry in table) == len(labels)
    assert sum(entry.correct for entry in table) == int((probs.argmax(axis=1) == labels).sum())
    for entry in table:
        assert entry.count > 0
        assert entry.low - 1e-9 <= entry.confidence <= entry.high + 1e-3
        assert entry.accuracy == entry.correct / entry.count


def test_certain_and_right_is_zero_certain_and_wrong_is_one():
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert calibration_error(certain, np.array([0, 1])) == 0
    assert calibration_error(certain, np.array([1, 0])) == 1


def test_eight_of_ten_at_confidence_point_nine_is_a_tenth():
    probs = np.tile([0.9, 0.1], (10, 1))
    labels = np.array([0] * 8 + [1] * 2)
    assert calibration_error(probs, labels) == pytest.approx(0.1)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    (entry,) = reliability(np.array([[0.5, 0.25, 0.25]]), np.array([0]), bins=4)
    assert (entry.low, entry.high) == (0.25, 0.5)


def test_a_sum_within_its_tolerance_opens_no_bin_above_one():
    (entry,) = reliability(np.array([[1.0004, 0.0]]), np.array([0]), bins=10)
    assert entry.high == 1.0
    assert mean_gap((entry,)) == pytest.approx(0.0004)
