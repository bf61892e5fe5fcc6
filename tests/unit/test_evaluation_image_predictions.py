"""The surest mistakes come first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glyphline.evaluation.image_predictions import class_examples, worst_mistakes


def test_the_order_is_confidence_and_equal_ones_stay_as_they_were():
    probs = np.array([[0.6, 0.4], [0.1, 0.9], [0.9, 0.1], [0.4, 0.6], [0.75, 0.25]])
    mistakes = worst_mistakes(probs, np.array([1, 1, 1, 0, 1]))
    assert [mistake.index for mistake in mistakes] == [2, 4, 0, 3]
    first = mistakes[0]
    assert (first.actual, first.predicted, first.confidence, first.likelihood) == (1, 0, 0.9, 0.1)


@given(count=st.integers(1, 50), classes=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_every_wrong_image_is_there_once(count, classes, seed):
    rng = np.random.default_rng(seed)
    probs, labels = rng.dirichlet(np.ones(classes), count), rng.integers(0, classes, count)
    mistakes = worst_mistakes(probs, labels)
    assert sorted(mistake.index for mistake in mistakes) == np.flatnonzero(probs.argmax(axis=1) != labels).tolist()
    confidences = [mistake.confidence for mistake in mistakes]
    assert confidences == sorted(confidences, reverse=True)
    assert all(mistake.likelihood <= mistake.confidence for mistake in mistakes)


def test_without_a_mistake_the_result_is_empty():
    assert worst_mistakes(np.eye(3), np.arange(3)) == ()


def test_the_example_of_a_class_is_its_surest_right_prediction_and_a_class_without_one_is_left_out():
    probs = np.array([[0.6, 0.2, 0.2], [0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1]])
    examples = class_examples(probs, np.array([0, 0, 1, 2, 1]), limit=10)
    assert [(example.index, example.predicted) for example in examples] == [(1, 0), (2, 1)]
    assert len(class_examples(probs, np.array([0, 0, 1, 2, 1]), limit=1)) == 1


def test_without_a_right_prediction_there_is_no_example():
    assert class_examples(np.eye(3), np.array([1, 2, 0]), limit=9) == ()
