"""What a model must beat: the largest class, and the nearest mean image."""

import numpy as np
import pytest

from glyphline.training import baselines
from glyphline.values import Split
from tests.conftest import made_split

TRAIN, VAL = made_split("train", 300), made_split("val", 90, seed=1)


def test_the_mean_image_of_each_class_tells_bars_apart():
    assert baselines.nearest_mean_accuracy(TRAIN, VAL) == 1.0


def test_it_is_the_class_of_the_nearest_mean_by_plain_distances():
    rng = np.random.default_rng(5)
    images, labels = rng.integers(0, 256, (700, 8, 8, 3), dtype=np.uint8), rng.integers(0, 4, 700)
    train = Split("train", images[:400], labels[:400], ("a", "b", "c", "d"), "x")
    val = Split("val", images[400:], labels[400:], train.classes, "y")
    flat = images.reshape(700, -1) / 255
    means = np.stack([flat[:400][labels[:400] == label].mean(axis=0) for label in range(4)])
    nearest = np.linalg.norm(flat[400:, None] - means, axis=2).argmin(axis=1)
    assert baselines.nearest_mean_accuracy(train, val) == pytest.approx((nearest == labels[400:]).mean())


def test_a_class_without_a_training_image_is_never_the_answer():
    train = Split("train", TRAIN.images, TRAIN.labels, (*TRAIN.classes, "none"), "x")
    dark = Split("val", np.zeros_like(VAL.images), VAL.labels, train.classes, "y")
    assert baselines.nearest_mean_accuracy(train, dark) > 0


@pytest.mark.parametrize(
    ("accuracy", "word"),
    [(0.2, "learned nothing"), (0.41, "under-trained"), (0.99, "under-trained"), (1.0, None)],
)
def test_a_model_is_weak_that_a_classifier_without_training_equals_or_beats(accuracy, word):
    said = baselines.weakness(TRAIN, VAL, accuracy)
    assert said is None if word is None else word in said


def test_as_good_as_always_the_largest_class_is_not_good_enough():
    share = np.bincount(VAL.labels).max() / len(VAL)
    assert "learned nothing" in baselines.weakness(TRAIN, VAL, share)
    # No mean image tells noise apart, and there a little more than the largest class is all that can be asked.
    noise = np.random.default_rng(0).integers(0, 256, TRAIN.images.shape, dtype=np.uint8)
    blind = Split("train", noise, TRAIN.labels, TRAIN.classes, "x")
    nearest = baselines.nearest_mean_accuracy(blind, VAL)
    assert baselines.weakness(blind, VAL, max(share, nearest) + 0.01) is None


def test_of_a_large_split_only_a_part_is_read_from_its_first_to_its_last_image():
    rows = np.concatenate(baselines._pieces(10**7))
    assert len(rows) == baselines.MOST_IMAGES
    assert (rows[0], rows[-1]) == (0, 10**7 - 1)
    assert len(set(rows.tolist())) == len(rows)


def test_too_many_mean_images_are_not_made():
    many = Split("train", TRAIN.images, TRAIN.labels, tuple(map(str, range(10**6))), "x")
    assert baselines.nearest_mean_accuracy(many, VAL) is None


def test_where_the_classes_are_weighed_a_model_must_beat_the_balanced_accuracy_of_the_two_classifiers():
    skewed = np.concatenate([np.flatnonzero(VAL.labels == label)[:count] for label, count in enumerate((30, 3, 3))])
    val = Split("val", VAL.images[skewed], VAL.labels[skewed], VAL.classes, "skewed")
    assert "largest class has 0.3333: the model has learned nothing" in baselines.weakness(
        TRAIN, val, 1 / 3, is_balanced=True
    )
    assert "mean image of each class has 1.0000" in baselines.weakness(TRAIN, val, 0.8, is_balanced=True)
    assert "learned nothing" in baselines.weakness(TRAIN, val, 0.8)
    # Noise: what is right on every second image of each class is better than both.
    noise = np.random.default_rng(0).integers(0, 256, TRAIN.images.shape, dtype=np.uint8)
    blind = Split("train", noise, TRAIN.labels, TRAIN.classes, "x")
    nearest = baselines.nearest_mean_accuracy(blind, val, is_balanced=True)
    assert baselines.weakness(blind, val, max(1 / 3, nearest) + 0.01, is_balanced=True) is None


def test_the_mean_recall_is_over_the_classes_that_have_images():
    assert baselines.mean_recall(np.array([3, 0, 1]), np.array([4, 0, 4])) == 0.5
