"""Near-duplicates: found under crops, brightness and noise, and nothing else is; flat pictures are like no other."""

import numpy as np
import pytest
from PIL import Image

from glyphline.data import near_duplicates
from glyphline.data.raw import LabeledImages
from glyphline.errors import DataError

SIDE = 96


def scenes(count, seed=0):
    """Smooth random pictures in colour, uint8 (count, 96, 96, 3), no two of them alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for one in coarse])


def cropped(image, part, top, left):
    kept = round(part * SIDE)
    y, x = round(top * (SIDE - kept)), round(left * (SIDE - kept))
    return np.asarray(Image.fromarray(image[y : y + kept, x : x + kept]).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (0.3, 0.8)])
@pytest.mark.parametrize("part", [0.9, 0.93, 1.0])
def test_a_crop_a_brighter_and_a_noisy_copy_are_found_and_nothing_else(part, corner):
    images = scenes(40)
    copies = [
        cropped(images[3], part, *corner),
        (images[7] * 0.7).astype(np.uint8),
        (images[9] + np.random.default_rng(1).normal(0, 8, images[9].shape)).clip(0, 255).astype(np.uint8),
    ]
    found = near_duplicates.find([images, np.stack(copies)])
    assert sorted(map(tuple, found.pairs.tolist())) == [(3, 40), (7, 41), (9, 42)]
    assert (found.likeness >= near_duplicates.LEAST).all()
    assert (np.diff(found.likeness) <= 0).all()


def test_the_order_of_the_pictures_does_not_matter():
    images = scenes(300, seed=2)
    images[299] = cropped(images[0], 0.9, 1.0, 0.0)
    there, back = near_duplicates.find([images]), near_duplicates.find([images[::-1]])
    assert there.pairs.tolist() == [[0, 299]] == back.pairs.tolist()
    assert there.likeness == pytest.approx(back.likeness, abs=1e-5)


def test_pictures_of_one_colour_are_like_no_other():
    assert not len(near_duplicates.find([np.full((5, 64, 64, 1), 200, dtype=np.uint8)]).pairs)


def test_every_picture_of_one_scene_is_paired_with_every_other():
    images = np.concatenate([scenes(1)] * 4 + [scenes(3, seed=5)])
    found = near_duplicates.find([images])
    assert sorted(map(tuple, found.pairs.tolist())) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert found.likeness == pytest.approx(1.0, abs=1e-5)


def test_grey_pictures_are_compared_as_colour_ones_are():
    grey = np.asarray([np.asarray(Image.fromarray(image).convert("L")) for image in scenes(20)])[..., None]
    grey[19] = grey[2]
    assert near_duplicates.find([grey]).pairs.tolist() == [[2, 19]]


def labeled(images):
    return LabeledImages(images, np.zeros(len(images), dtype=np.int64))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((10, 28, 28, 1), dtype=np.uint8),
        np.broadcast_to(np.zeros((1, 64, 64, 1), dtype=np.uint8), (near_duplicates.MAX_IMAGES + 1, 64, 64, 1)),
    ],
    ids=["small", "many"],
)
def test_small_pictures_and_too_many_are_not_compared(images):
    official = {"train": labeled(images)}
    assert near_duplicates.of_splits(official, "report") is None
    with pytest.raises(DataError, match="cannot be") as refused:
        near_duplicates.of_splits(official, "together")
    assert "preprocess.group" in refused.value.fix


def test_rows_are_counted_on_from_one_official_split_to_the_next():
    train, test = scenes(10), scenes(5, seed=3)
    test[1] = train[4]
    found = near_duplicates.of_splits({"train": labeled(train), "test": labeled(test)}, "report")
    assert found.pairs.tolist() == [[4, 11]]
    assert near_duplicates.of_splits({"train": labeled(train)}, "ignore") is None


def test_pairs_are_counted_by_the_splits_that_they_are_in():
    pairs = np.array([[0, 1], [0, 3], [1, 4], [2, 3]])
    within, across = near_duplicates.counts(pairs, ["train", "train", "val", "val", "test"])
    assert within == {"train": 1, "val": 1, "test": 0}
    assert across == {"train-val": 1, "train-test": 1, "val-test": 0}
