"""Wilson's interval against published values, its defining equation and its invariants."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.scoring.intervals import wilson

shares = st.integers(1, 100_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count)))


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_values_published_by_newcombe_1998_come_out(correct, count, low, high):
    # Newcombe, "Two-sided confidence intervals for the single proportion" (Statistics in Medicine 17), table I.
    assert wilson(correct, count) == pytest.approx((low, high), abs=5e-5)


@given(share=shares, level=st.floats(0.5, 0.999))
def test_the_ends_are_the_shares_whose_score_test_just_fails(share, level):
    correct, count = share
    low, high = wilson(correct, count, level)
    z = math.sqrt(2) * _inverse_erf(level)
    for end in (low, high):
        if end not in {0.0, 1.0}:
            assert (correct / count - end) ** 2 == pytest.approx(z * z * end * (1 - end) / count, rel=1e-5, abs=1e-13)


@given(share=shares)
def test_the_share_lies_inside_and_the_mirror_image_is_mirrored(share):
    correct, count = share
    low, high = wilson(correct, count)
    assert 0 <= low <= correct / count <= high <= 1
    assert wilson(count - correct, count) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    assert low < high


@given(share=shares)
def test_more_images_with_the_same_share_narrow_it(share):
    correct, count = share
    low, high = wilson(correct, count)
    more_low, more_high = wilson(4 * correct, 4 * count)
    assert more_high - more_low < high - low


@pytest.mark.parametrize(("correct", "count"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(correct, count):
    with pytest.raises(ValueError, match=f"{correct} of {count} is no share"):
        wilson(correct, count)


def _inverse_erf(value: float) -> float:
    low, high = 0.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < value else (low, middle)
    return low
