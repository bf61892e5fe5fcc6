"""Wilson's interval against published values, its defining equation and its invariants."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.scoring.intervals import mean_share_interval, wilson

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


@given(share=shares)
def test_of_one_share_and_of_its_copies_on_more_images_the_interval_of_the_mean_is_known(share):
    assert mean_share_interval([share]) == pytest.approx(wilson(*share), abs=1e-12)
    low, high = mean_share_interval([share] * 4)
    one_low, one_high = wilson(*share)
    # Four independent shares of the same kind: half of the distance to each end.
    middle = share[0] / share[1]
    assert (middle - low, high - middle) == pytest.approx(((middle - one_low) / 2, (one_high - middle) / 2), abs=1e-12)


@given(counts=st.lists(shares, min_size=1, max_size=12))
def test_the_mean_of_shares_lies_inside_its_interval_and_no_order_matters(counts):
    low, high = mean_share_interval(counts)
    assert 0 <= low <= sum(correct / count for correct, count in counts) / len(counts) + 1e-12
    assert sum(correct / count for correct, count in counts) / len(counts) - 1e-12 <= high <= 1
    assert mean_share_interval(counts[::-1]) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize("counts", [(20, 20), (15, 100)])
def test_the_interval_of_the_mean_holds_the_true_mean_about_as_often_as_it_says(counts):
    from scipy.stats import binom

    hits = [np.arange(count + 1) for count in counts]
    rows = [[mean_share_interval([(a, counts[0]), (b, counts[1])]) for b in hits[1].tolist()] for a in hits[0].tolist()]
    low, high = np.moveaxis(np.array(rows), 2, 0)
    covered = []
    for p, q in itertools.product(np.arange(0.5, 1.0, 0.04), repeat=2):
        probs = np.outer(binom.pmf(hits[0], counts[0], p), binom.pmf(hits[1], counts[1], q))
        covered.append(probs[(low <= (p + q) / 2) & ((p + q) / 2 <= high)].sum())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
    # Counts are whole numbers: no interval holds exactly everywhere.
    assert min(covered) > 0.87


def _inverse_erf(value: float) -> float:
    low, high = 0.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < value else (low, middle)
    return low
