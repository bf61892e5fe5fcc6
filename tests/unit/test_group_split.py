"""Splits by group: no group on both sides, every class on both, shares as near as the groups allow."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glyphline.data.group_split import divide_by_group, joined, links_of
from glyphline.errors import DataError

CLASSES = tuple("abcdefghij")


def divided(labels, groups, fraction=0.2, seed=0):
    labels, groups = np.asarray(labels), np.asarray(groups)
    classes = CLASSES[: labels.max() + 1]
    shares = np.maximum(np.round(fraction * np.bincount(labels)), 1).astype(np.int64)
    return divide_by_group(labels, groups, classes, shares, np.random.SeedSequence(seed))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), min_size=8, max_size=60), st.integers(0, 5))
def test_no_group_is_on_both_sides_and_every_class_is(rows, seed):
    labels, groups = np.array(rows).T
    _, labels = np.unique(labels, return_inverse=True)
    # Each class in three groups or more, else it may not be possible.
    assume(all(len(np.unique(groups[labels == label])) > 2 for label in np.unique(labels)))
    kept, held_out = divided(labels, groups, seed=seed)
    assert np.array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(len(labels)))
    assert not set(groups[kept]) & set(groups[held_out])
    assert set(labels[kept]) == set(labels[held_out]) == set(labels)
    again = divided(labels, groups, seed=seed)
    assert np.array_equal(kept, again[0])
    assert np.array_equal(held_out, again[1])


def test_groups_of_one_row_are_divided_exactly():
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    _, held_out = divided(labels, np.arange(160), fraction=0.2)
    assert np.bincount(labels[held_out]).tolist() == [20, 10, 2]


def test_many_groups_come_near_to_the_shares():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), random.integers(1, 30, 200))
    labels = random.integers(0, 4, len(groups))
    _, held_out = divided(labels, groups, fraction=0.2)
    share = np.bincount(labels[held_out]) / np.bincount(labels)
    assert share == pytest.approx(0.2, abs=0.01)


def test_another_seed_divides_otherwise():
    labels, groups = np.tile([0, 1], 40), np.repeat(np.arange(20), 4)
    assert divided(labels, groups, seed=1)[1].tolist() != divided(labels, groups, seed=2)[1].tolist()


def test_large_groups_are_held_out_as_well_as_small_ones():
    sizes = np.repeat([1, 12], [60, 10])
    groups = np.repeat(np.arange(70), sizes)
    labels = groups % 2
    held = [set(groups[divided(labels, groups, seed=seed)[1]]) for seed in range(30)]
    assert 0.1 < np.mean([len([group for group in one if group >= 60]) for one in held]) / 10 < 0.4


def test_a_class_in_one_group_is_refused_by_name():
    with pytest.raises(DataError, match="class 'b' are in one group"):
        divided([0, 0, 0, 1, 1], [1, 2, 3, 4, 4])


def test_sixty_thousand_groups_are_divided():
    labels = np.arange(60_000) % 10
    _, held_out = divided(labels, np.arange(60_000) // 2 * 7, fraction=0.15)
    assert np.bincount(labels[held_out]) == pytest.approx(900, abs=1)


def test_links_join_rows_over_others():
    assert joined(6, [(4, 1), (1, 3)], [(3, 5)]).tolist() == [0, 1, 2, 1, 1, 1]
    assert joined(4, links_of(["x", "y", "x", "z"])).tolist() == [0, 1, 0, 3]
