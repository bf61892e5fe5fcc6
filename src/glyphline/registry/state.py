"""The state that the log of a model adds up to: aliases, judgements, how often each test split was used."""

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
        champions: the versions that had the alias `champion`, oldest first; a rollback removes the later ones.
        is_champion_unset: no version has `champion` now, because a person deleted the alias or its version.
        challenger: the newest version that was judged.
        custom_aliases: further aliases that people gave.
        judgements: version -> the last entry about it.
        comparisons: test split -> the comparisons made on it, with the number that each had.
        deleted: versions that were deleted by hand.
        rolled_back: version -> why it was rolled back; the gate alone does not promote it again.
    """

    seq: int = 0
    champions: tuple[int, ...] = ()
    is_champion_unset: bool = False
    challenger: int | None = None
    custom_aliases: Mapping[str, int] = field(default_factory=dict)
    judgements: Mapping[int, VersionJudged | VersionNotJudged] = field(default_factory=dict)
    comparisons: Mapping[str, Mapping[Pair, int]] = field(default_factory=dict)
    deleted: frozenset[int] = frozenset()
    rolled_back: Mapping[int, str] = field(default_factory=dict)

    @property
    def champion(self) -> int | None:
        """The version that has the alias `champion`."""
        return None if self.is_champion_unset else self.last_champion

    @property
    def previous(self) -> int | None:
        """The champion before the present one; the last champion while no version has the alias."""
        at = -1 if self.is_champion_unset else -2
        return self.champions[at] if len(self.champions) >= -at else None

    @property
    def last_champion(self) -> int | None:
        """The champion; while no version has the alias, the version that had it last."""
        return self.champions[-1] if self.champions else None

    @property
    def aliases(self) -> dict[str, int]:
        """What the registry is to show."""
        managed = {CHAMPION: self.champion, PREVIOUS: self.previous, CHALLENGER: self.challenger}
        return {
            alias: version for alias, version in (managed | dict(self.custom_aliases)).items() if version is not None
        }

    def comparison_number(self, test_digest: str, pair: Pair) -> int:
        """Which comparison on a test split this one is, from 1; a repetition keeps its number."""
        numbers = self.comparisons.get(test_digest, {})
        # The numbers of a lost registry come back with gaps, and the same ones may have been given since.
        return numbers[pair] if pair in numbers else max(len(numbers), *numbers.values(), 0) + 1

    @property
    def first_unlogged(self) -> int:
        """The lowest number of a version that no entry is about."""
        return next(number for number in itertools.count(1) if number not in self.judgements.keys() | self.deleted)

    def judgement(self, version: int) -> VersionJudged | None:
        """The last judgement of the gate about a version; None when it was never judged."""
        event = self.judgements.get(version)
        return event if isinstance(event, VersionJudged) else None


def fold(events: Iterable[LogEvent], state: RegistryState | None = None) -> RegistryState:
    """The state after all the events."""
    state = state or RegistryState()
    for event in events:
        state = replace(apply(state, event), seq=event.seq)
    return state


def apply(state: RegistryState, event: LogEvent) -> RegistryState:  # noqa: PLR0911  (one per kind)
    """The state after one more event."""
    match event:
        case VersionJudged():
            return _judged(state, event)
        case VersionNotJudged():
            return replace(state, judgements={**state.judgements, event.version: event})
        case AliasAssigned(alias=alias, version=version):
            return _with_champion(state, version) if alias == CHAMPION else _with_alias(state, alias, version)
        case ChampionRolledBack():
            return _rolled_back(state, event)
        case AliasChangedByHand(alias=alias, version=version):
            return _changed_by_hand(state, alias, version)
        case VersionDeleted(version=version):
            return _deleted(state, version)
        case AliasRestored():
            return state


def _judged(state: RegistryState, event: VersionJudged) -> RegistryState:
    comparisons = dict(state.comparisons)
    pair = (event.weights_digest, event.champion_weights or "")
    if event.comparison is not None:
        comparisons[event.test_digest] = {pair: event.comparison} | dict(comparisons.get(event.test_digest, {}))
    state = replace(
        state,
        challenger=_challenger(state, event),
        judgements={**state.judgements, event.version: event},
        comparisons=comparisons,
    )
    return _with_champion(state, event.version) if event.promoted else state


def _challenger(state: RegistryState, event: VersionJudged) -> int | None:
    present = state.challenger
    if event.version in state.deleted or (present is not None and event.version < present):
        return present
    # A version that is restored after a loss does not replace one that was judged since.
    latest = None if present is None else state.judgement(present)
    return present if event.restored and latest is not None and not latest.restored else event.version


def _with_champion(state: RegistryState, version: int) -> RegistryState:
    # An entry about a version may be written after the one that says that the version was deleted by hand.
    if version in state.deleted:
        return state
    champions = state.champions if state.champions[-1:] == (version,) else (*state.champions, version)
    rolled_back = {other: why for other, why in state.rolled_back.items() if other != version}
    return replace(state, champions=champions, is_champion_unset=False, rolled_back=rolled_back)


def _rolled_back(state: RegistryState, event: ChampionRolledBack) -> RegistryState:
    version = event.version
    if version not in state.champions:
        return _with_champion(state, version)
    # The rollback undoes every champion after the last time that this version was champion.
    end = len(state.champions) - state.champions[::-1].index(version)
    undone = dict.fromkeys(state.champions[end:], event.reason)
    rolled_back = {other: why for other, why in (dict(state.rolled_back) | undone).items() if other != version}
    return replace(state, champions=state.champions[:end], is_champion_unset=False, rolled_back=rolled_back)


def _with_alias(state: RegistryState, alias: str, version: int | None) -> RegistryState:
    if version in state.deleted:
        return state
    aliases = {name: number for name, number in state.custom_aliases.items() if name != alias}
    return replace(state, custom_aliases=aliases | ({} if version is None else {alias: version}))


def _changed_by_hand(state: RegistryState, alias: str, version: int | None) -> RegistryState:
    if alias == CHAMPION:
        return replace(state, is_champion_unset=True) if version is None else _with_champion(state, version)
    if alias == CHALLENGER:
        return replace(state, challenger=version)
    # `previous` follows from the champions; a change of it by hand is noted, and the alias is put back.
    return state if alias == PREVIOUS else _with_alias(state, alias, version)


def _deleted(state: RegistryState, version: int) -> RegistryState:
    remaining = (champion for champion in state.champions if champion != version)
    return replace(
        state,
        # A version that is now next to itself counts once, so that no champion is its own predecessor.
        champions=tuple(champion for champion, _ in itertools.groupby(remaining)),
        is_champion_unset=state.is_champion_unset or state.champion == version,
        challenger=None if state.challenger == version else state.challenger,
        custom_aliases={alias: number for alias, number in state.custom_aliases.items() if number != version},
        deleted=state.deleted | {version},
    )
