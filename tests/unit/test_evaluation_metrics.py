"""The numbers against counts made one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphline.errors import DataError
from glyphline.evaluation import measure
from glyphline.evaluation.metrics import confusion
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
    return measure(split, probs, bins=15, dataset="made-up", weights_digest="weights")


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_the_numbers_are_those_of_counting_one_by_one(case):
    split, probs = case
    evaluation = judged(split, probs)
    pairs = [(int(true), int(row.argmax())) for true, row in zip(split.labels, probs, strict=True)]
    assert evaluation.correct == sum(true == said for true, said in pairs)
    f1_of_classes_that_occur = []
    for index, score in enumerate(evaluation.classes):
        hits = sum(true == said == index for true, said in pairs)
        trues, saids = (sum(pair[side] == index for pair in pairs) for side in (0, 1))
        assert score.count == trues
        assert score.precision == pytest.approx(hits / saids if saids else 0)
        assert score.recall == pytest.approx(hits / trues if trues else 0)
        assert score.f1 == pytest.approx(2 * hits / (trues + saids) if trues + saids else 0)
        if trues + saids:
            f1_of_classes_that_occur.append(score.f1)
    assert evaluation.macro_f1 == pytest.approx(sum(f1_of_classes_that_occur) / len(f1_of_classes_that_occur))
    counts = confusion(split.labels, probs.argmax(axis=1), len(split.classes))
    assert all(counts[true, said] == pairs.count((true, said)) for true, said in set(pairs))
    likelihood = [float(row[true]) / float(row.sum()) for true, row in zip(split.labels, probs, strict=True)]
    if min(likelihood) > 1e-12:
        assert evaluation.log_loss == pytest.approx(-np.log(likelihood).mean(), rel=1e-4, abs=1e-6)


@settings(deadline=None)
@given(case=cases())
def test_the_interval_holds_the_accuracy_and_the_counts_agree(case):
    evaluation = judged(*case)
    assert 0 <= evaluation.accuracy_low <= evaluation.accuracy <= evaluation.accuracy_high <= 1
    assert evaluation.accuracy == evaluation.correct / evaluation.count
    assert sum(score.count for score in evaluation.classes) == evaluation.count


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


def test_a_class_that_never_occurs_scores_nothing_and_does_not_lower_the_mean():
    evaluation = judged(a_split([0, 0, 0, 1, 1], 3), np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1]])
    absent = evaluation.classes[2]
    assert (absent.precision, absent.recall, absent.f1, absent.count) == (0, 0, 0, 0)
    assert evaluation.macro_f1 == 1


def test_probabilities_of_another_data_set_are_refused():
    with pytest.raises(DataError, match="3 probabilities per image for 2 classes"):
        judged(a_split([0, 1], 2), np.full((2, 3), 1 / 3, dtype=np.float32))


def test_a_thousand_classes_and_fifty_thousand_images_are_counted_exactly():
    labels = np.arange(50_000) % 1000
    counts = confusion(labels, (labels + (labels == 7)) % 1000, 1000)
    assert counts.sum() == 50_000
    assert (counts[7, 7], counts[7, 8], counts[8, 8]) == (0, 50, 50)
