"""Checks: images that cannot be trained on are refused, duplicates are counted."""

import numpy as np
import pytest

from glyphline.data import checks
from glyphline.data.near_duplicates import NearDuplicates
from glyphline.data.raw import LabeledImages
from glyphline.data.split import SplitRows
from glyphline.errors import DataError

TWO = ("a", "b")


def labeled(count=4, shape=(8, 8, 1), labels=None, dtype=np.uint8):
    images = np.random.default_rng(1).integers(0, 256, (count, *shape)).astype(dtype)
    return LabeledImages(images, np.arange(count) % 2 if labels is None else np.array(labels))


@pytest.mark.parametrize("shape", [(8, 8, 1), (1024, 1024, 3), (8, 1024, 1), (28, 31, 3)])
def test_every_allowed_shape_passes(shape):
    checks.check({"train": labeled(shape=shape), "test": labeled(2, shape=shape)}, TWO)


@pytest.mark.parametrize(
    ("parts", "classes", "problem", "fix"),
    [
        ({"train": labeled()}, ("a",), "has one class, 'a'", "two or more"),
        ({"train": labeled(shape=(7, 8, 1))}, TWO, "are 7 x 8", "image_size"),
        ({"train": labeled(shape=(8, 1025, 1))}, TWO, "are 8 x 1025", "image_size"),
        ({"train": labeled(shape=(8, 8, 2))}, TWO, "2 channels", "RGB"),
        ({"train": labeled(shape=(8, 8, 4))}, TWO, "4 channels", "RGB"),
        ({"train": labeled(dtype=np.float32)}, TWO, "float32", "uint8"),
        ({"train": labeled(labels=[0, 1, 0])}, TWO, "do not go together", "as many labels"),
        ({"train": labeled(labels=[0, 1, 0, 2])}, TWO, "from 0 to 2, and there are 2 classes", "from 0"),
        ({"train": labeled(labels=[0, 1, 0, -1])}, TWO, "from -1 to 1", "from 0"),
        ({"train": labeled(0)}, TWO, "do not go together", "images"),
        ({"train": labeled(), "test": labeled(shape=(9, 8, 1))}, TWO, "differ in shape", "image_size"),
        (
            {"train": LabeledImages(np.eye(8, dtype=np.uint8).reshape(1, 8, 8, 1).repeat(2, 0), np.array([0, 1]))},
            TWO,
            "no pixel of any image is above 1",
            "(255 * x)",
        ),
        (
            {"train": LabeledImages(np.full((2, 8, 8, 1), 7, np.uint8), np.array([0, 1]))},
            TWO,
            "every pixel .* is 7",
            "look",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused(parts, classes, problem, fix):
    with pytest.raises(DataError, match=problem) as caught:
        checks.check(parts, classes)
    assert fix in caught.value.fix


def test_duplicates_are_counted_within_and_across_splits():
    images = labeled(6).images.copy()
    images[1] = images[0]  # within train
    images[3] = images[0]  # train-val
    images[5] = images[0]  # train-test and val-test
    whole = LabeledImages(images, np.array([0, 1] * 3))
    splits = {
        name: SplitRows(whole, np.array(rows))
        for name, rows in {"train": [0, 1, 2], "val": [3], "test": [4, 5]}.items()
    }
    report = checks.report("made", TWO, splits)
    assert report.duplicates_within == {"train": 1, "val": 0, "test": 0}
    assert report.duplicates_across == {"train-val": 1, "train-test": 1, "val-test": 1}
    assert report.counts == {"train": 3, "val": 1, "test": 2}
    assert report.image_shape == (8, 8, 1)
    assert report.pixel_range == (int(images.min()), int(images.max()))


@pytest.mark.parametrize("names", [(), [f"{number}.png" for number in range(8)]])
def test_equal_images_of_two_classes_are_counted_and_the_first_is_named(caplog, names):
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)
    images[5] = images[0]
    source = LabeledImages(images, np.array([0, 1] * 4), names=names)
    splits = {"train": SplitRows(source, np.arange(4)), "val": SplitRows(source, np.arange(4, 8))}
    assert checks.report("x", ("cat", "dog"), splits).contradictions == 2
    first, second = ("0.png", "5.png") if names else ("image 0", "image 5")
    assert f"{first} of train is 'cat', {second} of val is 'dog'" in caplog.text


def test_near_duplicates_are_counted_by_split():
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    source = LabeledImages(images, np.array([0, 1] * 3))
    splits = {name: SplitRows(source, np.arange(2 * n, 2 * n + 2)) for n, name in enumerate(("train", "val", "test"))}
    near = NearDuplicates(np.array([[0, 1], [1, 4]]), np.array([0.99, 0.96], dtype=np.float32))
    where = ["train", "train", "val", "val", "test", "test"]
    counts = checks.report("x", ("a", "b"), splits, near, where).near_duplicates
    assert counts.within["train"] == counts.across["train-test"] == 1
    assert counts.largest_group == 3
    assert checks.report("x", ("a", "b"), splits).near_duplicates is None
