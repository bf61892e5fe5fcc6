"""May a version become champion? Rules declared in params.yaml, a pure decision, a reason per rule.

Each comparison with a champion on one test split spends some of the evidence that the split can give: the more
challengers are tried on the same images, the surer one of them wins by luck. The level of comparison i is therefore
alpha / (i (i + 1)). The levels of all comparisons there can ever be add up to alpha, and so, by Bonferroni's
inequality, the probability that luck alone ever moves the champion on this split is at most alpha.

Source: alpha-spending with the weights 1 / (i (i + 1)); Tian and Ramdas, "Online control of the familywise error rate"
(Statistical Methods in Medical Research 30, 2021), section 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from glyphline.params.registry import GateParams
from glyphline.records import RuleResult
from glyphline.registry.gate_input import ChampionComparison, ModelScores, PairedResult

SHOWN_DIGITS = 12
# One image more or less moves an accuracy on fewer than a million images by more than this.
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate takes the place.

    Attributes:
        promote: all rules are kept.
        rules: what each says; a rule that params.yaml leaves out does not stand here.
        level: of the comparison; None when none was made.
        p_value: of the comparison.
    """

    promote: bool
    rules: tuple[RuleResult, ...]
    level: float | None = None
    p_value: float | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks against, else what speaks for it."""
        against = tuple(rule.reason for rule in self.rules if not rule.passed)
        return against or tuple(rule.reason for rule in self.rules)


def level_of(alpha: float, number: int) -> float:
    """The level of the comparison with this number, from 1; the levels of all numbers add up to `alpha`."""
    if number < 1:
        raise ValueError(f"comparisons are counted from 1, not {number}")
    return alpha / (number * (number + 1))


def decide(
    candidate: ModelScores, champion: ChampionComparison | None, number: int, gate: GateParams, min_accuracy: float
) -> Verdict:
    """Weigh a candidate against the rules and against the present champion.

    Args:
        candidate: the new version.
        champion: the version that holds the place now, else held it last, if any.
        number: which comparison on this test split this is, from 1.
        gate: the rules.
        min_accuracy: fraction in [0, 1] that every champion must reach.

    Returns:
        Promote when every rule is kept. A rule whose measurement is missing is not kept. A champion of another test
        split stays, because the two do not measure the same thing; so does one with the same weights.
    """
    rules = [*_floors(candidate, gate, min_accuracy)]
    level = p_value = None
    if champion is not None and isinstance(champion.paired, PairedResult) and _is_other(candidate, champion):
        level, p_value = level_of(gate.alpha, number), champion.paired.p_value
        rules.append(_against(champion.who, champion.paired, number, level, gate))
    else:
        rules.append(_without_comparison(candidate, champion))
    return Verdict(all(rule.passed for rule in rules), tuple(rules), level, p_value)


def _floors(candidate: ModelScores, gate: GateParams, min_accuracy: float) -> Iterator[RuleResult]:
    yield _bound("registry.min_accuracy", "accuracy", candidate.accuracy, min_accuracy, is_floor=True)
    named = f"recall of class {candidate.worst_class}, the worst" if candidate.worst_class else "recall of a class"
    yield from _optional("min_class_recall", named, candidate.worst_class_recall, gate.min_class_recall, is_floor=True)
    for name, what, value, limit in (
        ("max_calibration_error", "calibration error", candidate.calibration_error, gate.max_calibration_error),
        ("max_robustness_loss", "loss on spoiled images", candidate.robustness_loss, gate.max_robustness_loss),
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


def _is_other(candidate: ModelScores, champion: ChampionComparison) -> bool:
    return champion.test_digest == candidate.test_digest and champion.weights_digest != candidate.weights_digest


def _without_comparison(candidate: ModelScores, champion: ChampionComparison | None) -> RuleResult:
    rule = "registry.gate.against_champion"
    if champion is None:
        return RuleResult(rule=rule, passed=True, reason="there is no champion to compare with")
    who = champion.who
    if champion.test_digest != candidate.test_digest:
        held = f"test split {champion.test_digest[:SHOWN_DIGITS]}" if champion.test_digest else "an unknown test split"
        why = (
            f"{who} was scored on {held} and this one on test split {candidate.test_digest[:SHOWN_DIGITS]}, so they"
            " cannot be compared; `glyphline promote --force --reason` lets this one in, as does another registry.name"
        )
    elif champion.weights_digest == candidate.weights_digest:
        why = f"not better than {who}: it has the same weights"
    else:
        why = f"{who} and this one were not compared: {champion.paired}"
    return RuleResult(rule=rule, passed=False, reason=why)


def _against(who: str, paired: PairedResult, number: int, level: float, gate: GateParams) -> RuleResult:
    spent = f"level {_small(level)}, comparison {number} on this test split"
    seen = (
        f"{paired.difference:+.4f} on {paired.count:,} images, {paired.only_challenger} right only here and"
        f" {paired.only_champion} only there"
    )
    if gate.against_champion == "better":
        passed = paired.difference > 0 and paired.p_value <= level
        words = "better than" if passed else "not shown to be better than"
        why = f"{words} {who}: {seen}, p {_small(paired.p_value)} at {spent}"
    else:
        # The interval is two-sided; its lower end alone is to hold with probability 1 - level.
        low = paired.interval(1 - 2 * level)[0]
        passed = low >= -gate.margin
        words = "not worse than" if passed else "not shown to be no worse than"
        why = f"{words} {who} by {gate.margin:g}: {seen}, lower end {low:+.4f} at {spent}"
    return RuleResult(rule="registry.gate.against_champion", passed=passed, reason=why)


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{round(value, DECIMALS):g}"


def _small(value: float) -> str:
    return f"{value:.4f}" if value >= 0.001 else f"{value:.1e}"
