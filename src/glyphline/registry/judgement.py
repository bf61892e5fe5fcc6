"""Ask the gate about a version, in whatever state its model is when the answer is written down."""

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


@dataclass(frozen=True, slots=True)
class GateRequest:
    """A version that the gate is to be asked about.

    Attributes:
        version: number in the registry.
        run_id: the run that made it.
        evidence: what was measured of it.
        files: path in its folder -> SHA-256.
        rules: of params.yaml.
        further: what else was looked at, for example its signature.
        asked: a person asks, so that an earlier rollback is no obstacle.
    """

    version: int
    run_id: str
    evidence: VersionArtifacts
    files: dict[str, str]
    rules: RegistryParams
    further: Sequence[RuleResult] = ()
    asked: bool = False


def judge(case: GateRequest, shelf: RunArtifacts, state: RegistryState) -> LogEvent | None:
    """The entry about a version in a state; None when the log says exactly that already."""
    held, measured = state.judgement(case.version), case.evidence.measured(case.version)
    rival = rival_of(case.version, state)
    # Once a version is champion, what was so when it won is what counts.
    vacant = held is not None and held.vacant if state.incumbent == case.version else state.champion is None
    vacant = vacant and rival is not None
    champion = None if rival is None else shelf.champion(rival, state, case.evidence)
    champion = champion and replace(champion, is_in_use=not vacant)
    pair = (measured.weights_digest, (champion and champion.weights_digest) or "")
    number = state.number_of(measured.test_digest, pair)
    verdict = gate.decide(measured, champion, number, case.rules.gate, case.rules.min_accuracy)
    rules = [*verdict.rules, *case.further]
    if case.version in state.withdrawn and not case.asked:
        why = (
            f"version {case.version} was rolled back ({state.withdrawn[case.version]}); `glyphline promote` asks again"
        )
        rules.append(RuleResult(rule="rollback", passed=False, reason=why))
    scored = state.judgement(rival) if rival is not None else None
    found = VersionJudged(
        version=case.version,
        run_id=case.run_id,
        dataset=case.evidence.evaluation.dataset,
        accuracy=measured.accuracy,
        test_digest=measured.test_digest,
        weights_digest=measured.weights_digest,
        predictions_sha256=case.evidence.evaluation.predictions_sha256,
        evaluation_sha256=case.evidence.evaluation_sha256,
        cost_sha256=case.evidence.cost_sha256,
        files=case.files,
        promoted=all(rule.passed for rule in rules),
        rules=log_events.short(tuple(rules)),
        champion=rival,
        champion_weights=champion.weights_digest if champion else None,
        champion_accuracy=scored.accuracy if scored else None,
        comparison=number if verdict.level is not None else None,
        level=verdict.level,
        p_value=verdict.p_value,
        vacant=vacant,
    )
    is_known = held is not None and held.model_dump(exclude=VOLATILE) == found.model_dump(exclude=VOLATILE)
    is_shown = states.after(state, found).aliases == state.aliases
    return None if is_known and is_shown else found


def rival_of(version: int, state: RegistryState) -> int | None:
    """The champion to compare a version with; the last one, where a hand has emptied the place.

    A version that is champion already is compared with the one that it was compared with when it won, so that asking
    again comes to the same answer.
    """
    rival = state.incumbent
    if rival == version:
        held = state.judgement(version)
        rival = held.champion if held else None
    return None if rival in state.removed or rival == version else rival


def decision(name: str, found: VersionJudged, state: RegistryState) -> Decision:
    """The record of a judgement."""
    aliases = tuple(sorted(alias for alias, holder in state.aliases.items() if holder == found.version))
    reasons = found.reasons
    if not found.promoted and state.champion == found.version:
        reasons += (f"version {found.version} keeps the alias champion, which it won before",)
    return Decision(
        name=name,
        version=found.version,
        aliases=aliases,
        promoted=found.promoted,
        reasons=reasons,
        rules=found.rules,
        accuracy=found.accuracy,
        test_digest=found.test_digest,
        weights_digest=found.weights_digest,
        champion_version=found.champion,
        champion_accuracy=found.champion_accuracy,
        comparison=found.comparison,
        level=found.level,
        p_value=found.p_value,
    )
