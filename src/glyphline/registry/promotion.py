"""Change aliases at a person's request: promote a version, or go back to an earlier champion."""

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
    """The alias that a command gave to a version.

    Attributes:
        name: of the registered model.
        alias: its name.
        version: the version that has it now.
        before: the version that had it before.
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
    params: RegistryParams,
    keys: Keys | None = None,
    *,
    alias: str = CHAMPION,
    reason: str = "",
) -> PromotionResult:
    """Give an alias to a version; `champion` only when the version passes the gate.

    Args:
        session: the open model.
        wanted: number of a version, an alias of one, or the id of the MLflow run that it was made of.
        params: the rules of the gate.
        keys: to check a signature with.
        alias: `champion`, or a name of one's own.
        reason: why, for the history; only with a name of one's own, because the gate gives its own reasons.

    Raises:
        RegistryError: there is no such version, it was never evaluated, the gate refuses it, its signature is not
            valid and must be, or MLflow keeps the alias for itself.
        ArtifactError: its files are not what was registered, or its evaluation is not what it was judged by.
    """
    _check_alias(alias)
    view = session.reconcile()
    before = view.state.aliases.get(alias)
    version, judged = _judged(session, view, wanted)
    fault = signature_fault(session, view, judged, keys)
    if alias != CHAMPION:
        _check_signature(version, fault, params)
        _assign(session, AliasAssigned(alias=alias, version=version, forced=False, reason=_one_line(reason)))
        return PromotionResult(session.location.name, alias, version, before, _one_line(reason) or "as asked for")
    artifacts = session.artifacts.of_version(judged)
    extra_rules = signing.rule(fault, required=params.require_signature)
    request = GateRequest(version, judged.run_id, artifacts, judged.files, params, extra_rules, is_manual=True)
    _, after = session.updater.commit(lambda state: judge(request, session.artifacts, state))
    latest = after.judgement(version)
    assert latest is not None
    labels.write(session.model, latest, after, session.artifacts.card(latest))
    if not latest.promoted and after.champion != version:
        raise RegistryError(
            f"version {version} is not promoted: {'; '.join(latest.reasons)}",
            fix="to promote it all the same: `glyphline promote"
            f" models:/{session.location.name}/{version} --force --reason '...'`",
        )
    return PromotionResult(session.location.name, CHAMPION, version, before, "; ".join(latest.reasons))


def force(
    session: Session, wanted: int | str, reason: str, params: RegistryParams, keys: Keys | None = None
) -> PromotionResult:
    """Make a version champion without asking the gate; the history keeps the reason.

    Even so the version must have been evaluated, its files must be what was registered, and where `params` require a
    signature it must be valid.

    Raises:
        RegistryError: there is no such version, it was never evaluated, no reason is given, or its signature is not
            valid and must be.
        ArtifactError: its files are not what was registered.
    """
    reason = _reason(reason)
    view = session.reconcile()
    version, judged = _judged(session, view, wanted)
    _check_signature(version, signature_fault(session, view, judged, keys), params)
    _assign(session, AliasAssigned(alias=CHAMPION, version=version, forced=True, reason=reason))
    return PromotionResult(session.location.name, CHAMPION, version, view.state.champion, f"forced: {reason}")


def roll_back(
    session: Session, to: int | str | None, reason: str, params: RegistryParams, keys: Keys | None = None
) -> PromotionResult:
    """Give `champion` back to a version that had it before.

    Args:
        session: the open model.
        to: which; None takes the champion before the present one.
        reason: why, for the history; it also keeps the gate from promoting the undone versions again by itself.
        params: say whether a signature is required.
        keys: to check it with.

    Raises:
        RegistryError: there is no earlier champion, `to` never was one, it was never evaluated, or its signature is
            not valid and must be.
        ArtifactError: the files of the version are not what was registered.
    """
    view = session.reconcile()
    before = view.state
    target = before.previous if to is None else version_number(session, view, to)
    if target is None:
        raise RegistryError(
            f"{session.location.name} has had no other champion to go back to",
            fix=f"`glyphline history {session.location.name}` shows which versions were champion; `glyphline promote`"
            " takes any version",
        )
    earlier = dict.fromkeys(version for version in before.champions if version != before.champion)
    if target not in earlier:
        raise RegistryError(
            f"version {target} is no earlier champion of {session.location.name}",
            fix=f"earlier champions: {', '.join(map(str, earlier)) or 'none'}; `glyphline promote` takes any version",
        )
    _, judged = _judged(session, view, target)
    _check_signature(target, signature_fault(session, view, judged, keys), params)
    event = ChampionRolledBack(version=target, reason=_reason(reason))

    def decide(state: RegistryState) -> LogEvent | None:
        # Another process may have rolled back meanwhile; a second rollback would go one step too far.
        return event if state.champion == before.champion and target in state.champions else None

    _, after = session.updater.commit(decide)
    _check_moved(after, CHAMPION, target)
    return PromotionResult(session.location.name, CHAMPION, target, before.champion, event.reason)


def signature_fault(session: Session, view: RegistryView, judged: VersionJudged, keys: Keys | None) -> str | None:
    """Check the files of a version against the log; what is wrong with its signature, or None.

    Raises:
        RegistryError: the version is gone.
        ArtifactError: a file was changed, added or removed, or is refused.
    """
    if judged.version not in view.versions:
        raise _unknown(session, view, str(judged.version))
    with integrity.fetched(session.location, view.versions[judged.version].source) as folder:
        integrity.verify(folder, judged.files, f"version {judged.version} of {session.location.name}")
        return signing.fault(folder, keys.public) if keys else signing.UNSIGNED


def version_number(session: Session, view: RegistryView, wanted: int | str) -> int:
    """The number of a version that was named by its number, an alias, or the run that it was made of.

    Raises:
        RegistryError: there is none.
    """
    if isinstance(wanted, str) and wanted in view.state.aliases:
        return view.state.aliases[wanted]
    for number, version in view.versions.items():
        if wanted == number or (isinstance(wanted, str) and version.run_id and version.run_id == wanted):
            return number
    raise _unknown(session, view, str(wanted))


def _assign(session: Session, event: AliasAssigned) -> None:
    _, after = session.updater.commit(lambda state: None if state.aliases.get(event.alias) == event.version else event)
    _check_moved(after, event.alias, event.version)


def _judged(session: Session, view: RegistryView, wanted: int | str) -> tuple[int, VersionJudged]:
    version = version_number(session, view, wanted)
    judged = view.state.judgement(version)
    if judged is None:
        raise RegistryError(
            f"version {version} of {session.location.name} was never evaluated by Glyphline, so its quality is unknown",
            fix="train and evaluate it with `dvc repro`; that registers it too",
        )
    return version, judged


def _check_signature(version: int, fault: str | None, params: RegistryParams) -> None:
    for rule in signing.rule(fault, required=params.require_signature):
        if not rule.passed:
            raise RegistryError(
                f"version {version} is not promoted: {rule.reason}",
                fix="register it again with registry.signing_key, or set registry.require_signature to false",
            )


def _check_moved(after: RegistryState, alias: str, version: int) -> None:
    present = after.aliases.get(alias)
    if present != version:
        move = f"{alias} moved to {f'version {present}' if present else 'no version'}"
        why = f"version {version} was deleted" if version in after.deleted else move
        raise RegistryError(f"{why} while this command ran", fix="look at `glyphline history`")


def _check_alias(alias: str) -> None:
    # MLflow ignores the case of these names, and some databases that of every name.
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
    reason = _one_line(text)
    if not reason:
        raise RegistryError("no reason is given", fix="say why, for those who read the history: --reason '...'")
    return reason


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_REASON_CHARACTERS]


def _unknown(session: Session, view: RegistryView, wanted: str) -> RegistryError:
    versions = sorted(view.versions)
    existing = f"versions: {', '.join(map(str, versions[-10:]))}" if versions else "it has no version"
    return RegistryError(
        f"{session.location.name} has no version {wanted}",
        fix=f"{existing}; `glyphline models {session.location.name}` shows them",
    )
