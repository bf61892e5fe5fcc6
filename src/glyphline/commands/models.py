"""The versions of a registered model, as a table."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from glyphline.registry import labels
from glyphline.registry.alias_updates import RegistryView
from glyphline.registry.registered_model import read_tag
from glyphline.registry.state import RegistryState
from glyphline.terminal_table import Column, show_rows


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
        edited: tags that were changed by hand.
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


def rows(view: RegistryView) -> list[VersionRow]:
    """The versions, newest first."""
    return [_row(number, view.versions[number], view.state) for number in sorted(view.versions, reverse=True)]


def show(name: str, versions: Iterable[VersionRow], console: Console) -> None:
    """Print the versions as a table."""
    columns = ("version", "aliases", "accuracy", "data / test split", "commit", "age", "verdict")
    lines = []
    now = dt.datetime.now(dt.UTC)
    for row in versions:
        accuracy = "-" if row.accuracy is None else f"{row.accuracy:.4f}{row.interval}"
        edited = f" (edited by hand: {', '.join(row.edited)})" if row.edited else ""
        aliases = ", ".join(row.aliases)
        age = _age(now - dt.datetime.fromtimestamp(row.created_ms / 1000, dt.UTC))
        lines.append((str(row.version), aliases, accuracy, row.data, row.commit, age, row.verdict + edited))
    words, optional = {"aliases", "verdict"}, {"data / test split", "commit", "age"}
    shown = [Column(heading, words=heading in words, optional=heading in optional) for heading in columns]
    show_rows(console, shown, lines, title=name)


def _row(number: int, version: Any, state: RegistryState) -> VersionRow:
    judged, tags = state.judgement(number), version.tags
    managed = tuple(sorted(alias for alias, holder in state.aliases.items() if holder == number))
    aliases = (*managed, *sorted(set(version.aliases or ()) - set(managed)))
    if judged is None:
        return VersionRow(number, aliases, None, "", "", "", version.creation_timestamp, labels.NEVER, ())
    expected = labels.scores(judged) | labels.verdict(judged)
    low, high = (_number(read_tag(tags, name)) for name in ("accuracy_low", "accuracy_high"))
    interval = "" if low is None or high is None else f" ({low:.4f}-{high:.4f})"
    return VersionRow(
        version=number,
        aliases=aliases,
        accuracy=judged.accuracy,
        interval=interval,
        data=f"{judged.dataset} / {judged.test_digest[: labels.DIGEST_CHARACTERS]}",
        commit=tags.get("commit", ""),
        created_ms=version.creation_timestamp,
        verdict="passed" if judged.promoted else f"refused: {judged.reasons[0]}",
        edited=tuple(key for key, value in expected.items() if tags.get(key) != value),
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _age(age: dt.timedelta) -> str:
    # A clock that was set back makes an age negative; it is shown as it is.
    seconds = int(age.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
