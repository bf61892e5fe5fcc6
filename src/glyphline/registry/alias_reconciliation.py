"""Differences between the registry and the log: changes by hand, late writes, and versions that were not judged."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glyphline.registry import state as states
from glyphline.registry.log_events import AliasChangedByHand, AliasRestored, LogEvent, VersionDeleted, VersionNotJudged
from glyphline.registry.registered_model import read_tag
from glyphline.registry.state import CHAMPION, MANAGED, PREVIOUS, RegistryState

if TYPE_CHECKING:
    from glyphline.registry.log import Entries

TAKEOVER = "instead-"
"""The note of a writer begins with this when it set the aliases of an entry that another process wrote."""


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """What the registry showed after the log was read.

    Attributes:
        aliases: alias -> version.
        versions: number -> MLflow's version, of those from `since` on.
        since: lowest number that was asked for; None when no versions were.
    """

    aliases: Mapping[str, int]
    versions: Mapping[int, Any]
    since: int | None


@dataclass(frozen=True, slots=True)
class LocalWriter:
    """The process that compares the registry with the log.

    Attributes:
        machine: identity of the machine; no other process of it writes at the moment.
        unfinished_s: age from which a version of another machine that was not judged counts as interrupted.
        registering: versions that this process has made and not judged yet.
    """

    machine: str
    unfinished_s: float
    registering: Collection[int]


def first_difference(entries: "Entries", snapshot: RegistrySnapshot, writer: LocalWriter) -> LogEvent | None:
    """The entry about the first difference; None when the registry shows what the log says."""
    return (
        _deleted_version(entries.state, snapshot)
        or _moved_alias(entries, snapshot.aliases)
        or _version_without_judgement(entries.state, snapshot.versions, writer)
    )


def order(alias: str) -> tuple[int, str]:
    """Sorts aliases by when they are to be set.

    `previous` before `champion`: a process that dies in between leaves the old champion in its place.
    """
    return {PREVIOUS: 0, CHAMPION: 1}.get(alias, 2), alias


def warning_text(event: LogEvent) -> str:
    """A difference in words, for a warning."""
    match event:
        case AliasChangedByHand(alias=alias, before=before, version=version):
            old = f"from version {before}" if before else "from no version"
            new = f"to version {version}" if version else "to no version"
            restored = "; it follows from the history and is put back" if alias == PREVIOUS else ""
            return f"alias {alias} was moved by hand {old} {new}{restored}"
        case VersionDeleted(version=version):
            return f"version {version} was deleted by hand"
        case AliasRestored(alias=alias, late=late):
            return f"alias {alias} is put back: an interrupted command (entry {late}) had moved it late"
        case VersionNotJudged(version=version, why=why):
            return f"version {version} has no verdict: {why}"
        case _:
            return event.kind


def _deleted_version(state: RegistryState, snapshot: RegistrySnapshot) -> LogEvent | None:
    if snapshot.since is not None:
        # A person may have given an alias to a version and deleted it before the registry was read.
        for version in dict.fromkeys((*state.judgements, *state.champions, *state.aliases.values())):
            if version >= snapshot.since and version not in snapshot.versions and version not in state.deleted:
                return VersionDeleted(version=version)
    return None


def _moved_alias(entries: "Entries", present: Mapping[str, int]) -> LogEvent | None:
    wanted = entries.state.aliases
    for alias in sorted(wanted.keys() | present.keys(), key=order):
        is_ours = alias in MANAGED or alias in wanted
        if is_ours and present.get(alias) != wanted.get(alias):
            return _late_write(entries, alias, present.get(alias)) or AliasChangedByHand(
                alias=alias, before=wanted.get(alias), version=present.get(alias)
            )
    return None


def _late_write(entries: "Entries", alias: str, present: int | None) -> LogEvent | None:
    # When another process had to set the aliases of an entry, a request of the entry's own writer may arrive after it.
    if present is None:
        return None
    answered = {event.late for event in entries.events if isinstance(event, AliasRestored) and event.alias == alias}
    state, last = RegistryState(), None
    for event in entries.events:
        state = states.fold([event], state)
        is_taken_over = entries.shown_by.get(event.seq, "").startswith(TAKEOVER)
        if is_taken_over and event.seq not in answered and state.aliases.get(alias) == present:
            last = event.seq
    return None if last is None else AliasRestored(alias=alias, late=last)


def _version_without_judgement(
    state: RegistryState, versions: Mapping[int, Any], writer: LocalWriter
) -> LogEvent | None:
    for number, version in sorted(versions.items()):
        if number in state.judgements:
            continue
        machine = read_tag(version.tags, "machine")
        if machine is None:
            return VersionNotJudged(version=number, run_id=version.run_id or None, why="made without Glyphline")
        age_s = time.time() - version.creation_timestamp / 1000
        is_over = machine == writer.machine or age_s > writer.unfinished_s
        if number not in writer.registering and is_over:
            return VersionNotJudged(version=number, run_id=version.run_id, why="its registration was interrupted")
    return None
