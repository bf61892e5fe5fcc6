"""Splits: a partition, stratified, with exact counts, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.data.raw import LabeledImages
from glyphline.data.split import divide, split_of_rows, stratified
from glyphline.errors import DataError

class_counts = st.lists(st.integers(2, 40), min_size=2, max_size=8)
fractions = st.floats(0.01, 0.49)
seeds = st.integers(0, 2**32 - 1)


def named(count):
    return tuple(f"class-{number}" for number in range(count))


def mixed(counts, seed=0):
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    return np.random.default_rng(seed).permutation(labels)


def labeled(counts, seed=0):
    labels = mixed(counts, seed)
    return LabeledImages(np.zeros((len(labels), 8, 8, 1), np.uint8), labels)


@given(counts=class_counts, fraction=fractions, seed=seeds)
def test_a_split_is_a_stratified_partition_with_exact_counts(counts, fraction, seed):
    labels = mixed(counts, seed % 7)
    kept, held_out = stratified(labels, named(len(counts)), fraction, np.random.SeedSequence(seed))
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held_out) > 0).all()
    wanted = round(fraction * len(labels))
    assert len(held_out) == min(max(wanted, len(counts)), len(labels) - len(counts))
    shares = np.bincount(labels[held_out], minlength=len(counts))
    assert (shares >= 1).all()
    assert (shares <= np.array(counts) - 1).all()
    if wanted >= len(counts) and (np.array(counts) * fraction >= 1).all():
        np.testing.assert_array_less(np.abs(shares - np.array(counts) * len(held_out) / len(labels)), 1.0 + 1e-9)


@given(counts=class_counts, fraction=fractions, seed=seeds)
def test_the_same_seed_gives_the_same_rows(counts, fraction, seed):
    labels = mixed(counts)
    one, other = (
        stratified(labels, named(len(counts)), fraction, np.random.SeedSequence(seed))[1].tolist() for _ in range(2)
    )
    assert one == other


def test_another_seed_gives_other_rows():
    labels = mixed([100, 100])
    one, other = (stratified(labels, named(2), 0.2, np.random.SeedSequence(seed))[1].tolist() for seed in (1, 2))
    assert one != other


def test_the_rows_of_a_seed_do_not_change_between_releases():
    _, held_out = stratified(np.arange(20) % 2, named(2), 0.2, np.random.SeedSequence(7))
    assert held_out.tolist() == [0, 5, 9, 16]


@given(counts=st.lists(st.integers(4, 30), min_size=2, max_size=5), seed=seeds)
def test_without_an_official_test_part_three_splits_share_all_images(counts, seed):
    whole = labeled(counts)
    splits = divide({"train": whole}, named(len(counts)), val_fraction=0.15, test_fraction=0.2, seed=seed)
    assert list(splits) == ["train", "val", "test"]
    rows = np.concatenate([chosen.rows for chosen in splits.values()])
    assert sorted(rows) == list(range(len(whole.labels)))
    for chosen in splits.values():
        assert set(chosen.labels) == set(range(len(counts)))


def test_an_official_test_split_stays_whole_and_apart():
    train, test = labeled([30, 30]), labeled([5, 6])
    splits = divide({"train": train, "test": test}, named(2), val_fraction=0.1, test_fraction=0.4, seed=1)
    assert splits["test"].source is test
    assert splits["test"].rows.tolist() == list(range(11))
    assert {name: len(chosen.rows) for name, chosen in splits.items()} == {"train": 54, "val": 6, "test": 11}


@pytest.mark.parametrize(
    ("train", "test", "name"),
    [([9, 1], None, "class-1"), ([9, 2], None, "class-1"), ([1, 9], [3, 3], "class-0"), ([9, 9], [3, 0], "class-1")],
)
def test_a_class_too_small_for_every_split_is_named(train, test, name):
    official = {"train": labeled(train)} | ({"test": labeled(test)} if test else {})
    with pytest.raises(DataError, match=name) as caught:
        divide(official, named(2), val_fraction=0.2, test_fraction=0.2, seed=0)
    assert "add images" in caught.value.fix


def grouped(labels, groups):
    labels = np.asarray(labels, dtype=np.int64)
    return LabeledImages(np.zeros((len(labels), 8, 8, 1), np.uint8), labels, np.asarray(groups, dtype=np.int64))


@given(
    sizes=st.lists(st.integers(1, 6), min_size=12, max_size=40),
    pairs=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=10),
    seed=st.integers(0, 5),
)
def test_no_group_and_no_pair_is_ever_in_two_splits(sizes, pairs, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = groups % 2
    pairs = [(one, other) for one, other in pairs if max(one, other) < len(labels)]
    try:
        splits = divide(
            {"train": grouped(labels, groups)},
            named(2),
            val_fraction=0.15,
            test_fraction=0.2,
            seed=seed,
            together=pairs,
        )
    except DataError as error:
        # Pairs may link all images of a class; without any there is always a division.
        if not pairs or "group" not in str(error):
            raise
        return
    where = {row: name for name, split in splits.items() for row in split.rows.tolist()}
    assert sorted(where) == list(range(len(labels)))
    for one, other in [*pairs, *zip(range(len(labels)), range(1, len(labels)), strict=False)]:
        if (one, other) in pairs or groups[one] == groups[other]:
            assert where[one] == where[other]
    for split in splits.values():
        assert set(split.labels.tolist()) == {0, 1}


def test_official_splits_that_share_a_group_are_refused():
    official = {"train": grouped([0, 1] * 10, range(20)), "test": grouped([0, 1], [3, 30])}
    with pytest.raises(DataError, match="1 groups have images in train and in test"):
        divide(official, named(2), val_fraction=0.2, test_fraction=0.2, seed=1)


def test_every_row_has_the_split_that_it_is_in():
    official = {"train": grouped([0, 1] * 10, range(20)), "test": grouped([0, 1], [30, 31])}
    splits = divide(official, named(2), val_fraction=0.2, test_fraction=0.2, seed=1)
    names = split_of_rows(official, splits)
    assert names[20:] == ["test", "test"]
    assert [row for row, name in enumerate(names) if name == "val"] == splits["val"].rows.tolist()


def test_what_groups_keep_unbalanced_is_said(caplog):
    # Two groups of dogs: one of four of five images has to go, where one image was wanted.
    labels = np.array([0] * 10 + [1] * 5)
    groups = np.array([*range(10), 20, 20, 20, 20, 21])
    with caplog.at_level("INFO"):
        splits = divide(
            {"train": grouped(labels, groups), "test": grouped(labels, groups + 100)},
            ("cat", "dog"),
            val_fraction=0.4,
            test_fraction=0.2,
            seed=0,
        )
    dogs = int((splits["val"].labels == 1).sum())
    assert f"farthest off is dog with {dogs / 5:.1%} where 40.0% were" in caplog.text
    assert f"val, divided by groups: {len(splits['val'].rows) / 15:.1%} of the images where 40.0% were" in caplog.text
