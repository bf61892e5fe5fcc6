"""Brier scores at equal confidence: what makes a model surer of every answer does not make it better."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.scoring.equal_confidence import brier_differences
from glyphline.scoring.losses import brier_scores
from glyphline.scoring.predictions import Predictions


def predictions(logits: np.ndarray, labels: np.ndarray, power: float = 1.0) -> Predictions:
    odds = np.exp(power * (logits - logits.max(axis=1, keepdims=True)))
    probs = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions(probs, labels, tuple(map(str, range(logits.shape[1]))), "d" * 64, "w" * 64)


def made(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    logits = rng.normal(0, 1, (count, 4))
    logits[np.arange(count), labels] += 2
    return logits, labels


@pytest.mark.parametrize("power", [0.5, 2.0, 4.0])
def test_a_model_that_is_only_surer_does_not_differ(power):
    logits, labels = made(0)
    calm, sure = predictions(logits, labels), predictions(logits, labels, power)
    assert abs(brier_scores(calm.probs, labels).mean() - brier_scores(sure.probs, labels).mean()) > 0.001
    assert np.abs(brier_differences(calm, sure)).max() < 1e-4


@given(st.integers(0, 1000))
def test_exchanging_the_models_changes_the_signs(seed):
    (logits, labels), (others, _) = made(seed, 30), made(seed + 1, 30)
    one, other = predictions(logits, labels), predictions(others, labels)
    assert brier_differences(one, other) == pytest.approx(-brier_differences(other, one))


def test_at_the_same_confidence_they_are_the_brier_scores():
    # Two classes with their answers exchanged are sure to the same degree.
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    labels = np.array([0, 0, 0])
    one, other = (predictions(np.log(p), labels) for p in (probs, probs[:, ::-1]))
    expected = brier_scores(other.probs, labels) - brier_scores(one.probs, labels)
    assert brier_differences(one, other) == pytest.approx(expected, abs=1e-5)


def test_certain_answers_and_equal_ones_are_no_obstacle():
    certain = np.array([[1, 0], [0, 1]], dtype=np.float32)
    even = np.full((2, 2), 0.5, dtype=np.float32)
    labels = np.array([0, 0])
    one, other = (Predictions(p, labels, ("a", "b"), "d", "w") for p in (certain, even))
    assert np.isfinite(brier_differences(one, other)).all()
    assert (brier_differences(one, one) == 0).all()
