"""What is said of a set that is too small or too skewed, with its numbers, and that the advice ends it."""

import re

import pytest

from glyphline.training.scarcity import FEW_IMAGES, FEW_STEPS, SKEWED, shortcomings
from tests.conftest import changed

ENOUGH = {"cat": 400, "dog": 400}


@pytest.fixture(scope="module")
def params(default_params):
    return changed(default_params, {"train.epochs": 10, "train.batch_size": 64})


def test_nothing_is_said_of_enough(params):
    assert shortcomings(params.train, ENOUGH) == ()
    just_enough = {"cat": FEW_IMAGES * SKEWED - 1, "dog": FEW_IMAGES}
    assert shortcomings(changed(params, {"train.epochs": FEW_STEPS // 2}).train, just_enough) == ()


def test_few_steps_are_said_with_their_numbers_and_are_enough_once_the_advice_is_followed(params):
    few = changed(params, {"train.epochs": 3})
    (found,) = shortcomings(few.train, ENOUGH)
    assert found.problem == "39 steps in all are few: 800 images in batches of 64, 3 times"
    advised = int(re.search(r"set train.epochs to (\d+) or more", found.fix)[1])
    assert advised * 13 >= FEW_STEPS > (advised - 1) * 13
    assert shortcomings(changed(few, {"train.epochs": advised}).train, ENOUGH) == ()


def test_a_class_of_few_images_is_named_with_their_number(params):
    (found,) = shortcomings(params.train, dict.fromkeys(map(str, range(9)), 90) | {"a bird": 19})
    assert "the rarest class, a bird, has 19 training images" in found.problem
    assert f"{FEW_IMAGES} or more" in found.fix


def test_a_class_without_a_training_image_is_named(params):
    found = shortcomings(params.train, {"cat": 400, "dog": 400, "emu": 0})
    assert "the rarest class, emu, has 0 training images" in found[0].problem


def test_skewed_classes_are_named_and_not_once_they_are_weighed(params):
    (found,) = shortcomings(params.train, {"cat": 700, "dog": 140})
    assert found.problem == "the classes are skewed: 700 training images of cat, 140 of dog"
    assert "set train.class_weight to balanced" in found.fix
    assert shortcomings(changed(params, {"train.class_weight": "balanced"}).train, {"cat": 700, "dog": 140}) == ()


def test_all_that_is_too_little_is_said_at_once(params):
    assert len(shortcomings(params.train, {"cat": 100, "dog": 2})) == 3
