"""The surest mistakes come first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glyphline.evaluation.mistakes import worst_mistakes


def test_the_order_is_confidence_and_equals_stay_as_they_were():
    probs = np.array([[0.6, 0.4], [0.1, 0.9], [0.9, 0.1], [0.4, 0.6], [0.75, 0.25]])
    found = worst_mistakes(probs, np.array([1, 1, 1, 0, 1]))
    assert [mistake.index for mistake in found] == [2, 4, 0, 3]
    assert (found[0].actual, found[0].predicted, found[0].confidence, found[0].likelihood) == (1, 0, 0.9, 0.1)


@given(count=st.integers(1, 50), classes=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_every_wrong_image_is_there_once(count, classes, seed):
    rng = np.random.default_rng(seed)
    probs, labels = rng.dirichlet(np.ones(classes), count), rng.integers(0, classes, count)
    found = worst_mistakes(probs, labels)
    assert sorted(mistake.index for mistake in found) == np.flatnonzero(probs.argmax(axis=1) != labels).tolist()
    confidences = [mistake.confidence for mistake in found]
    assert confidences == sorted(confidences, reverse=True)
    assert all(mistake.likelihood <= mistake.confidence for mistake in found)


def test_without_a_mistake_there_is_nothing():
    assert worst_mistakes(np.eye(3), np.arange(3)) == ()
