"""Paired tests against published tables, against statsmodels, and against their own promise under the null."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from glyphline.errors import DataError
from glyphline.scoring.losses import log_losses
from glyphline.scoring.paired_tests import (
    SIGN_FLIP_STEPS,
    Predictions,
    bootstrap,
    compare,
    difference_interval,
    disagreements,
    holm,
    mcnemar,
    sign_flip,
)

SIMULATIONS = 2000
# With 2,000 simulations a test of size 5 % rejects 4.05 % to 5.95 % of them, in 95 of 100 such runs.
NOMINAL = (0.0405, 0.0595)

p_value_lists = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def predictions(rng, count=200, classes=4, *, labels=None, sharpness=1.0, digest="d" * 64) -> Predictions:
    if labels is None:
        labels = rng.integers(0, classes, count)
    logits = rng.normal(0, 1, (len(labels), classes))
    logits[np.arange(len(labels)), labels] += sharpness
    probs = np.exp(logits)
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
    names = tuple(f"c{n}" for n in range(classes))
    return Predictions(probs, labels.astype(np.int64), names, test_digest=digest, weights_digest="w" * 64)


def test_mcnemar_gives_the_p_value_of_fagerlands_published_table():
    # Fagerland, Lydersen and Laake (BMC Medical Research Methodology 13:91, 2013), airway hyper-responsiveness: 1 and 7
    # discordant pairs, exact conditional p = 0.0703.
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)


@pytest.mark.parametrize(("first", "second"), [(6, 16), (150, 86), (0, 5), (59, 121), (1, 1), (0, 1)])
def test_mcnemar_is_statsmodels(first, second):
    assert mcnemar(first, second) == pytest.approx(reference_mcnemar([[9, first], [second, 9]], exact=True).pvalue)


def test_models_that_never_disagree_do_not_differ():
    assert mcnemar(0, 0) == 1.0


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_does_not_care_which_model_is_named_first(first, second):
    assert mcnemar(first, second) == mcnemar(second, first)


def test_sign_flip_gives_fishers_p_value_of_darwins_maize():
    # Fisher, "The Design of Experiments" (1935), section 21: 15 pairs of plants, heights in eighths of an inch; 863 of
    # the 32,768 choices of signs have a sum as high as the observed one.
    heights = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])
    # On the grid of the test, some sums that are equal are not any more.
    assert sign_flip(-heights / 8) == pytest.approx(863 / 32_768, abs=5e-4)


def test_sign_flip_is_scipys_permutation_test():
    from scipy.stats import permutation_test

    differences = np.random.default_rng(6).normal(-0.4, 1, 12)
    reference = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="less"
    )
    assert sign_flip(differences) == pytest.approx(reference.pvalue, abs=2e-3)


def test_a_difference_of_one_step_of_the_grid_counts():
    smallest = 1 / SIGN_FLIP_STEPS
    assert sign_flip(np.array([smallest - 1, -smallest])) == 0.25
    assert sign_flip(np.array([smallest - 1, smallest])) == 0.5


def test_sign_flip_of_ones_is_half_of_mcnemar():
    for lost, won in ((1, 7), (0, 5), (3, 11)):
        differences = np.array([1.0] * lost + [-1.0] * won + [0.0] * 40)
        assert sign_flip(differences) == pytest.approx(mcnemar(lost, won) / 2)


def test_models_that_differ_nowhere_have_the_largest_p_value():
    assert sign_flip(np.zeros(9)) == 1.0
    assert sign_flip(np.array([0.5])) == 1.0
    assert sign_flip(np.array([-0.5])) == 0.5


def test_disagreements_hold_the_errors_of_both():
    rng = np.random.default_rng(1)
    first = predictions(rng, sharpness=0.5)
    second = predictions(rng, labels=first.labels, sharpness=3.0)
    table = disagreements(first, second)
    assert (table.first_errors, table.second_errors) == ((~first.right).sum(), (~second.right).sum())


def test_holm_adjusts_the_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@pytest.fixture
def quick_collections():
    """What was made before the test is left out of garbage collections: `multipletests` asks for one at each call."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collections")
@given(p_value_lists)
def test_holm_is_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(p_value_lists)
def test_holm_never_makes_a_p_value_smaller(p_values):
    assert all(before <= after <= 1 for before, after in zip(p_values, holm(p_values), strict=True))


def test_the_interval_of_the_difference_is_agresti_and_mins():
    # Their example, approval of the prime minister: 150 and 86 of 1,600 changed their mind; Wald gives -0.0588 to
    # -0.0212, and half an observation per cell changes the fourth decimal.
    low, high = difference_interval(150, 86, 1600)
    assert (low, high) == pytest.approx((-0.0588, -0.0212), abs=2e-4)


def test_the_interval_of_a_difference_refuses_an_impossible_table():
    with pytest.raises(ValueError, match="no table"):
        difference_interval(5, 6, 10)


def test_the_bootstrap_interval_of_a_normal_sample_is_students():
    from scipy.stats import ttest_1samp

    sample = np.random.default_rng(3).normal(0.2, 1, 2000)
    student = ttest_1samp(sample, 0)
    result = bootstrap(sample, seed=5, resamples=4000)
    expected = student.confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high), abs=0.004)
    assert result.p_value == pytest.approx(student.pvalue, abs=0.002)
    assert result.value == sample.mean()


def test_the_bootstrap_p_value_is_students_where_it_is_large():
    from scipy.stats import ttest_1samp

    sample = np.random.default_rng(4).normal(0.02, 1, 2000)
    assert bootstrap(sample, seed=5, resamples=4000).p_value == pytest.approx(ttest_1samp(sample, 0).pvalue, abs=0.03)


def test_the_same_seed_gives_the_same_comparison():
    rng = np.random.default_rng(0)
    first = predictions(rng)
    second = predictions(rng, labels=first.labels)
    assert compare(first, second, seed=9) == compare(first, second, seed=9)


def test_a_model_compared_with_itself_differs_by_nothing():
    first = predictions(np.random.default_rng(0))
    result = compare(first, first)
    assert (result.accuracy.value, result.accuracy.p_value) == (0.0, 1.0)
    assert (result.log_loss.value, result.log_loss.low, result.log_loss.high, result.log_loss.p_value) == (0, 0, 0, 1)


def test_a_clearly_better_model_is_told_from_a_worse_one():
    rng = np.random.default_rng(1)
    worse = predictions(rng, sharpness=0.5)
    better = predictions(rng, labels=worse.labels, sharpness=3.0)
    result = compare(worse, better)
    assert result.accuracy.value > 0
    assert result.accuracy.low > 0
    assert result.accuracy.p_value < 0.001
    assert result.log_loss.high < 0
    assert result.log_loss.p_value < 0.001
    assert result.only_second - result.only_first == round(result.accuracy.value * result.count)


def test_different_test_splits_are_refused_and_both_are_named():
    rng = np.random.default_rng(1)
    with pytest.raises(
        DataError, match=r"different test splits \(aaaaaaaaaaaa, 200 images, and bbbbbbbbbbbb"
    ) as caught:
        compare(predictions(rng, digest="a" * 64), predictions(rng, digest="b" * 64))
    assert "same test split" in caught.value.fix


def test_labels_that_differ_under_one_digest_are_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(DataError, match="labels differ"):
        compare(predictions(rng), predictions(rng))


def test_under_the_null_mcnemar_rejects_no_more_often_than_it_states():
    # Exact tests on few disagreements are conservative: at most 5 %, never more than sampling allows.
    rng = np.random.default_rng(11)
    right = rng.random((2, SIMULATIONS, 400)) < 0.9
    only_first = (right[0] & ~right[1]).sum(axis=1)
    only_second = (~right[0] & right[1]).sum(axis=1)
    rejected = np.mean([mcnemar(int(a), int(b)) <= 0.05 for a, b in zip(only_first, only_second, strict=True)])
    assert 0.02 < rejected < NOMINAL[1]


def test_under_the_null_the_bootstrap_rejects_at_its_stated_rate():
    # Two models with the same distribution of losses, correlated image by image as real ones are.
    rng = np.random.default_rng(12)
    shared = rng.normal(0, 1, (SIMULATIONS, 300))
    losses = np.log1p(np.exp(rng.normal(0, 1, (2, SIMULATIONS, 300)) - shared))
    rejected = np.mean(
        [bootstrap(d, seed=number, resamples=399).p_value <= 0.05 for number, d in enumerate(losses[1] - losses[0])]
    )
    assert NOMINAL[0] < rejected < NOMINAL[1]


def test_under_the_null_sign_flip_rejects_at_its_stated_rate_also_when_a_few_images_count_for_most():
    rng = np.random.default_rng(13)
    sizes = rng.standard_t(2, (SIMULATIONS, 40))
    rejected = np.mean([sign_flip(differences) <= 0.05 for differences in sizes])
    assert NOMINAL[0] < rejected < NOMINAL[1]


def test_the_mean_of_the_log_losses_is_scikit_learns():
    from sklearn.metrics import log_loss

    result = predictions(np.random.default_rng(2))
    rows = result.probs.astype(np.float64) / result.probs.sum(axis=1, keepdims=True, dtype=np.float64)
    assert log_losses(result.probs, result.labels).mean() == pytest.approx(log_loss(result.labels, rows), rel=1e-12)


def test_a_certain_mistake_costs_a_finite_loss():
    probs = np.array([[1, 0], [0, 1]], dtype=np.float32)
    assert log_losses(probs, np.array([1, 1])).tolist() == pytest.approx([36.04, 0.0], abs=0.01)
