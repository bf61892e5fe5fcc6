"""What the log of a model adds up to: who holds which alias, what was judged, how often each test split was used."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from glyphline.registry.events import Event, Judged, Noticed, Pointed, Removed, Repaired, RolledBack, Unjudged

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
MANAGED = (CHAMPION, CHALLENGER, PREVIOUS)

Pair = tuple[str, str]
"""Digests of the weights of a challenger and of the champion that it was compared with."""


@dataclass(frozen=True, slots=True)
class State:
    """The sum of the entries so far.

    Attributes:
        seq: place of the last entry.
        line: the versions that held `champion` up to now, oldest first; a rollback takes the later ones off.
        is_vacant: somebody deleted `champion` by hand; the last of the line had it.
        challenger: the version that was judged last.
        others: further aliases that people gave.
        judged: version -> the last entry about it.
        compared: test split -> the comparisons made on it, in order.
        removed: versions that were deleted by hand.
        withdrawn: version -> why it was rolled back; the gate alone does not let it in again.
    """

    seq: int = 0
    line: tuple[int, ...] = ()
    is_vacant: bool = False
    challenger: int | None = None
    others: Mapping[str, int] = field(default_factory=dict)
    judged: Mapping[int, Judged | Unjudged] = field(default_factory=dict)
    compared: Mapping[str, tuple[Pair, ...]] = field(default_factory=dict)
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
    def aliases(self) -> dict[str, int]:
        """What the registry is to show."""
        held = {CHAMPION: self.champion, PREVIOUS: self.previous, CHALLENGER: self.challenger}
        return {alias: version for alias, version in (held | dict(self.others)).items() if version is not None}

    def number_of(self, test_digest: str, pair: Pair) -> int:
        """Which comparison on a test split this one is, from 1; a repetition is no new one."""
        done = self.compared.get(test_digest, ())
        return done.index(pair) + 1 if pair in done else len(done) + 1

    @property
    def first_unheard(self) -> int:
        """The lowest number of a version that no entry is about."""
        return next(number for number in itertools.count(1) if number not in self.judged)

    def judgement(self, version: int) -> Judged | None:
        """What the gate said of a version last, if it was asked."""
        found = self.judged.get(version)
        return found if isinstance(found, Judged) else None


def fold(events: Iterable[Event], state: State | None = None) -> State:
    """The state after all the events."""
    state = state or State()
    for event in events:
        state = replace(after(state, event), seq=event.seq)
    return state


def after(state: State, event: Event) -> State:  # noqa: PLR0911  (one per kind)
    """The state after one more event."""
    match event:
        case Judged():
            return _judged(state, event)
        case Unjudged():
            return replace(state, judged={**state.judged, event.version: event})
        case Pointed(alias=alias, version=version):
            return _crowned(state, version) if alias == CHAMPION else _pointed(state, alias, version)
        case RolledBack():
            return _rolled_back(state, event)
        case Noticed(alias=alias, version=version):
            return _noticed(state, alias, version)
        case Removed(version=version):
            return _removed(state, version)
        case Repaired():
            return state


def _judged(state: State, event: Judged) -> State:
    compared = dict(state.compared)
    pair = (event.weights_digest, event.champion_weights or "")
    if event.comparison is not None and pair not in compared.get(event.test_digest, ()):
        compared[event.test_digest] = (*compared.get(event.test_digest, ()), pair)
    # What comes back after a loss stands back for what was judged since.
    keeps = event.restored and (latest := state.judgement(state.challenger or 0)) is not None and not latest.restored
    state = replace(
        state,
        challenger=state.challenger if keeps else event.version,
        judged={**state.judged, event.version: event},
        compared=compared,
    )
    return _crowned(state, event.version) if event.promoted else state


def _crowned(state: State, version: int) -> State:
    line = state.line if state.line[-1:] == (version,) else (*state.line, version)
    withdrawn = {one: why for one, why in state.withdrawn.items() if one != version}
    return replace(state, line=line, is_vacant=False, withdrawn=withdrawn)


def _rolled_back(state: State, event: RolledBack) -> State:
    version = event.version
    if version not in state.line:
        return _crowned(state, version)
    # Its last place in the line: what came after it is what is being undone.
    end = len(state.line) - state.line[::-1].index(version)
    undone = {one: event.reason for one in state.line[end:] if one != version}
    withdrawn = {one: why for one, why in (dict(state.withdrawn) | undone).items() if one != version}
    return replace(state, line=state.line[:end], is_vacant=False, withdrawn=withdrawn)


def _pointed(state: State, alias: str, version: int | None) -> State:
    others = {name: held for name, held in state.others.items() if name != alias}
    return replace(state, others=others | ({} if version is None else {alias: version}))


def _noticed(state: State, alias: str, version: int | None) -> State:
    if alias == CHAMPION:
        return replace(state, is_vacant=True) if version is None else _crowned(state, version)
    if alias == CHALLENGER:
        return replace(state, challenger=version)
    # `previous` follows from the line; a hand that moved it is noted, and the alias is put back.
    return state if alias == PREVIOUS else _pointed(state, alias, version)


def _removed(state: State, version: int) -> State:
    held = state.champion == version
    return replace(
        state,
        line=tuple(one for one in state.line if one != version),
        is_vacant=state.is_vacant or held,
        challenger=None if state.challenger == version else state.challenger,
        others={alias: one for alias, one in state.others.items() if one != version},
        removed=state.removed | {version},
    )
