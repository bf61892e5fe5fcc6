"""The history of a model, for people and for programs."""

import datetime as dt
from collections.abc import Iterable

from rich.console import Console

from glyphline.registry import log_events
from glyphline.registry.alias_reconciliation import warning_text
from glyphline.registry.log_events import (
    AliasAssigned,
    AliasChangedByHand,
    AliasRestored,
    ChampionRolledBack,
    LogEvent,
    VersionDeleted,
    VersionJudged,
    VersionNotJudged,
)
from glyphline.terminal_table import Column, show_rows


def lines(events: Iterable[LogEvent]) -> Iterable[str]:
    """The log as JSON lines; reading them back in order gives the same state."""
    return (log_events.encode(event) for event in events)


def show(events: Iterable[LogEvent], console: Console) -> None:
    """Print the history as a table."""
    rows = []
    for event in events:
        when = dt.datetime.fromtimestamp(event.time / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
        rows.append((str(event.seq), when, event.actor, sentence(event)))
    show_rows(console, [Column("#"), Column("when"), Column("who"), Column("what", words=True)], rows)


def sentence(event: LogEvent) -> str:
    """One entry in words."""
    match event:
        case VersionJudged(version=version, promoted=promoted):
            outcome = "became champion" if promoted else "did not become champion"
            again = "registered again, " if event.restored else ""
            return f"version {version} {again}{outcome}: {'; '.join(event.reasons)}"
        case AliasAssigned(alias=alias, version=version, forced=forced):
            why = f": {event.reason}" if event.reason else ""
            return f"version {version} was given {alias}{' by force' if forced else ''}{why}"
        case ChampionRolledBack(version=version, reason=reason):
            return f"champion went back to version {version}: {reason}"
        case AliasChangedByHand() | VersionDeleted() | AliasRestored() | VersionNotJudged():
            return warning_text(event)
