"""Values that rooms hand to one another."""

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.values import Split, flatten

trees = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, min_size=1, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("tree", "flat"),
    [
        ({}, {}),
        ({"a": 1}, {"a": 1}),
        ({"a": {"b": 1, "c": {"d": [1, 2]}}}, {"a.b": 1, "a.c.d": [1, 2]}),
        ({"a": {}}, {}),
    ],
)
def test_flatten_joins_keys_with_dots(tree, flat):
    assert flatten(tree) == flat


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), trees, max_size=3))
def test_a_dotted_key_leads_to_its_value(tree):
    for dotted, value in flatten(tree).items():
        node = tree
        for part in dotted.split("."):
            node = node[part]
        assert node == value


def test_a_split_knows_its_length_and_the_shape_of_an_image():
    split = Split("train", np.zeros((5, 8, 9, 3), np.uint8), np.zeros(5, np.int64), ("a",), digest="d")
    assert len(split) == 5
    assert split.image_shape == (8, 9, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        split.name = "test"


def test_a_mapped_split_travels_by_the_name_of_its_file(tmp_path):
    images = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    whole = Split("test", mapped, np.arange(6), ("a", "b"), "d")
    again = pickle.loads(pickle.dumps(whole))
    assert isinstance(again.images, np.memmap)
    assert np.array_equal(again.images, images)
    assert (again.name, again.classes, again.digest) == ("test", ("a", "b"), "d")
    assert np.array_equal(again.labels, whole.labels)
    # A part of the file, and what is in memory, go as they are.
    for part in (mapped[2:4], images[1:3]):
        there = pickle.loads(pickle.dumps(Split("test", part, np.arange(2), ("a", "b"), "d"))).images
        assert not isinstance(there, np.memmap)
        assert np.array_equal(there, part)


def test_a_split_counts_the_images_of_each_class_also_of_one_without_any():
    split = Split("train", np.zeros((3, 1, 1, 1), np.uint8), np.array([2, 0, 2]), ("a", "b", "c"), "digest")
    assert split.class_counts == {"a": 1, "b": 0, "c": 2}
