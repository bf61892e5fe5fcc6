"""Labels become classes: none is empty, and two spellings of one are not silently two."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.data import labels
from glyphline.errors import DataError

SPELLINGS = st.sampled_from(["cat", "Cat", " cat", "CAT ", "c at", "dog", "Dog", "é", "e\u0301", "straße", "STRASSE"])


def names(*written, normalise=False):
    return labels.class_names(Counter(written), where="mine.csv", normalise=normalise)


def test_labels_are_names_of_classes_as_they_are():
    assert names("a", "b", "1", "01", "New York") == {name: name for name in ("a", "b", "1", "01", "New York")}


def test_as_many_classes_as_are_allowed_are_allowed():
    assert len(names(*map(str, range(labels.MAX_CLASSES)))) == labels.MAX_CLASSES
    assert names("x" * labels.MAX_CHARACTERS, "y")


def test_spellings_that_differ_in_case_or_blanks_are_refused_with_the_list():
    with pytest.raises(DataError, match="differ only in case or blanks") as caught:
        names("happiness", "HAPPINESS", "HAPPINESS", "anger", "An ger")
    assert "'HAPPINESS' (2) and 'happiness' (1)" in caught.value.problem
    assert "'An ger' (1) and 'anger' (1)" in caught.value.problem
    assert "data.normalise_labels to true" in caught.value.fix


def test_they_are_joined_under_the_most_frequent_spelling_without_blanks_at_its_ends():
    joined = names("Cat ", "cat", "Cat ", "dog", "CAT", normalise=True)
    assert joined == {"Cat ": "Cat", "cat": "Cat", "CAT": "Cat", "dog": "dog"}
    assert names("b", "B", normalise=True) == {"b": "B", "B": "B"}


def test_an_accent_that_is_encoded_in_two_ways_is_one_label():
    with pytest.raises(DataError, match="differ only"):
        names("caf\u00e9", "cafe\u0301")


@given(st.lists(SPELLINGS, min_size=1, max_size=30))
def test_what_is_joined_needs_no_joining_any_more(written):
    joined = names(*written, normalise=True)
    assert joined.keys() == set(written)
    assert names(*joined.values()) == {name: name for name in joined.values()}
    assert all((labels.key(a) == labels.key(b)) == (joined[a] == joined[b]) for a in joined for b in joined)
    assert names(*reversed(written), normalise=True) == joined


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (["a", " "], "' ' is no label"),
        (["a", ""], "'' is no label"),
        (["a", "b\nc"], "is no label"),
        (["a", "\x1b[2J"], r"'\\x1b\[2J' is no label"),
        (["a", "x" * 251], "'x+'... has 251 characters"),
        ([f"img-{n}" for n in range(100_000)], "100,000 different labels; 10,000 classes at most"),
    ],
)
def test_what_is_no_name_of_a_class_is_refused(written, problem):
    for normalise in (False, True):
        with pytest.raises(DataError, match=problem) as caught:
            names(*written, normalise=normalise)
        assert "mine.csv" in caught.value.problem
