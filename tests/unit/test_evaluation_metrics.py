"""The numbers against counts made one by one."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphline.errors import DataError
from glyphline.evaluation import measure
from glyphline.evaluation.classes import confusion
from glyphline.scoring.predictions import Predictions
from glyphline.values import Split


def a_split(labels, classes):
    images = np.zeros((len(labels), 8, 8, 1), dtype=np.uint8)
    return Split("test", images, np.asarray(labels), tuple(f"class {index}" for index in range(classes)), "digest")


@st.composite
def cases(draw):
    classes, count = draw(st.integers(2, 9)), draw(st.integers(1, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(classes, 0.3), size=count).astype(np.float32)
    # Few labels of many classes: classes without an image and without a prediction come up.
    return a_split(rng.integers(0, draw(st.integers(1, classes)), count), classes), probs


def judged(split, probs):
    predictions = Predictions(probs, split.labels, split.classes, split.digest, weights_digest="weights")
    return measure(predictions, bins=15, dataset="made-up", predictions_sha256="p")


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_the_numbers_are_those_of_counting_one_by_one(case):
    split, probs = case
    evaluation = judged(split, probs)
    pairs = [(int(true), int(row.argmax())) for true, row in zip(split.labels, probs, strict=True)]
    assert evaluation.correct == sum(true == predicted for true, predicted in pairs)
    f1_of_classes_that_occur = []
    for index, score in enumerate(evaluation.classes):
        hits = sum(true == predicted == index for true, predicted in pairs)
        trues, predictions = (sum(pair[side] == index for pair in pairs) for side in (0, 1))
        assert score.count == trues
        assert score.precision == (hits / predictions if predictions else None)
        assert score.recall == (hits / trues if trues else None)
        assert score.f1 == (2 * hits / (trues + predictions) if trues + predictions else None)
        if trues + predictions:
            f1_of_classes_that_occur.append(score.f1)
    assert evaluation.macro_f1 == pytest.approx(sum(f1_of_classes_that_occur) / len(f1_of_classes_that_occur))
    counts = confusion(split.labels, probs.argmax(axis=1), len(split.classes))
    assert all(counts[pair] == pairs.count(pair) for pair in set(pairs))
    likelihood = [float(row[true]) / float(row.sum()) for true, row in zip(split.labels, probs, strict=True)]
    if min(likelihood) > 1e-12:
        assert evaluation.log_loss == pytest.approx(-np.log(likelihood).mean(), rel=1e-4, abs=1e-6)


def test_the_record_says_what_was_judged():
    split = a_split([0, 1], 2)
    evaluation = judged(split, np.eye(2, dtype=np.float32))
    assert (evaluation.dataset, evaluation.test_digest, evaluation.weights_digest) == ("made-up", "digest", "weights")
    assert [score.name for score in evaluation.classes] == ["class 0", "class 1"]
    assert (evaluation.accuracy, evaluation.macro_f1) == (1, 1)
    assert evaluation.log_loss == pytest.approx(0, abs=1e-12)


def test_one_certain_mistake_leaves_the_log_loss_finite():
    evaluation = judged(a_split([0, 1], 2), np.array([[1, 0], [1, 0]], dtype=np.float32))
    assert 10 < evaluation.log_loss < 50


def test_a_class_that_neither_occurs_nor_is_predicted_is_not_defined_and_does_not_lower_the_mean():
    evaluation = judged(a_split([0, 0, 0, 1, 1], 3), np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1]])
    absent = evaluation.classes[2]
    assert (absent.precision, absent.recall, absent.f1, absent.count) == (None, None, None, 0)
    assert (absent.precision_interval, absent.recall_interval, absent.f1_interval) == (None, None, None)
    assert evaluation.worst_class != absent.name
    assert evaluation.macro_f1 == 1


def test_a_class_without_images_that_is_predicted_has_a_precision_and_no_recall():
    evaluation = judged(a_split([0, 0, 1], 3), np.eye(3, dtype=np.float32)[[0, 2, 1]])
    assert (evaluation.classes[2].precision, evaluation.classes[2].recall, evaluation.classes[2].f1) == (0, None, 0)


def test_a_constant_prediction_is_judged_and_holds_no_nan():
    split = a_split([0, 1, 2, 0], 3)
    evaluation = judged(split, np.tile(np.array([0.5, 0.3, 0.2], dtype=np.float32), (4, 1)))
    assert evaluation.accuracy == 0.5
    assert evaluation.risk_coverage_area == 0.5
    assert (evaluation.worst_class, evaluation.worst_class_recall, evaluation.class_gap) == ("class 1", 0, 1)
    assert "NaN" not in evaluation.model_dump_json()
    assert [score.precision for score in evaluation.classes] == [0.5, None, None]


@settings(deadline=None)
@given(case=cases())
def test_every_interval_holds_its_value_and_the_counts_agree(case):
    evaluation = judged(*case)
    assert 0 <= evaluation.accuracy_low <= evaluation.accuracy <= evaluation.accuracy_high <= 1
    assert evaluation.accuracy == evaluation.correct / evaluation.count
    assert sum(score.count for score in evaluation.classes) == evaluation.count
    assert evaluation.log_loss_low <= evaluation.log_loss <= evaluation.log_loss_high
    assert 0 <= evaluation.macro_f1_low <= evaluation.macro_f1 <= evaluation.macro_f1_high <= 1
    for score in evaluation.classes:
        for name in ("precision", "recall", "f1"):
            value, interval = getattr(score, name), getattr(score, f"{name}_interval")
            assert (value is None) == (interval is None)
            assert value is None or 0 <= interval[0] <= value + 1e-12 <= interval[1] + 1e-9 <= 1 + 2e-9


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_the_balanced_accuracy_is_scikit_learns_within_its_interval(case):
    from sklearn.metrics import balanced_accuracy_score

    split, probs = case
    evaluation, predicted = judged(split, probs), probs.argmax(axis=1)
    with warnings.catch_warnings():
        # A class that is predicted and has no image: scikit-learn warns, and leaves it out as well.
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(split.labels, predicted)
    assert evaluation.balanced_accuracy == pytest.approx(expected)
    low, high = evaluation.balanced_accuracy_interval
    assert 0 <= low <= evaluation.balanced_accuracy <= high <= 1


def test_where_all_images_of_the_larger_class_are_right_and_none_of_the_smaller_the_balanced_accuracy_is_a_half():
    evaluation = judged(a_split([0] * 98 + [1] * 2, 2), np.eye(2, dtype=np.float32)[[0] * 100])
    assert (evaluation.accuracy, evaluation.balanced_accuracy) == (0.98, 0.5)
    low, high = evaluation.balanced_accuracy_interval
    # Two images say little about a class.
    assert low < 0.5
    assert high > 0.75


def test_an_evaluation_of_an_earlier_release_has_no_balanced_accuracy():
    evaluation = judged(a_split([0, 1], 2), np.eye(2, dtype=np.float32))
    earlier = {k: v for k, v in evaluation.model_dump().items() if not k.startswith("balanced_accuracy")}
    read = type(evaluation).model_validate(earlier)
    assert read.balanced_accuracy is None
    assert read.balanced_accuracy_interval is None


def test_the_brier_score_is_scikit_learns():
    from sklearn.metrics import brier_score_loss

    rng = np.random.default_rng(8)
    probs = rng.dirichlet(np.ones(4), size=90).astype(np.float32)
    split = a_split(rng.integers(0, 4, 90), 4)
    rows = probs / probs.sum(axis=1, keepdims=True, dtype=np.float64)
    expected = brier_score_loss(split.labels, rows, labels=np.arange(4), scale_by_half=False)
    assert judged(split, probs).brier_score == pytest.approx(expected)


@pytest.mark.parametrize(("classes", "k"), [(2, None), (4, None), (5, 3), (10, 3), (50, 5), (1000, 5)])
def test_top_k_is_given_where_it_says_something(classes, k):
    probs = np.full((3, classes), 1 / classes, dtype=np.float32)
    probs[:, -1] += 1e-4
    evaluation = judged(a_split([0, 1, classes - 1], classes), probs)
    assert evaluation.top_k == k
    assert (evaluation.top_k_accuracy is None) == (k is None)


def test_probabilities_of_another_data_set_are_refused():
    with pytest.raises(DataError, match="3 probabilities per image for 2 classes"):
        judged(a_split([0, 1], 2), np.full((2, 3), 1 / 3, dtype=np.float32))


def test_a_thousand_classes_and_fifty_thousand_images_are_counted_exactly():
    labels = np.arange(50_000) % 1000
    counts = confusion(labels, (labels + (labels == 7)) % 1000, 1000)
    assert counts.sum() == 50_000
    assert (counts[7, 7], counts[7, 8], counts[8, 8]) == (0, 50, 50)
