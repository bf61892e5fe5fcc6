"""The list of images: what cannot be divided is refused early, and what is written is read back as it was."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.data import listing
from glyphline.data.listing import ListedImage
from glyphline.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
IMAGES = st.builds(ListedImage, TEXT, st.sampled_from(["train", "val", "test"]), TEXT, st.just("") | TEXT)
ROOT = Path("/pets")


def images(**counts):
    """`images(train_cat=3)`: three training images of cats."""
    return [
        ListedImage(f"{key}/{number}.png", *key.split("_"))
        for key, count in counts.items()
        for number in range(count)
    ]  # fmt: skip


@given(st.lists(IMAGES, max_size=20))
def test_what_is_written_is_read_back(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.csv"
        listing.write(path, rows)
        assert sorted(listing.read(path), key=repr) == sorted(rows, key=repr)
        first = path.read_bytes()
        listing.write(path, reversed(rows))
        assert len(rows) != len({row.file for row in rows}) or path.read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"file,split\n", b"file,split,label,group\nx,train\n", b"\xff", b'"'])
def test_what_is_no_such_list_is_named(tmp_path, content):
    path = tmp_path / "images.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"images.csv cannot be read") as caught:
        assert listing.read(path) == []
    assert "dvc repro --force fetch" in caught.value.fix


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ({"train_cat": 9}, "all images have one label"),
        ({"train_cat": 9, "train_dog": 2}, r"too few training images of dog \(2\).* takes 3"),
        ({"train_cat": 9, "train_dog": 1, "test_cat": 1, "test_dog": 1}, r"dog \(1\): val get.* takes 2"),
        ({"train_cat": 9, "train_dog": 9, "test_cat": 1}, "the test split has no image of dog"),
        ({"train_cat": 9, "train_dog": 9, "val_cat": 1}, "the val split has no image of dog"),
        ({"train_cat": 9, "test_cat": 9, "test_dog": 1}, "the train split has no image of dog"),
        ({"test_cat": 9, "test_dog": 9}, "no image is of the train split, only of test"),
    ],
)
def test_what_cannot_be_divided_is_refused(counts, problem):
    with pytest.raises(DataError, match=problem) as caught:
        listing.check(ROOT, images(**counts))
    assert caught.value.fix


@pytest.mark.parametrize(
    "counts",
    [
        {"train_cat": 3, "train_dog": 3},
        {"train_cat": 2, "train_dog": 9, "val_cat": 1, "val_dog": 1},
        {"train_cat": 1, "train_dog": 1, "val_cat": 1, "val_dog": 1, "test_cat": 1, "test_dog": 1},
    ],
)
def test_one_image_of_a_class_for_each_split_is_enough(counts):
    listing.check(ROOT, images(**counts))
