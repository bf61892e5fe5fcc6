"""The gate in front of `champion`: rules, honest levels, and what they cost in power."""

import dataclasses
import math
from bisect import bisect_left
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from glyphline.params.registry import GateParams
from glyphline.records import Cost, Evaluation, Latency
from glyphline.registry.gate import Verdict, decide
from glyphline.registry.gate_input import ChampionComparison, ModelScores, PairedScores
from glyphline.registry.log_events import MAX_REASON_CHARACTERS
from glyphline.registry.significance_level import significance_level
from glyphline.scoring import paired_tests
from glyphline.scoring.equal_confidence import brier_differences
from glyphline.scoring.predictions import Predictions
from tests.conftest import made_evaluation

RULES = GateParams(
    min_balanced_accuracy=None,
    min_class_recall=None,
    max_calibration_error=None,
    max_robustness_loss=None,
    max_latency_ms=None,
    max_model_bytes=None,
    against_champion="better",
    alpha=0.05,
    margin=0.005,
)
FLOOR = 0.95
EVALUATION = made_evaluation(9800, 10_000, test_digest="aaaa", weights_digest="w9", corruption_accuracy=None)


def measured(
    accuracy: float = 0.98, latency_ms: float | None = None, model_bytes: int | None = None, **fields
) -> ModelScores:
    """Scores of a candidate; without a latency and a size the cost was not measured."""
    # A copy, because the record itself refuses a missing number.
    evaluation = EVALUATION.model_copy(update={"accuracy": accuracy} | fields)
    if latency_ms is None and model_bytes is None:
        return ModelScores(evaluation, None)
    speeds = [Latency(batch=1, calls=1, median_s=latency_ms / 1000, p99_s=1.0)] if latency_ms else []
    return ModelScores(
        evaluation, Cost(device="cpu", parameters=1, model_bytes=model_bytes or 0, latency=tuple(speeds))
    )


def promotes(verdict: Verdict) -> bool:
    return all(rule.passed for rule in verdict.rules)


def reasons(verdict: Verdict) -> list[str]:
    """Of the rules that failed; of all when none did."""
    failed = [rule.reason for rule in verdict.rules if not rule.passed]
    return failed or [rule.reason for rule in verdict.rules]


def table(
    only_champion: int, only_challenger: int, count: int = 10_000, both_wrong: int = 100, brier_p: float = 1.0
) -> PairedScores:
    return PairedScores(count, only_champion, only_challenger, both_wrong, -0.001, brier_p)


def champion(result: PairedScores | str, split: str | None = "aaaa", weights: str | None = "w1") -> ChampionComparison:
    return ChampionComparison(1, split, weights, result)


def rules(**fields) -> GateParams:
    return RULES.model_copy(update=fields)


@pytest.mark.parametrize(
    ("accuracy", "opponent", "promote", "reason"),
    [
        (0.98, None, True, "there is no champion to compare with"),
        (0.95, None, True, "reaches registry.min_accuracy 0.95"),
        (0.9499999, None, False, "below registry.min_accuracy 0.95"),
        (0.98, champion(table(10, 40)), True, "better than champion version 1: +0.0030 on 10,000 images"),
        (0.98, champion(table(10, 12)), False, "not shown to be better than champion version 1"),
        (0.98, champion(table(40, 10)), False, "not shown to be better"),
        (0.94, champion(table(10, 40)), False, "below registry.min_accuracy"),
        (
            0.98,
            replace(champion(table(10, 40)), is_current=False),
            True,
            "better than version 1, the last champion: +0",
        ),
        (0.98, champion("other", "bbbb"), False, "scored on test split bbbb and this one on test split aaaa"),
        (0.98, champion("never", None, None), False, "an unknown test split"),
        (0.98, champion("its predictions are gone"), False, "were not compared: its predictions are gone"),
        (
            0.98,
            champion(table(0, 0), weights="w9"),
            False,
            "not better than champion version 1: it has the same weights",
        ),
    ],
)
def test_a_candidate_passes_that_is_good_enough_and_shown_to_be_better(accuracy, opponent, promote, reason):
    verdict = decide(measured(accuracy), opponent, 1, RULES, FLOOR)
    assert promotes(verdict) is promote
    assert any(reason in line for line in reasons(verdict))


@pytest.mark.parametrize(
    ("rule", "limit", "name", "good", "bad"),
    [
        ("min_balanced_accuracy", 0.9, "balanced_accuracy", 0.9, 0.89),
        ("min_class_recall", 0.9, "worst_class_recall", 0.9, 0.89),
        ("max_calibration_error", 0.02, "calibration_error", 0.02, 0.021),
        # The accuracy is 1, so that a loss of 1/8 has no rounding error.
        ("max_robustness_loss", 0.125, "corruption_accuracy", 0.875, 0.874),
        ("max_latency_ms", 5.0, "latency_ms", 4.9, 5.1),
        ("max_model_bytes", 1000, "model_bytes", 1000, 1001),
    ],
)
def test_each_rule_is_kept_broken_or_not_measured_and_says_which(rule, limit, name, good, bad):
    asked = rules(**{rule: limit})
    assert promotes(decide(measured(1.0, **{name: good}), None, 1, asked, FLOOR))
    broken = decide(measured(1.0, **{name: bad}), None, 1, asked, FLOOR)
    missing = {name: None} if name in Evaluation.model_fields else {}
    unknown = decide(measured(1.0, **missing), None, 1, asked, FLOOR)
    assert (promotes(broken), promotes(unknown)) == (False, False)
    assert f"registry.gate.{rule} {limit:g}" in reasons(broken)[0]
    assert reasons(unknown)[0].endswith(f"was not measured, and registry.gate.{rule} asks for it")
    assert promotes(decide(measured(1.0, **{name: bad}), None, 1, RULES, FLOOR))


def test_every_rule_that_fails_is_named_at_once():
    verdict = decide(measured(0.5, latency_ms=9.0), champion(table(9, 9)), 1, rules(max_latency_ms=1.0), FLOOR)
    assert len(reasons(verdict)) == 3


def test_another_test_split_says_how_to_promote_the_version():
    verdict = decide(measured(), champion("other", "bbbb"), 1, RULES, FLOOR)
    assert "glyphline promote --force --reason" in reasons(verdict)[0]
    assert "another registry.name" in reasons(verdict)[0]


def test_an_equal_model_may_follow_by_margin_and_a_worse_one_may_not():
    by_margin = rules(against_champion="non_inferior", margin=0.005)
    assert promotes(decide(measured(), champion(table(20, 20)), 1, by_margin, FLOOR))
    assert promotes(decide(measured(), champion(table(25, 20)), 1, by_margin, FLOOR))
    worse = decide(measured(), champion(table(90, 40)), 1, by_margin, FLOOR)
    assert not promotes(worse)
    assert "not shown to be no worse than champion version 1 by 0.005" in reasons(worse)[0]


def test_few_images_do_not_show_that_a_model_is_no_worse():
    by_margin = rules(against_champion="non_inferior", margin=0.005)
    assert not promotes(decide(measured(), champion(table(1, 1, 100, both_wrong=0)), 1, by_margin, FLOOR))


def test_a_comparison_that_no_challenger_can_pass_is_not_counted_and_says_what_it_takes():
    verdict = decide(measured(0.9944), champion(table(0, 2, 359, both_wrong=0)), 1, RULES, FLOOR)
    assert not promotes(verdict)
    assert (verdict.level, verdict.p_value) == (None, None)
    (reason,) = reasons(verdict)
    assert "with 2 errors in 359 images the smallest possible p is 0.5000, at level 0.0250" in reason
    assert "to show +0.005 takes 1,400. Not counted." in reason
    assert "Use more images, against_champion: better_score, or `glyphline promote --force`" in reason


def test_the_images_that_it_takes_grow_with_the_level_and_where_less_than_the_margin_can_be_gained():
    later = reasons(decide(measured(), champion(table(0, 2, 359, both_wrong=0)), 10, RULES, FLOOR))[0]
    # 13 images at level 0.05 / 110.
    assert "to show +0.005 takes 2,600." in later
    rare = reasons(decide(measured(), champion(table(0, 2, 10_000, both_wrong=3)), 1, RULES, FLOOR))[0]
    assert "to show +0.0005 takes 14,000." in rare
    perfect = reasons(decide(measured(), champion(table(0, 0, 359, both_wrong=0)), 1, RULES, FLOOR))[0]
    assert "no number would do" in perfect


def test_no_challenger_can_be_shown_to_be_no_worse_on_too_few_images_and_that_is_not_counted():
    by_margin = rules(against_champion="non_inferior", margin=0.005)
    verdict = decide(measured(), champion(table(0, 2, 100, both_wrong=0)), 1, by_margin, FLOOR)
    assert (promotes(verdict), verdict.level) == (False, None)
    assert "it takes 390 images. Not counted." in reasons(verdict)[0]
    # Those images do it.
    assert promotes(decide(measured(), champion(table(0, 0, 390, both_wrong=0)), 1, by_margin, FLOOR))
    assert not promotes(decide(measured(), champion(table(0, 0, 389, both_wrong=0)), 1, by_margin, FLOOR))


@given(
    st.sampled_from(["better", "non_inferior"]),
    st.integers(0, 12),
    st.integers(1, 30),
    st.integers(12, 3000),
    st.data(),
)
def test_what_is_not_counted_is_what_no_challenger_can_pass(kind, errors, number, count, data):
    asked = rules(against_champion=kind)
    won = data.draw(st.integers(0, errors))
    lost = data.draw(st.integers(0, 3).filter(lambda lost: lost + errors <= count))
    verdict = decide(measured(), champion(table(lost, won, count, errors - won)), number, asked, FLOOR)
    best = [
        promotes(decide(measured(), champion(table(0, k, count, errors - k)), number, asked, FLOOR))
        for k in range(errors + 1)
    ]
    assert (verdict.level is not None) is any(best)
    assert all(len(reason) <= MAX_REASON_CHARACTERS for reason in reasons(verdict))


@pytest.mark.parametrize("kind", ["better_score", "better", "non_inferior"])
def test_a_reason_fits_into_the_log_also_where_its_numbers_are_long(kind):
    asked = rules(against_champion=kind, margin=1.23456e-05)
    for result in (table(0, 1, 1_234_567, 3), table(0, 0, 1_234_567, 0)):
        last = replace(champion(result), version=12_345, is_current=False)
        for line in reasons(decide(measured(), last, 1234, asked, FLOOR)):
            assert len(line) <= MAX_REASON_CHARACTERS


BY_SCORE = rules(against_champion="better_score")


@pytest.mark.parametrize(
    ("result", "promote", "reason"),
    [
        (table(0, 1, 359, 1, 0.05), True, "better than champion version 1: 1 error against 2 in 359 images"),
        (table(1, 1, 359, 1, 0.01), True, "Brier score at equal confidence -0.001, p 0.0100 at level 0.0500"),
        (table(1, 2, 359, 1, 0.051), False, "not shown to be better than champion version 1: 2 errors against 3"),
        (table(2, 1, 359, 1, 0.001), False, "not better than champion version 1: 3 errors against 2"),
    ],
)
def test_a_model_follows_that_makes_no_more_errors_and_has_the_better_brier_score_beyond_luck(result, promote, reason):
    verdict = decide(measured(), champion(result), 7, BY_SCORE, FLOOR)
    assert promotes(verdict) is promote
    assert reason in verdict.rules[-1].reason
    assert ("1,400 show +0.005 by errors alone" in verdict.rules[-1].reason) is not promote
    # Each comparison has the whole level.
    assert (verdict.level, verdict.p_value) == (0.05, result.brier_p_value)


def test_the_levels_of_all_comparisons_add_up_to_alpha_and_no_more():
    assert sum(significance_level(0.05, number) for number in range(1, 100_001)) == pytest.approx(0.05, rel=1e-4)
    assert sum(significance_level(0.05, number) for number in range(1, 100_001)) < 0.05


def test_the_verdict_shows_which_comparison_it_was_and_its_level():
    verdict = decide(measured(), champion(table(10, 22)), 3, RULES, FLOOR)
    assert verdict.level == pytest.approx(0.05 / 12)
    assert "p 0.0501 at level 0.0042, comparison 3 on this test split" in reasons(verdict)[0]


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 50), st.floats(0, 1))
def test_nothing_below_the_floor_and_nothing_worse_is_ever_promoted(lost, won, number, accuracy):
    verdict = decide(measured(accuracy), champion(table(lost, won)), number, RULES, FLOOR)
    assert reasons(verdict)
    if promotes(verdict):
        assert accuracy >= FLOOR
        assert won > lost


@given(st.integers(0, 300), st.integers(0, 300))
def test_no_two_versions_are_each_promoted_over_the_other(lost, won):
    one = decide(measured(), champion(table(lost, won)), 1, RULES, FLOOR)
    other = decide(measured(), champion(table(won, lost)), 1, RULES, FLOOR)
    assert not (promotes(one) and promotes(other))


def simulated(rng: np.random.Generator, accuracy: float, better_by: float, shared: float, count: int) -> PairedScores:
    """Two models on the same images.

    Args:
        rng: where the luck comes from.
        accuracy: of the champion.
        better_by: of the challenger, in accuracy.
        shared: part of the champion's errors that the challenger makes too.
        count: images.
    """
    lost = (1 - accuracy) * (1 - shared) - better_by / 2
    won = (1 - accuracy) * (1 - shared) + better_by / 2
    kinds = rng.multinomial(count, [lost, won, 1 - lost - won])
    return table(int(kinds[0]), int(kinds[1]), count)


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
def test_equal_models_are_promoted_by_luck_no_more_often_than_alpha(shared):
    # A thousand single comparisons, and a thousand split lives of twenty comparisons each: both stay below alpha.
    rng = np.random.default_rng(20)
    # Most tables occur more than once, and an exact test takes a while.
    wins_against = cache(lambda table, number: promotes(decide(measured(), champion(table), number, RULES, FLOOR)))
    wins = sum(wins_against(simulated(rng, 0.99, 0.0, shared, 10_000), 1) for _ in range(1000))
    lives = sum(
        any(wins_against(simulated(rng, 0.99, 0.0, shared, 10_000), number) for number in range(1, 21))
        for _ in range(200)
    )
    assert wins <= 1000 * RULES.alpha
    assert lives <= 200 * RULES.alpha


def theoretical_power(lost: float, won: float, count: int, level: float) -> float:
    """Of the exact McNemar test: over the number of disagreements, the chance that enough of them favour the second."""
    either, power = lost + won, 0.0
    for disagreements in range(int(count * either * 3) + 20):
        chance = stats.binom.pmf(disagreements, count, either)
        if chance <= 1e-12:
            continue
        # The more of the disagreements favour the second, the smaller is the p-value.
        wins = range(disagreements // 2 + 1, disagreements + 1)
        enough = bisect_left(wins, True, key=lambda k, all_=disagreements: paired_tests.mcnemar(all_ - k, k) <= level)
        if enough < len(wins):
            power += chance * stats.binom.sf(wins[enough] - 1, disagreements, won / either)
    return power


def test_half_a_point_on_ten_thousand_images_is_found_as_often_as_theory_says():
    rng, count = np.random.default_rng(21), 10_000
    results = [simulated(rng, 0.98, 0.005, 0.5, count) for _ in range(1000)]
    promoted = sum(promotes(decide(measured(), champion(result), 1, RULES, FLOOR)) for result in results) / 1000
    theory = theoretical_power(0.0075, 0.0125, count, significance_level(RULES.alpha, 1))
    assert theory == pytest.approx(0.9, abs=0.1)
    assert promoted >= theory - 3 * math.sqrt(theory * (1 - theory) / 1000)


CLASSES, DIGITS = 10, 359


def answers(
    rng: np.random.Generator, images: np.ndarray, labels: np.ndarray, skill: float, *, sureness: float = 1.0
) -> Predictions:
    """A made model: float (n, classes) of what every model sees in the images, its own noise, and its skill."""
    logits = images + rng.normal(0, 0.5, images.shape)
    logits[np.arange(len(labels)), labels] += skill
    odds = np.exp(2 * sureness * logits)
    probs = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions(probs, labels, tuple(map(str, range(CLASSES))), "aaaa", "w1")


def promoted_by_score(rng: np.random.Generator, tries: int, better_by: float, sureness: float = 1.0) -> tuple[int, int]:
    """How often a challenger is promoted on splits like that of the digits: by `better_score`, and by `better`."""
    by_score = by_errors = 0
    for _ in range(tries):
        images, labels = rng.normal(0, 1, (DIGITS, CLASSES)), rng.integers(0, CLASSES, DIGITS)
        first = answers(rng, images, labels, 4.8)
        second = answers(rng, images, labels, 4.8 + better_by, sureness=sureness)
        differences = brier_differences(first, second)
        result = PairedScores(
            **dataclasses.asdict(paired_tests.disagreements(first, second)),
            brier_difference=float(differences.mean()),
            brier_p_value=paired_tests.sign_flip(differences),
        )
        by_score += promotes(decide(measured(), champion(result), 1, BY_SCORE, FLOOR))
        by_errors += promotes(decide(measured(), champion(result), 1, RULES, FLOOR))
    return by_score, by_errors


TRIES = 120
# Three standard errors above alpha.
AT_MOST = TRIES * (0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIES))


def test_on_a_small_split_an_equal_model_is_promoted_by_its_score_no_more_often_than_alpha():
    assert promoted_by_score(np.random.default_rng(22), TRIES, 0.0)[0] <= AT_MOST


def test_on_a_small_split_a_worse_model_that_is_surer_is_not_promoted():
    assert promoted_by_score(np.random.default_rng(23), TRIES, -0.5, sureness=3.0)[0] <= 1


def test_on_a_small_split_a_better_model_is_promoted_by_its_score_and_hardly_ever_by_its_errors():
    by_score, by_errors = promoted_by_score(np.random.default_rng(24), TRIES, 0.8)
    assert by_score >= 0.5 * TRIES
    assert by_errors <= 0.1 * TRIES
