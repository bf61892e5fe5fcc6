"""Move `champion` on purpose: promote a version, or go back to an earlier one."""

import re
from dataclasses import dataclass

from glyphline.errors import RegistryError
from glyphline.params.registry import RegistryParams
from glyphline.registry import integrity, labels, signing
from glyphline.registry.alias_updates import RegistryView
from glyphline.registry.judgement import GateRequest, judge
from glyphline.registry.log_events import (
    MAX_REASON_CHARACTERS,
    AliasAssigned,
    ChampionRolledBack,
    LogEvent,
    VersionJudged,
)
from glyphline.registry.session import Session
from glyphline.registry.signing import Keys
from glyphline.registry.state import CHALLENGER, CHAMPION, PREVIOUS, RegistryState


@dataclass(frozen=True, slots=True)
class PromotionResult:
    """What a command did to an alias.

    Attributes:
        name: of the registered model.
        alias: that was given.
        version: that has it now.
        before: that had it.
        reason: why, in words.
    """

    name: str
    alias: str
    version: int
    before: int | None
    reason: str


def promote(
    session: Session,
    wanted: int | str,
    rules: RegistryParams,
    keys: Keys | None = None,
    *,
    alias: str = CHAMPION,
    reason: str = "",
) -> PromotionResult:
    """Give an alias to a version; `champion` only when the gate lets it.

    Args:
        session: the open model.
        wanted: number of a version, an alias of one, or the id of the MLflow run that it was made of.
        rules: of the gate.
        keys: to check a signature with.
        alias: `champion`, or a name of one's own.
        reason: why, for the history; of a name of one's own. The gate gives its reasons itself.

    Raises:
        RegistryError: there is no such version, it was never evaluated, the gate refuses it, its signature does not
            hold and must, or MLflow keeps the alias for itself.
        ArtifactError: its files are not what was registered, or its evaluation is not what it was judged by.
    """
    _check_alias(alias)
    now = session.settled()
    before = now.state
    version, held = _judged(session, now, wanted)
    fault = signature_fault(session, now, held, keys)
    if alias != CHAMPION:
        _check_signature(version, fault, rules)
        event = AliasAssigned(alias=alias, version=version, forced=False, reason=_words(reason))
        _, after = session.ledger.commit(lambda state: None if state.aliases.get(alias) == version else event)
        _check_moved(after, alias, version)
        return PromotionResult(
            session.to.name, alias, version, before.aliases.get(alias), event.reason or "as asked for"
        )
    evidence = session.shelf.of_version(held)
    further = signing.rule(fault, required=rules.require_signature)
    case = GateRequest(version, held.run_id, evidence, held.files, rules, further, asked=True)
    _, after = session.ledger.commit(lambda state: judge(case, session.shelf, state))
    found = after.judgement(version)
    assert found is not None
    labels.show(session.registry, found, after, session.shelf.card(found.run_id))
    if not found.promoted and after.champion != version:
        raise RegistryError(
            f"version {version} stays out: {'; '.join(found.reasons)}",
            fix=f"to let it in all the same: `glyphline promote {version} --force --reason '...'`",
        )
    return PromotionResult(session.to.name, CHAMPION, version, before.champion, "; ".join(found.reasons))


def force(
    session: Session, wanted: int | str, reason: str, rules: RegistryParams, keys: Keys | None = None
) -> PromotionResult:
    """Make a version champion without asking the gate; the history keeps the reason.

    Even so the version must have been evaluated, its files must be what was registered, and where `rules` require a
    signature it must hold.

    Raises:
        RegistryError: there is no such version, it was never evaluated, no reason is given, or its signature does not
            hold and must.
        ArtifactError: its files are not what was registered.
    """
    reason = _reason(reason)
    now = session.settled()
    version, held = _judged(session, now, wanted)
    _check_signature(version, signature_fault(session, now, held, keys), rules)
    event = AliasAssigned(alias=CHAMPION, version=version, forced=True, reason=reason)
    _, after = session.ledger.commit(lambda state: None if state.champion == version else event)
    _check_moved(after, CHAMPION, version)
    return PromotionResult(session.to.name, CHAMPION, version, now.state.champion, f"forced: {reason}")


def roll_back(
    session: Session, to: int | str | None, reason: str, rules: RegistryParams, keys: Keys | None = None
) -> PromotionResult:
    """Give `champion` back to a version that had it before.

    Args:
        session: the open model.
        to: which; None takes the one before the present.
        reason: why, for the history; it also keeps the gate from letting the undone versions in again by itself.
        rules: say whether a signature is required.
        keys: to check it with.

    Raises:
        RegistryError: there is no earlier champion, `to` never was one, it was never evaluated, or its signature does
            not hold and must.
        ArtifactError: the files of the version are not what was registered.
    """
    now = session.settled()
    before = now.state
    target = before.previous if to is None else number(session, now, to)
    if target is None:
        raise RegistryError(
            f"{session.to.name} has had no other champion to go back to",
            fix="`glyphline history` shows who held the alias; `glyphline promote` takes any version",
        )
    if target not in before.line or target == before.champion:
        earlier = ", ".join(map(str, dict.fromkeys(one for one in before.line if one != before.champion))) or "none"
        raise RegistryError(
            f"version {target} is no earlier champion of {session.to.name}",
            fix=f"earlier champions: {earlier}; `glyphline promote` takes any version",
        )
    _, held = _judged(session, now, target)
    _check_signature(target, signature_fault(session, now, held, keys), rules)
    event = ChampionRolledBack(version=target, reason=_reason(reason))

    def decide(state: RegistryState) -> LogEvent | None:
        # Somebody else may have rolled back meanwhile; going back twice would be one step too many.
        return event if state.champion == before.champion and target in state.line else None

    _, after = session.ledger.commit(decide)
    _check_moved(after, CHAMPION, target)
    return PromotionResult(session.to.name, CHAMPION, target, before.champion, event.reason)


def signature_fault(session: Session, now: RegistryView, held: VersionJudged, keys: Keys | None) -> str | None:
    """Check the files of a version against the log; what is wrong with its signature, or None.

    Raises:
        RegistryError: the version is gone.
        ArtifactError: a file was changed, added or removed, or is not let through.
    """
    if held.version not in now.versions:
        raise _unknown(session, now, str(held.version))
    with integrity.fetched(session.to.uri, now.versions[held.version].source) as folder:
        integrity.verify(folder, held.files, f"version {held.version} of {session.to.name}")
        return signing.fault(folder, keys.public) if keys else signing.UNSIGNED


def number(session: Session, now: RegistryView, wanted: int | str) -> int:
    """The number of a version that was named by its number, an alias, or the run that it was made of.

    Raises:
        RegistryError: there is none.
    """
    if isinstance(wanted, str) and wanted in now.state.aliases:
        return now.state.aliases[wanted]
    for version, found in now.versions.items():
        if wanted == version or (isinstance(wanted, str) and found.run_id and found.run_id == wanted):
            return version
    raise _unknown(session, now, str(wanted))


def _judged(session: Session, now: RegistryView, wanted: int | str) -> tuple[int, VersionJudged]:
    version = number(session, now, wanted)
    held = now.state.judgement(version)
    if held is None:
        raise RegistryError(
            f"version {version} of {session.to.name} was never evaluated by Glyphline, so nothing speaks for it",
            fix="train and evaluate it with `dvc repro`; that registers it too",
        )
    return version, held


def _check_signature(version: int, fault: str | None, rules: RegistryParams) -> None:
    for broken in signing.rule(fault, required=rules.require_signature):
        if not broken.passed:
            raise RegistryError(
                f"version {version} stays out: {broken.reason}",
                fix="register it again with registry.signing_key, or set registry.require_signature to false",
            )


def _check_moved(after: RegistryState, alias: str, version: int) -> None:
    held = after.aliases.get(alias)
    if held != version:
        what = f"{alias} moved to {f'version {held}' if held else 'nobody'}"
        why = f"version {version} was deleted" if version in after.removed else what
        raise RegistryError(f"{why} while this command ran", fix="look at `glyphline history`")


def _check_alias(alias: str) -> None:
    # MLflow looks at the case of neither, and some databases at that of no name.
    lower = alias.lower()
    if lower == "latest" or re.fullmatch(r"v\d+", lower):
        raise RegistryError(f"MLflow keeps the alias {alias!r} for itself", fix="choose another name")
    if lower in {CHALLENGER, PREVIOUS}:
        raise RegistryError(f"{lower} follows from the history and is not given by hand", fix="choose another name")
    if lower == CHAMPION != alias:
        raise RegistryError(f"{alias!r} would be taken for {CHAMPION}", fix=f"write {CHAMPION}, or choose another name")
    if not re.fullmatch(r"[A-Za-z][\w-]{0,62}", alias):
        raise RegistryError(f"{alias!r} cannot be an alias", fix="letters, digits, _ and -, beginning with a letter")


def _reason(text: str) -> str:
    words = _words(text)
    if not words:
        raise RegistryError("no reason is given", fix="say why, for those who read the history: --reason '...'")
    return words


def _words(text: str) -> str:
    return " ".join(text.split())[:MAX_REASON_CHARACTERS]


def _unknown(session: Session, now: RegistryView, wanted: str) -> RegistryError:
    versions = sorted(now.versions)
    held = f"versions: {', '.join(map(str, versions[-10:]))}" if versions else "it has no version"
    return RegistryError(f"{session.to.name} has no version {wanted}", fix=f"{held}; `glyphline models` shows them")
