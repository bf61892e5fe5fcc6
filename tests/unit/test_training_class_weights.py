"""What an image of each class counts in the loss."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from glyphline.training.class_weights import class_weights
from tests.conftest import changed, made_split


def weights_of(params, labels, classes):
    split = made_split("train", 3, classes=classes)
    return class_weights(params.train, dataclasses.replace(split, labels=np.asarray(labels)))


@pytest.fixture(scope="module")
def balanced(default_params):
    return changed(default_params, {"train.class_weight": "balanced"})


def test_without_it_there_are_none(default_params):
    assert weights_of(default_params, [0, 0, 1], 2) is None


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_they_are_scikit_learns_and_an_image_counts_1_on_average(default_params, labels):
    params = changed(default_params, {"train.class_weight": "balanced"})
    weights = weights_of(params, labels, 5)
    present = np.unique(labels)
    theirs = compute_class_weight("balanced", classes=present, y=np.array(labels))
    assert weights[present] == pytest.approx(theirs, rel=1e-6)
    assert weights[labels].mean() == pytest.approx(1, rel=1e-5)


def test_a_class_without_a_training_image_counts_nothing(balanced):
    assert weights_of(balanced, [0, 0, 0, 2], 3).tolist() == pytest.approx([2 / 3, 0, 2])
