"""The gate in front of `champion`: rules, honest levels, and what they cost in power."""

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
from glyphline.registry.gate_input import ChampionComparison, ModelScores
from glyphline.registry.significance_level import significance_level
from glyphline.scoring import paired_tests
from glyphline.scoring.paired_tests import Disagreements
from tests.conftest import made_evaluation

RULES = GateParams(
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


def table(only_champion: int, only_challenger: int, count: int = 10_000) -> Disagreements:
    return Disagreements(count, only_champion, only_challenger)


def champion(result: Disagreements | str, split: str | None = "aaaa", weights: str | None = "w1") -> ChampionComparison:
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
    assert not promotes(decide(measured(), champion(table(1, 1, count=100)), 1, by_margin, FLOOR))


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


def simulated(rng: np.random.Generator, accuracy: float, better_by: float, shared: float, count: int) -> Disagreements:
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
