"""The history of a model and the list of its versions, for people and for programs."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glyphline.registry import log_events
from glyphline.registry.alias_reconciliation import warning_text
from glyphline.registry.labels import DIGEST_CHARACTERS
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
from glyphline.registry.state import RegistryState

WIDTH = 160


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version.

    Attributes:
        version: its number.
        aliases: that it has.
        accuracy: on the test split; None when it was never evaluated.
        interval: 95 %, as its tags have it.
        data: data set and test split.
        commit: of git.
        created_ms: when it was registered, milliseconds since 1970 by the store's clock.
        verdict: of the gate.
        edited: tags that a hand has changed.
    """

    version: int
    aliases: tuple[str, ...]
    accuracy: float | None
    interval: str
    data: str
    commit: str
    created_ms: int
    verdict: str
    edited: tuple[str, ...]


def lines(log: Iterable[LogEvent]) -> Iterable[str]:
    """The log as JSON lines; reading them back in order gives the same state."""
    return (log_events.encode(event) for event in log)


def rows(known: Mapping[int, Any], state: RegistryState) -> list[VersionRow]:
    """The versions, newest first."""
    return [_row(number, known[number], state) for number in sorted(known, reverse=True)]


def show(log: Iterable[LogEvent], console: Console | None = None) -> None:
    """Print the history as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("#", "when", "who", "what"):
        table.add_column(column, no_wrap=column != "what", overflow="fold")
    for event in log:
        # As text: a reason or a name may hold brackets, which rich would take for its markup.
        table.add_row(*map(Text, (str(event.seq), _when(event.time), event.actor, sentence(event))))
    _wide(console).print(table)


def show_models(name: str, found: Iterable[VersionRow], console: Console | None = None) -> None:
    """Print the versions as a table."""
    table = Table(
        title=Text(name, style="table.title"), title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold"
    )
    for column in ("version", "aliases", "accuracy", "data / test split", "commit", "age", "verdict"):
        table.add_column(column, no_wrap=column not in {"verdict", "aliases"}, overflow="fold")
    now = dt.datetime.now(dt.UTC)
    for row in found:
        accuracy = "-" if row.accuracy is None else f"{row.accuracy:.4f}{row.interval}"
        edited = f" (edited by hand: {', '.join(row.edited)})" if row.edited else ""
        aliases = ", ".join(row.aliases)
        age = _age(now - _moment(row.created_ms))
        cells = (str(row.version), aliases, accuracy, row.data, row.commit, age, row.verdict + edited)
        table.add_row(*map(Text, cells))
    _wide(console).print(table)


def sentence(event: LogEvent) -> str:
    """One entry in words."""
    match event:
        case VersionJudged(version=version, promoted=promoted):
            what = "became champion" if promoted else "stays out"
            again = "registered again, " if event.restored else ""
            return f"version {version} {again}{what}: {'; '.join(event.reasons)}"
        case AliasAssigned(alias=alias, version=version, forced=forced):
            why = f": {event.reason}" if event.reason else ""
            return f"version {version} was given {alias}{' by force' if forced else ''}{why}"
        case ChampionRolledBack(version=version, reason=reason):
            return f"champion went back to version {version}: {reason}"
        case AliasChangedByHand() | VersionDeleted() | AliasRestored() | VersionNotJudged():
            return warning_text(event)


def _row(number: int, found: Any, state: RegistryState) -> VersionRow:
    held = state.judgement(number)
    tags = found.tags
    aliases = tuple(sorted(alias for alias, version in state.aliases.items() if version == number))
    other = sorted(set(found.aliases or ()) - set(aliases)) if found.aliases else []
    if held is None:
        return VersionRow(number, (*aliases, *other), None, "", "", "", found.creation_timestamp, "never evaluated", ())
    told_by_log = {
        "dataset": held.dataset,
        "accuracy": f"{held.accuracy:.6f}",
        "test_digest": held.test_digest[:DIGEST_CHARACTERS],
        "weights_digest": held.weights_digest[:DIGEST_CHARACTERS],
        "verdict": "passed" if held.promoted else "refused",
    }
    ends = tags.get("accuracy_low"), tags.get("accuracy_high")
    interval = f" ({float(ends[0]):.4f}-{float(ends[1]):.4f})" if all(map(_is_number, ends)) else ""
    return VersionRow(
        version=number,
        aliases=(*aliases, *other),
        accuracy=held.accuracy,
        interval=interval,
        data=f"{held.dataset} / {held.test_digest[:DIGEST_CHARACTERS]}",
        commit=tags.get("commit", ""),
        created_ms=found.creation_timestamp,
        verdict="passed" if held.promoted else f"refused: {held.reasons[0]}",
        edited=tuple(key for key, value in told_by_log.items() if tags.get(key) != value),
    )


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def _when(time_ms: int) -> str:
    return _moment(time_ms).strftime("%Y-%m-%d %H:%M:%S")


def _moment(time_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC)


def _age(age: dt.timedelta) -> str:
    # A clock that was set back makes an age negative; it is told as it is.
    seconds = int(age.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _wide(console: Console | None) -> Console:
    console = console or Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console
