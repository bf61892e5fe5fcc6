"""The gate in front of `champion`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.registry.gate import Score, decide

fractions = st.floats(0, 1)
digests = st.sampled_from(["aaaa", "bbbb", None])


@pytest.mark.parametrize(
    ("accuracy", "champion", "promote", "reason"),
    [
        (0.98, None, True, "there is no champion yet"),
        (0.95, None, True, "reaches registry.min_accuracy 0.95"),
        (0.9499999, None, False, "below registry.min_accuracy 0.95"),
        (0.98, Score(0.97, "aaaa", 1), True, "better than champion version 1: 0.98 against 0.97"),
        (0.98, Score(0.98, "aaaa", 1), False, "not better than champion version 1"),
        (0.9800004, Score(0.98, "aaaa", 1), False, "not better"),
        (0.98, Score(0.99, "aaaa", 4), False, "not better than champion version 4: 0.98 against 0.99"),
        (0.94, Score(0.93, "aaaa", 1), False, "below registry.min_accuracy"),
        (0.98, Score(0.5, "bbbb", 2), False, "version 2 was scored on test split bbbb and this one on test split aaaa"),
        (0.98, Score(0.5, None, 2), False, "an unknown test split"),
        (0.98, Score(None, "aaaa", 2), False, "cannot be compared"),
    ],
)
def test_the_place_goes_to_who_is_good_enough_and_better(accuracy, champion, promote, reason):
    verdict = decide(Score(accuracy, "aaaa", 9), champion, 0.95)
    assert verdict.promote is promote
    assert any(reason in line for line in verdict.reasons)


def test_every_obstacle_is_named_at_once():
    verdict = decide(Score(0.5, "aaaa", 9), Score(0.9, "aaaa", 1), 0.95)
    assert len(verdict.reasons) == 2


def test_another_test_split_says_how_to_let_the_version_in():
    verdict = decide(Score(0.99, "aaaa", 9), Score(0.5, "bbbb", 1), 0.95)
    assert "delete the alias champion" in verdict.reasons[0]
    assert "another registry.name" in verdict.reasons[0]


@given(fractions, fractions, digests, fractions)
def test_nothing_below_the_floor_and_nothing_worse_is_ever_promoted(accuracy, held, digest, floor):
    verdict = decide(Score(accuracy, "aaaa", 2), Score(held, digest, 1), floor)
    assert verdict.reasons
    if verdict.promote:
        assert accuracy >= floor
        assert accuracy > held
        assert digest == "aaaa"


@given(fractions, fractions, fractions)
def test_two_versions_never_take_the_place_from_each_other(one, other, floor):
    first, second = Score(one, "aaaa", 1), Score(other, "aaaa", 2)
    assert not (decide(first, second, floor).promote and decide(second, first, floor).promote)


@given(fractions, fractions)
def test_a_model_never_replaces_its_equal(accuracy, floor):
    assert not decide(Score(accuracy, "aaaa", 2), Score(accuracy, "aaaa", 1), floor).promote
