"""Groups: from the table or from a pattern in the paths, equal numbers for images that belong together."""

import numpy as np
import pytest

from glyphline.data import groups
from glyphline.data.listing import ListedImage
from glyphline.errors import DataError, ParamsError
from tests.conftest import changed
from tests.made_images import decoded, fetched, painted

IMAGES = [
    ListedImage("cat/p1_a.png", "train", "cat", "x"),
    ListedImage("cat/p2_a.png", "train", "cat", "y"),
    ListedImage("dog/p1_b.png", "test", "dog", "x"),
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(None, [0, 1, 0]), (r"(p\d+)_", [0, 1, 0]), (r"_([ab])\.", [0, 0, 1]), ("(.*)", [0, 1, 2])],
)
def test_images_that_belong_together_have_one_number(pattern, expected):
    numbers = groups.numbers(IMAGES, pattern)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == expected


def test_without_a_column_and_a_pattern_there_are_no_groups():
    assert groups.numbers([ListedImage("a.png", "train", "cat")], None) is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"(q\d+)_", "finds no group for 3 of 3 images: cat/p1_a.png, cat/p2_a.png, dog/p1_b.png"),
        (r"(p2)_", "finds no group for 2 of 3 images: cat/p1_a.png, dog/p1_b.png"),
        (r"p\d+_(b?)", "finds no group for 2 of 3"),
        (r"p\d(x)?", "finds no group for 3 of 3"),
        (r"(p)", "finds one group for all 3 images, 'p'"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused_with_the_paths(pattern, problem):
    with pytest.raises(DataError, match=problem) as caught:
        groups.numbers(IMAGES, pattern)
    assert "preprocess.group" in caught.value.fix


def test_one_group_for_all_of_a_table_is_refused():
    with pytest.raises(DataError, match="the table finds one group for all 2 images, 'x'") as caught:
        groups.numbers([IMAGES[0], IMAGES[2]], None)
    assert "data.columns.group" in caught.value.fix


def test_a_table_that_names_the_group_of_some_images_alone_is_refused():
    """Hugging Face has a table for each split, and one of them may lack the column."""
    with pytest.raises(DataError, match=r"the table finds no group for 1 of 4 images: a\.png"):
        groups.numbers([*IMAGES, ListedImage("a.png", "val", "cat")], None)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"p\d+", "must have one group in parentheses, and has 0"),
        ("(a)(b)", "and has 2"),
        ("(", "must be a regular expression"),
    ],
)
def test_a_pattern_with_another_number_of_groups_is_a_mistake_in_params(default_params, pattern, problem):
    with pytest.raises(ParamsError, match=problem):
        changed(default_params, {"preprocess.group": pattern})


def test_they_stand_beside_the_labels_of_each_split(tmp_path, default_params):
    lines = ["image,label,split,patient"]
    for number in range(12):
        split = ("train", "val", "test")[number % 3]
        painted(tmp_path / "scans" / f"{number}.png", number)
        lines.append(f"{number}.png,{'ab'[number // 3 % 2]},{split},p{number // 4}")
    (tmp_path / "scans" / "labels.csv").write_text("\n".join(lines))
    manifest = fetched(default_params, tmp_path / "scans" / "labels.csv", tmp_path / "raw")
    parts = decoded(tmp_path / "raw", manifest)
    assert list(parts) == ["train", "test", "val"]
    by_pixel = {
        int(image[0, 0, 0]): int(group)
        for part in parts.values()
        for image, group in zip(part.images, part.groups, strict=True)
    }
    assert len(by_pixel) == 12
    assert all((by_pixel[a] == by_pixel[b]) == (a // 4 == b // 4) for a in by_pixel for b in by_pixel)
    odd = decoded(tmp_path / "raw", manifest, group=r"(\d)\.png")
    assert len({int(group) for part in odd.values() for group in part.groups}) == 10


def listed(*rows):
    return [ListedImage(f"{number}.png", split, label, group) for number, (split, label, group) in enumerate(rows)]


@pytest.mark.parametrize(("pattern", "word"), [(None, "column"), (r"(\d)", "preprocess.group")])
def test_a_class_with_too_few_groups_for_its_splits_is_named_before_anything_is_decoded(pattern, word):
    rows = [("train", "cat", str(n)) for n in range(3)] + [("train", "dog", "8"), ("train", "dog", "9")]
    numbers = groups.numbers(listed(*rows), None)
    with pytest.raises(DataError, match="finds 2 groups for the training images of class 'dog'") as caught:
        groups.check(listed(*rows), numbers, pattern)
    assert word in caught.value.fix
    given = [*rows, ("test", "cat", "20"), ("test", "dog", "21")]
    groups.check(listed(*given), groups.numbers(listed(*given), None), pattern)
