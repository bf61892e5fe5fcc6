"""Have the gate decide about a version, on the state in which its answer is written down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from glyphline.params.registry import RegistryParams
from glyphline.records import Decision, RuleResult
from glyphline.registry import gate, log_events
from glyphline.registry import state as states
from glyphline.registry.log_events import LogEvent, VersionJudged
from glyphline.registry.run_artifacts import RunArtifacts, VersionArtifacts
from glyphline.registry.state import RegistryState

VOLATILE = {"seq", "id", "time", "actor", "machine"}
# What decision.json repeats of an entry of the log under the same name.
REPEATED = set(Decision.model_fields) & set(VersionJudged.model_fields)


@dataclass(frozen=True, slots=True)
class GateRequest:
    """A version that the gate is to decide about.

    Attributes:
        version: number in the registry.
        run_id: the run that made it.
        artifacts: what was measured of it.
        files: path in its folder -> SHA-256.
        params: the rules of the gate.
        extra_rules: results of further rules, for example about its signature.
        is_manual: a person asks, so that an earlier rollback is no obstacle.
    """

    version: int
    run_id: str
    artifacts: VersionArtifacts
    files: dict[str, str]
    params: RegistryParams
    extra_rules: Sequence[RuleResult] = ()
    is_manual: bool = False


def judge(request: GateRequest, artifacts: RunArtifacts, state: RegistryState) -> LogEvent | None:
    """The entry about a version in a state; None when the log says exactly that already."""
    version, evaluation = request.version, request.artifacts.evaluation
    known = state.judgement(version)
    opponent = champion_to_compare(version, state)
    # Once a version is champion, what counts is whether there was a champion when it won.
    is_unset = known is not None and known.vacant if state.last_champion == version else state.champion is None
    is_unset = is_unset and opponent is not None
    champion = None if opponent is None else artifacts.compare(opponent, state, request.artifacts)
    champion = champion and replace(champion, is_current=not is_unset)
    pair = (evaluation.weights_digest, (champion and champion.weights_digest) or "")
    number = state.comparison_number(evaluation.test_digest, pair)
    verdict = gate.decide(request.artifacts.scores, champion, number, request.params.gate, request.params.min_accuracy)
    rules = [*verdict.rules, *request.extra_rules]
    if version in state.rolled_back and not request.is_manual:
        why = f"version {version} was rolled back ({state.rolled_back[version]}); `glyphline promote` asks again"
        rules.append(RuleResult(rule="rollback", passed=False, reason=why))
    opponent_judgement = state.judgement(opponent) if opponent is not None else None
    judged = VersionJudged(
        **log_events.evaluated(evaluation),
        version=version,
        run_id=request.run_id,
        evaluation_sha256=request.artifacts.evaluation_sha256,
        cost_sha256=request.artifacts.cost_sha256,
        card_sha256=request.artifacts.card_sha256,
        files=request.files,
        promoted=all(rule.passed for rule in rules),
        rules=log_events.short(tuple(rules)),
        champion=opponent,
        champion_weights=champion.weights_digest if champion else None,
        champion_accuracy=opponent_judgement.accuracy if opponent_judgement else None,
        comparison=number if verdict.level is not None else None,
        level=verdict.level,
        p_value=verdict.p_value,
        vacant=is_unset,
    )
    is_known = known is not None and known.model_dump(exclude=VOLATILE) == judged.model_dump(exclude=VOLATILE)
    is_shown = states.apply(state, judged).aliases == state.aliases
    return None if is_known and is_shown else judged


def champion_to_compare(version: int, state: RegistryState) -> int | None:
    """The champion to compare a version with; the last champion, while no version has the alias.

    A version that is champion already is compared with the one that it was compared with when it won, so that asking
    again gives the same answer.
    """
    champion = state.last_champion
    if champion == version:
        judged = state.judgement(version)
        champion = judged.champion if judged else None
    return None if champion in state.deleted or champion == version else champion


def reasons(judged: VersionJudged, state: RegistryState) -> tuple[str, ...]:
    """The reasons of a judgement; they say so when the version fails the rules and is champion all the same."""
    if judged.promoted or state.champion != judged.version:
        return judged.reasons
    return (*judged.reasons, f"version {judged.version} keeps the alias champion, which it won before")


def decision(name: str, judged: VersionJudged, state: RegistryState) -> Decision:
    """The record of a judgement."""
    return Decision(
        name=name,
        aliases=tuple(sorted(alias for alias, version in state.aliases.items() if version == judged.version)),
        reasons=reasons(judged, state),
        champion_version=judged.champion,
        **judged.model_dump(include=REPEATED),
    )
