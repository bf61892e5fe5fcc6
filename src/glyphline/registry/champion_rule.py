"""The rule `registry.gate.against_champion`: how a candidate compares with the champion on the same test images.

`better_score` tests the Brier scores, at alpha each time. `better` and `non_inferior` look at the errors alone, and
divide alpha among all comparisons on a test split; a comparison that even the best possible challenger would fail is
not made there, and the reason says what it would take. Why: docs/decisions/0008-a-score-tells-more-than-errors.md.
"""

from dataclasses import dataclass

from glyphline.params.registry import GateParams
from glyphline.records import RuleResult
from glyphline.registry.gate_input import PairedScores
from glyphline.registry.significance_level import significance_level
from glyphline.registry.split_limits import (
    highest_lower_end,
    images_to_show_better,
    images_to_show_no_worse,
    smallest_p_value,
)

AGAINST_CHAMPION = "registry.gate.against_champion"


@dataclass(frozen=True, slots=True)
class ChampionRuleResult:
    """What came of the rule.

    Attributes:
        rule: with its reason.
        level: of the test; None when none was made, and then the comparison is not counted.
        p_value: of the test.
    """

    rule: RuleResult
    level: float | None = None
    p_value: float | None = None


def apply(champion: str, result: PairedScores, number: int, gate: GateParams) -> ChampionRuleResult:
    """Compare a candidate with a champion.

    Args:
        champion: in words.
        result: the champion is the first model and the candidate the second.
        number: which comparison on this test split this is, from 1.
        gate: the rules.
    """
    if gate.against_champion == "better_score":
        rule = _better_score(champion, result, gate)
        return ChampionRuleResult(rule, gate.alpha, result.brier_p_value)
    level = significance_level(gate.alpha, number)
    if gate.against_champion == "non_inferior":
        if highest_lower_end(result, level) < -gate.margin:
            return ChampionRuleResult(_never_no_worse(champion, result, gate, level))
        return ChampionRuleResult(_no_worse(champion, result, gate.margin, level, number), level, result.p_value)
    if smallest_p_value(result) > level:
        return ChampionRuleResult(_never_better(champion, result, gate, level))
    return ChampionRuleResult(_better(champion, result, level, number), level, result.p_value)


def _better_score(champion: str, result: PairedScores, gate: GateParams) -> RuleResult:
    has_more_errors, p_value = result.second_errors > result.first_errors, result.brier_p_value
    passed = p_value <= gate.alpha and not has_more_errors
    words = "better than" if passed else "not better than" if has_more_errors else "not shown to be better than"
    needed = images_to_show_better(gate.margin, significance_level(gate.alpha, 1))
    hint = f"; more test images show more, {needed:,} show {gate.margin:+g} by errors alone"
    return _result(
        f"{words} {champion}: {_errors(result.second_errors)} against {result.first_errors:,} in {result.count:,}"
        f" images, Brier score at equal confidence {result.brier_difference:+.2g}, p {_small(p_value)} at level"
        f" {_small(gate.alpha)}{hint if not passed and result.count < needed else ''}",
        passed=passed,
    )


def _never_better(champion: str, result: PairedScores, gate: GateParams, level: float) -> RuleResult:
    # A champion with fewer errors than the margin leaves less than the margin to be gained.
    gain = min(gate.margin, result.first_errors / result.count)
    remedy = f"to show {gain:+.2g} takes {images_to_show_better(gain, level):,}" if gain else "no number would do"
    return _result(
        f"no challenger can be shown to be better than {champion} here: with {_errors(result.first_errors)} in"
        f" {result.count:,} images the smallest possible p is {_small(smallest_p_value(result))}, at level"
        f" {_small(level)}; {remedy}. Not counted. Use more images, against_champion: better_score, or `glyphline"
        " promote --force`",
        passed=False,
    )


def _never_no_worse(champion: str, result: PairedScores, gate: GateParams, level: float) -> RuleResult:
    return _result(
        f"no challenger can be shown to be no worse than {champion} by {gate.margin:g} here: on {result.count:,} images"
        f" the highest possible lower end is {highest_lower_end(result, level):+.4f}, at level {_small(level)}; it"
        f" takes {images_to_show_no_worse(gate.margin, level):,} images. Not counted. Use more images, a larger"
        " margin, or `glyphline promote --force`",
        passed=False,
    )


def _better(champion: str, result: PairedScores, level: float, number: int) -> RuleResult:
    p_value = result.p_value
    passed = result.difference > 0 and p_value <= level
    words = "better than" if passed else "not shown to be better than"
    return _result(
        f"{words} {champion}: {_counts(result)}, p {_small(p_value)} at {_test(level, number)}", passed=passed
    )


def _no_worse(champion: str, result: PairedScores, margin: float, level: float, number: int) -> RuleResult:
    # The interval is two-sided; its lower end alone is to hold with probability 1 - level.
    low = result.interval(1 - 2 * level)[0]
    passed = low >= -margin
    words = "not worse than" if passed else "not shown to be no worse than"
    return _result(
        f"{words} {champion} by {margin:g}: {_counts(result)}, lower end {low:+.4f} at {_test(level, number)}",
        passed=passed,
    )


def _result(reason: str, *, passed: bool) -> RuleResult:
    return RuleResult(rule=AGAINST_CHAMPION, passed=passed, reason=reason)


def _counts(result: PairedScores) -> str:
    return (
        f"{result.difference:+.4f} on {result.count:,} images, {result.only_second} right only here and"
        f" {result.only_first} only there"
    )


def _errors(count: int) -> str:
    return "1 error" if count == 1 else f"{count:,} errors"


def _test(level: float, number: int) -> str:
    return f"level {_small(level)}, comparison {number} on this test split"


def _small(value: float) -> str:
    return f"{value:.4f}" if value >= 0.001 else f"{value:.1e}"
