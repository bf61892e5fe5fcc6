"""What the log of a model adds up to: who holds which alias, what was judged, how often each test split was used."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

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

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
MANAGED = (CHAMPION, CHALLENGER, PREVIOUS)

Pair = tuple[str, str]
"""Digests of the weights of a challenger and of the champion that it was compared with."""


@dataclass(frozen=True, slots=True)
class RegistryState:
    """The sum of the entries so far.

    Attributes:
        seq: place of the last entry.
        line: the versions that held `champion` up to now, oldest first; a rollback takes the later ones off.
        is_vacant: somebody deleted `champion` by hand; the last of the line had it.
        challenger: the newest version that was judged.
        others: further aliases that people gave.
        judged: version -> the last entry about it.
        compared: test split -> the comparisons made on it, with the number that each had.
        removed: versions that were deleted by hand.
        withdrawn: version -> why it was rolled back; the gate alone does not let it in again.
    """

    seq: int = 0
    line: tuple[int, ...] = ()
    is_vacant: bool = False
    challenger: int | None = None
    others: Mapping[str, int] = field(default_factory=dict)
    judged: Mapping[int, VersionJudged | VersionNotJudged] = field(default_factory=dict)
    compared: Mapping[str, Mapping[Pair, int]] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    withdrawn: Mapping[int, str] = field(default_factory=dict)

    @property
    def champion(self) -> int | None:
        """The version in use."""
        return self.line[-1] if self.line and not self.is_vacant else None

    @property
    def previous(self) -> int | None:
        """The version in use before."""
        at = -1 if self.is_vacant else -2
        return self.line[at] if len(self.line) >= -at else None

    @property
    def incumbent(self) -> int | None:
        """The version in use; the one that was in use last where a hand has emptied the place."""
        return self.line[-1] if self.line else None

    @property
    def aliases(self) -> dict[str, int]:
        """What the registry is to show."""
        held = {CHAMPION: self.champion, PREVIOUS: self.previous, CHALLENGER: self.challenger}
        return {alias: version for alias, version in (held | dict(self.others)).items() if version is not None}

    def number_of(self, test_digest: str, pair: Pair) -> int:
        """Which comparison on a test split this one is, from 1; a repetition is no new one."""
        done = self.compared.get(test_digest, {})
        # The numbers of a lost registry come back with gaps, and again beside those that were given since.
        return done[pair] if pair in done else max(len(done), *done.values(), 0) + 1

    @property
    def first_unheard(self) -> int:
        """The lowest number of a version that no entry is about."""
        return next(number for number in itertools.count(1) if number not in self.judged.keys() | self.removed)

    def judgement(self, version: int) -> VersionJudged | None:
        """What the gate said of a version last, if it was asked."""
        found = self.judged.get(version)
        return found if isinstance(found, VersionJudged) else None


def fold(events: Iterable[LogEvent], state: RegistryState | None = None) -> RegistryState:
    """The state after all the events."""
    state = state or RegistryState()
    for event in events:
        state = replace(after(state, event), seq=event.seq)
    return state


def after(state: RegistryState, event: LogEvent) -> RegistryState:  # noqa: PLR0911  (one per kind)
    """The state after one more event."""
    match event:
        case VersionJudged():
            return _judged(state, event)
        case VersionNotJudged():
            return replace(state, judged={**state.judged, event.version: event})
        case AliasAssigned(alias=alias, version=version):
            return _crowned(state, version) if alias == CHAMPION else _pointed(state, alias, version)
        case ChampionRolledBack():
            return _rolled_back(state, event)
        case AliasChangedByHand(alias=alias, version=version):
            return _noticed(state, alias, version)
        case VersionDeleted(version=version):
            return _removed(state, version)
        case AliasRestored():
            return state


def _judged(state: RegistryState, event: VersionJudged) -> RegistryState:
    compared = dict(state.compared)
    pair = (event.weights_digest, event.champion_weights or "")
    if event.comparison is not None:
        compared[event.test_digest] = {pair: event.comparison} | dict(compared.get(event.test_digest, {}))
    state = replace(
        state,
        challenger=_challenger(state, event),
        judged={**state.judged, event.version: event},
        compared=compared,
    )
    return _crowned(state, event.version) if event.promoted else state


def _challenger(state: RegistryState, event: VersionJudged) -> int | None:
    held = state.challenger
    if event.version in state.removed or (held is not None and event.version < held):
        return held
    # What comes back after a loss stands back for what was judged since.
    latest = None if held is None else state.judgement(held)
    return held if event.restored and latest is not None and not latest.restored else event.version


def _crowned(state: RegistryState, version: int) -> RegistryState:
    # An entry about a version may be written after the one that says that a hand has deleted it.
    if version in state.removed:
        return state
    line = state.line if state.line[-1:] == (version,) else (*state.line, version)
    withdrawn = {one: why for one, why in state.withdrawn.items() if one != version}
    return replace(state, line=line, is_vacant=False, withdrawn=withdrawn)


def _rolled_back(state: RegistryState, event: ChampionRolledBack) -> RegistryState:
    version = event.version
    if version not in state.line:
        return _crowned(state, version)
    # Its last place in the line: what came after it is what is being undone.
    end = len(state.line) - state.line[::-1].index(version)
    undone = {one: event.reason for one in state.line[end:] if one != version}
    withdrawn = {one: why for one, why in (dict(state.withdrawn) | undone).items() if one != version}
    return replace(state, line=state.line[:end], is_vacant=False, withdrawn=withdrawn)


def _pointed(state: RegistryState, alias: str, version: int | None) -> RegistryState:
    if version in state.removed:
        return state
    others = {name: held for name, held in state.others.items() if name != alias}
    return replace(state, others=others | ({} if version is None else {alias: version}))


def _noticed(state: RegistryState, alias: str, version: int | None) -> RegistryState:
    if alias == CHAMPION:
        return replace(state, is_vacant=True) if version is None else _crowned(state, version)
    if alias == CHALLENGER:
        return replace(state, challenger=version)
    # `previous` follows from the line; a hand that moved it is noted, and the alias is put back.
    return state if alias == PREVIOUS else _pointed(state, alias, version)


def _removed(state: RegistryState, version: int) -> RegistryState:
    held = state.champion == version
    return replace(
        state,
        # Nobody comes after himself.
        line=tuple(one for one, _ in itertools.groupby(one for one in state.line if one != version)),
        is_vacant=state.is_vacant or held,
        challenger=None if state.challenger == version else state.challenger,
        others={alias: one for alias, one in state.others.items() if one != version},
        removed=state.removed | {version},
    )
