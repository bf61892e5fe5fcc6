"""What the registry shows and the log does not say: changes by hand, late writes, and versions that nobody judged."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glyphline.registry import state as states
from glyphline.registry.log_events import AliasChangedByHand, AliasRestored, LogEvent, VersionDeleted, VersionNotJudged
from glyphline.registry.state import CHAMPION, MANAGED, PREVIOUS, RegistryState

if TYPE_CHECKING:
    from glyphline.registry.log import Entries

TAKEOVER = "instead-"
"""How the note begins of a writer that set the aliases in another one's stead."""


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """What the registry showed, looked at after the log was read.

    Attributes:
        aliases: alias -> version.
        versions: number -> MLflow's version, of those from `since` on.
        since: lowest number that was looked for; None when no versions were.
    """

    aliases: Mapping[str, int]
    versions: Mapping[int, Any]
    since: int | None


@dataclass(frozen=True, slots=True)
class Observer:
    """Who looks.

    Attributes:
        machine: identity of the machine; no other process of it writes at the moment.
        unfinished_s: age from which a version of another machine that was not judged counts as broken off.
        registering: versions that this process is about to have judged.
    """

    machine: str
    unfinished_s: float
    registering: Collection[int]


def first_difference(entries: "Entries", look: RegistrySnapshot, observer: Observer) -> LogEvent | None:
    """The entry about the first difference; None when the registry shows what the log says."""
    return (
        _removed(entries.state, look)
        or _moved(entries, look.aliases)
        or _unjudged(entries.state, look.versions, observer)
    )


def order(alias: str) -> tuple[int, str]:
    """Sorts aliases by when they are to be set.

    `previous` before `champion`: who dies in between leaves the old champion in its place, and not lost.
    """
    return {PREVIOUS: 0, CHAMPION: 1}.get(alias, 2), alias


def warning_text(event: LogEvent) -> str:
    """What a warning says about something that was found."""
    match event:
        case AliasChangedByHand(alias=alias, before=before, version=version):
            was = f"from version {before}" if before else "from nobody"
            now = f"to version {version}" if version else "to nobody"
            back = "; it follows from the history and is put back" if alias == PREVIOUS else ""
            return f"alias {alias} was moved by hand {was} {now}{back}"
        case VersionDeleted(version=version):
            return f"version {version} was deleted by hand"
        case AliasRestored(alias=alias, late=late):
            return f"alias {alias} is put back: an interrupted command (entry {late}) had moved it late"
        case VersionNotJudged(version=version, why=why):
            return f"version {version} has no verdict: {why}"
        case _:
            return event.kind


def _removed(state: RegistryState, look: RegistrySnapshot) -> LogEvent | None:
    if look.since is not None:
        # A hand may have given an alias to a version that was deleted before it was looked at.
        for version in dict.fromkeys((*state.judged, *state.line, *state.aliases.values())):
            if version >= look.since and version not in look.versions and version not in state.removed:
                return VersionDeleted(version=version)
    return None


def _moved(entries: "Entries", present: Mapping[str, int]) -> LogEvent | None:
    wanted = entries.state.aliases
    for alias in sorted(wanted.keys() | present.keys(), key=order):
        is_ours = alias in MANAGED or alias in wanted
        if is_ours and present.get(alias) != wanted.get(alias):
            return _late(entries, alias, present.get(alias)) or AliasChangedByHand(
                alias=alias, before=wanted.get(alias), version=present.get(alias)
            )
    return None


def _late(entries: "Entries", alias: str, held: int | None) -> LogEvent | None:
    # The writer of an entry that somebody else had to show may have been cut off with its request on the way.
    if held is None:
        return None
    answered = {event.late for event in entries.events if isinstance(event, AliasRestored) and event.alias == alias}
    state, last = RegistryState(), None
    for event in entries.events:
        state = states.fold([event], state)
        taken_over = entries.shown_by.get(event.seq, "").startswith(TAKEOVER)
        if taken_over and event.seq not in answered and state.aliases.get(alias) == held:
            last = event.seq
    return None if last is None else AliasRestored(alias=alias, late=last)


def _unjudged(state: RegistryState, versions: Mapping[int, Any], observer: Observer) -> LogEvent | None:
    for version, found in sorted(versions.items()):
        if version in state.judged:
            continue
        machine = found.tags.get("machine")
        if machine is None:
            return VersionNotJudged(version=version, run_id=found.run_id or None, why="made without Glyphline")
        age_s = time.time() - found.creation_timestamp / 1000
        is_over = machine == observer.machine or age_s > observer.unfinished_s
        if version not in observer.registering and is_over:
            return VersionNotJudged(version=version, run_id=found.run_id, why="its registration was interrupted")
    return None
