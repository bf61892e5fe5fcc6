"""May a version become champion? Rules declared in params.yaml, a pure decision, a reason per rule.

Each comparison with a champion on one test split uses up some of the evidence that the split can give: the more
challengers are tried on the same images, the likelier one of them wins by luck. The level of comparison i is therefore
alpha / (i (i + 1)). The levels of all comparisons there can ever be add up to alpha, and so, by Bonferroni's
inequality, the probability that luck alone ever moves the champion on this split is at most alpha. A comparison that
no challenger could pass is not made, and uses up nothing.

Source: alpha-spending with the weights 1 / (i (i + 1)); Tian and Ramdas, "Online control of the familywise error rate"
(Statistical Methods in Medical Research 30, 2021), section 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from glyphline.params.registry import GateParams
from glyphline.records import RuleResult
from glyphline.registry import champion_rule
from glyphline.registry.champion_rule import AGAINST_CHAMPION
from glyphline.registry.gate_input import ChampionComparison, ModelScores

SHOWN_DIGITS = 12
# One image more or less moves an accuracy on fewer than a million images by more than this.
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of each rule; the candidate may become champion when all of them passed.

    Attributes:
        rules: a rule that params.yaml leaves out is not among them.
        level: of the comparison; None when none was made at a level.
        p_value: of the comparison.
    """

    rules: tuple[RuleResult, ...]
    level: float | None = None
    p_value: float | None = None


def decide(
    candidate: ModelScores, champion: ChampionComparison | None, number: int, gate: GateParams, min_accuracy: float
) -> Verdict:
    """Check a candidate against the rules and against the present champion.

    Args:
        candidate: the new version.
        champion: the champion, else the last champion, if there was any.
        number: which comparison on this test split this is, from 1.
        gate: the rules.
        min_accuracy: fraction in [0, 1] that every champion must reach.

    Returns:
        The result of every rule. A rule whose measurement is missing does not pass. The comparison does not pass when
        the champion was scored on another test split, because the two do not measure the same thing, nor when the
        weights are the same.
    """
    rules = [*_limits(candidate, gate, min_accuracy)]
    if champion is None or isinstance(champion.result, str) or not _is_comparable(candidate, champion):
        return Verdict((*rules, _without_comparison(candidate, champion)))
    compared = champion_rule.apply(champion.label, champion.result, number, gate)
    return Verdict((*rules, compared.rule), compared.level, compared.p_value)


def _limits(candidate: ModelScores, gate: GateParams, min_accuracy: float) -> Iterator[RuleResult]:
    scores = candidate.evaluation
    yield _bound("registry.min_accuracy", "accuracy", scores.accuracy, min_accuracy, is_floor=True)
    balanced, lowest = scores.balanced_accuracy, gate.min_balanced_accuracy
    yield from _optional("min_balanced_accuracy", "balanced accuracy", balanced, lowest, is_floor=True)
    recall = f"recall of class {scores.worst_class}, the worst"
    yield from _optional("min_class_recall", recall, scores.worst_class_recall, gate.min_class_recall, is_floor=True)
    for name, what, value, limit in (
        ("max_calibration_error", "calibration error", scores.calibration_error, gate.max_calibration_error),
        (
            "max_robustness_loss",
            "accuracy loss on corrupted images",
            candidate.robustness_loss,
            gate.max_robustness_loss,
        ),
        ("max_latency_ms", "milliseconds for one image", candidate.latency_ms, gate.max_latency_ms),
        ("max_model_bytes", "bytes of the model", candidate.model_bytes, gate.max_model_bytes),
    ):
        yield from _optional(name, what, value, limit, is_floor=False)


def _optional(
    name: str, what: str, value: float | None, limit: float | None, *, is_floor: bool
) -> Iterator[RuleResult]:
    if limit is not None:
        yield _bound(f"registry.gate.{name}", what, value, limit, is_floor=is_floor)


def _bound(rule: str, what: str, value: float | None, limit: float, *, is_floor: bool) -> RuleResult:
    if value is None:
        return RuleResult(rule=rule, passed=False, reason=f"{what} was not measured, and {rule} asks for it")
    passed = value >= limit if is_floor else value <= limit
    words = ("reaches" if passed else "is below") if is_floor else ("keeps within" if passed else "is above")
    return RuleResult(rule=rule, passed=passed, reason=f"{what} {_text(value)} {words} {rule} {limit:g}")


def _is_comparable(candidate: ModelScores, champion: ChampionComparison) -> bool:
    scores = candidate.evaluation
    return champion.test_digest == scores.test_digest and champion.weights_digest != scores.weights_digest


def _without_comparison(candidate: ModelScores, champion: ChampionComparison | None) -> RuleResult:
    if champion is None:
        return RuleResult(rule=AGAINST_CHAMPION, passed=True, reason="there is no champion to compare with")
    scores = candidate.evaluation
    if champion.test_digest != scores.test_digest:
        split = f"test split {champion.test_digest[:SHOWN_DIGITS]}" if champion.test_digest else "an unknown test split"
        why = (
            f"{champion.label} was scored on {split} and this one on test split {scores.test_digest[:SHOWN_DIGITS]}, so"
            " they cannot be compared; `glyphline promote --force --reason` promotes this one all the same, or choose"
            " another registry.name"
        )
    elif champion.weights_digest == scores.weights_digest:
        why = f"not better than {champion.label}: it has the same weights"
    else:
        why = f"{champion.label} and this one were not compared: {champion.result}"
    return RuleResult(rule=AGAINST_CHAMPION, passed=False, reason=why)


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{round(value, DECIMALS):g}"
