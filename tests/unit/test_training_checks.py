"""Whether parameters and data go together, before anything is built."""

import dataclasses
import re

import pytest

from glyphline.errors import TrainingError
from glyphline.training.checks import check_data
from tests.conftest import changed, made_split

TRAIN, VAL = made_split("train", 40), made_split("val", 20, seed=1)


@pytest.fixture
def params(default_params):
    return changed(default_params, {"train.batch_size": 16})


def test_what_goes_together_passes(params):
    check_data(params, TRAIN, VAL)
    check_data(changed(params, {"train.batch_size": 40}), TRAIN, VAL)


def test_a_batch_larger_than_the_split_is_refused_with_the_largest_there_can_be(params):
    with pytest.raises(TrainingError, match=r"train.batch_size=41 is larger than the training split of 40") as caught:
        check_data(changed(params, {"train.batch_size": 41}), TRAIN, VAL)
    assert "40 or less" in caught.value.fix


def test_the_batch_size_that_is_advised_is_accepted(params):
    with pytest.raises(TrainingError) as caught:
        check_data(changed(params, {"train.batch_size": 41}), TRAIN, VAL)
    advised = re.search(r"set train.batch_size to (\d+) or less", caught.value.fix)[1]
    check_data(changed(params, {"train.batch_size": int(advised)}), TRAIN, VAL)


@pytest.mark.parametrize("which", ["train", "val"])
def test_a_label_without_an_output_is_refused(params, which):
    splits = {"train": TRAIN, "val": VAL}
    labels = splits[which].labels.copy()
    labels[3] = 3
    splits[which] = dataclasses.replace(splits[which], labels=labels)
    with pytest.raises(TrainingError, match=f"the {which} split has a label 3.*3 classes") as caught:
        check_data(params, splits["train"], splits["val"])
    assert "preprocess" in caught.value.fix


def test_splits_of_other_images_are_refused(params):
    with pytest.raises(TrainingError, match=r"\(8, 8, 1\).*\(9, 9, 1\)"):
        check_data(params, TRAIN, made_split("val", 20, side=9))


@pytest.mark.parametrize("name", ["saturation", "hue"])
def test_colours_that_grey_images_do_not_have_are_refused_and_pass_once_the_advice_is_followed(params, name):
    with pytest.raises(TrainingError, match=f"train.augment.{name}=0.2 changes colours") as caught:
        check_data(changed(params, {f"train.augment.{name}": 0.2}), TRAIN, VAL)
    assert f"set train.augment.{name} to 0" in caught.value.fix
    check_data(changed(params, {f"train.augment.{name}": 0.0}), TRAIN, VAL)
    coloured = (made_split("train", 40, channels=3), made_split("val", 20, seed=1, channels=3))
    check_data(changed(params, {f"train.augment.{name}": 0.2}), *coloured)
