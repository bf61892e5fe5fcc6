"""Change who holds which alias, safely between any number of processes and machines.

The log decides; the aliases only show what it says. A change is one entry, written at the next free place of the log by
compare-and-set, and decided on the state that the entries before it add up to. Then its writer sets the aliases and
notes that they were set. The next change waits for that note. A writer that died leaves its entry without a note: who
comes next sets the aliases in its stead. What differs from the log although all was noted, a hand has changed.

The log is read first, and the registry after it. Nothing has to be read twice for that: an entry about what was seen is
written at the place after the entries that were read, and if another writer has moved an alias since, or judged a
version, that place is taken.
"""

import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from glyphline.errors import RegistryError
from glyphline.registry import alias_reconciliation
from glyphline.registry import state as states
from glyphline.registry.alias_reconciliation import TAKEOVER, Observer, RegistrySnapshot
from glyphline.registry.log_events import AliasChangedByHand, AliasRestored, LogEvent
from glyphline.registry.machine_lock import actor
from glyphline.registry.state import MANAGED, PREVIOUS, RegistryState
from glyphline.registry.versions import Registry

if TYPE_CHECKING:
    from glyphline.registry.log import Entries, Log

log = logging.getLogger(__name__)

LEASE_S = 20.0
"""How long the writer of an entry on another machine may take to set the aliases before somebody else does."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 4.0
UNFINISHED_S = 600.0
WAIT_S = 600.0
"""How long a change waits for others to let it in."""

Decide = Callable[[RegistryState], LogEvent | None]
Since = Callable[[RegistryState], int | None]


@dataclass(frozen=True, slots=True)
class RegistryView:
    """A model as it is.

    Attributes:
        state: what its log adds up to.
        versions: number -> MLflow's version, of all that nobody has deleted.
    """

    state: RegistryState
    versions: Mapping[int, Any]


@dataclass
class AliasUpdater:
    """The history of one registered model, open for changes.

    Attributes:
        registry: versions and aliases.
        log: what decides.
        machine: identity of this machine; every other process of it that writes has ended while this one is open.
        lease_s: patience with writers on other machines.
        unfinished_s: age from which a version of another machine that was not judged counts as broken off.
        id: of this writer.
        registering: versions that this process has made and not judged yet.
    """

    registry: Registry
    log: "Log"
    machine: str
    lease_s: float = LEASE_S
    unfinished_s: float = UNFINISHED_S
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    registering: set[int] = field(default_factory=set)
    _seen: dict[str, float] = field(default_factory=dict)
    _has_looked: bool = False

    def settle(self) -> RegistryState:
        """The present state, after what was left undone is done and what hands changed is noted.

        It costs the same however many versions there are: those alone are looked at that the log says nothing of, and
        all of them only when an alias is not where the log has it.
        """
        return self._agreed(_pauses(), _unheard)[0]

    def survey(self) -> RegistryView:
        """As `settle`, but every version is looked at, so that one is missed as well that was deleted without alias."""
        state, look = self._agreed(_pauses(), lambda _: 1)
        return RegistryView(state, look.versions)

    def commit(self, decide: Decide) -> tuple[LogEvent | None, RegistryState]:
        """Make one change.

        Args:
            decide: the entry to write in a state, or None to leave everything as it is. It is asked again when
                another writer came first, and so it must look at nothing but the state and what cannot change.

        Returns:
            The entry and the state that it led to.
        """
        pauses = _pauses()
        for pause_s in pauses:
            # Once per command is enough; many who wait would only hold up the server.
            before, look = self._agreed(pauses, _nothing if self._has_looked else _unheard)
            wanted = decide(before)
            if wanted is None:
                return None, before
            event = self._signed(wanted, before.seq + 1)
            if self.log.append(event):
                after = states.fold([event], before)
                if self._show(event, before, after, self.id, look.aliases):
                    return event, after
                # Somebody took over because this process was slow, so its writes may have come late, or a hand has
                # deleted the version meanwhile: check.
                return event, self.settle()
            time.sleep(pause_s)
        raise _busy(self.registry.name)

    def is_recent(self, event: LogEvent) -> bool:
        """Whether another machine may still be at work on what follows from an entry; by its clock, for labels only."""
        return event.machine != self.machine and abs(time.time() - event.time / 1000) < self.lease_s

    def _agreed(self, pauses: Iterator[float], since: Since) -> tuple[RegistryState, RegistrySnapshot]:
        """The state and what the registry shows, once they agree."""
        for pause_s in pauses:
            entries = self.log.read()
            state = entries.state
            if _is_owed(entries):
                if self._may_take_over(entries.events[-1]):
                    by = f"{TAKEOVER}{self.id}"
                    self._show(entries.events[-1], entries.before, state, by, self.registry.aliases())
                else:
                    time.sleep(pause_s)
                continue
            look = self._look(state, since(state))
            found = alias_reconciliation.first_difference(
                entries, look, Observer(self.machine, self.unfinished_s, self.registering)
            )
            if found is None:
                self._has_looked |= look.since is not None
                return state, look
            event = self._signed(found, state.seq + 1)
            if self.log.append(event):
                log.warning("%s: %s", self.registry.name, alias_reconciliation.warning_text(event))
                self._show(event, state, states.fold([event], state), self.id, look.aliases)
        raise _busy(self.registry.name)

    def _look(self, state: RegistryState, since: int | None) -> RegistrySnapshot:
        aliases = self.registry.aliases()
        if any(aliases.get(alias) != version for alias, version in state.aliases.items()):
            # A version takes its aliases along when it is deleted, and none can be given to it any more.
            since = 1
        return RegistrySnapshot(aliases, {} if since is None else self.registry.numbers(since), since)

    def _signed(self, event: LogEvent, seq: int) -> LogEvent:
        return event.model_copy(update={"seq": seq, "actor": actor(), "machine": self.machine})

    def _may_take_over(self, event: LogEvent) -> bool:
        # On the same machine the writer would still hold the lock; elsewhere it gets the time of a lease, by this
        # process's own clock, since it first saw the entry: clocks of machines differ and are set back.
        first = self._seen.setdefault(event.id, time.monotonic())
        return event.machine == self.machine or time.monotonic() - first > self.lease_s

    def _show(
        self, event: LogEvent, before: RegistryState, after: RegistryState, by: str, present: Mapping[str, int]
    ) -> bool:
        """Set the aliases to what an entry led to; false when another writer had to do it, or one could not be set.

        What cannot be set is left out, because nobody could go on otherwise; the next look finds the difference and
        notes it as the change by hand that it follows from.
        """
        if not _is_visible(event, before, after):
            return True
        wanted, is_whole = after.aliases, True
        for alias in sorted(before.aliases.keys() | wanted.keys() | set(MANAGED), key=alias_reconciliation.order):
            if alias in wanted and present.get(alias) != wanted[alias]:
                is_whole &= self.registry.point(alias, wanted[alias])
            elif alias not in wanted and alias in present:
                self.registry.unpoint(alias)
        return self.log.note_shown(event.seq, by) and is_whole


def _unheard(state: RegistryState) -> int | None:
    return state.first_unheard


def _nothing(_: RegistryState) -> int | None:
    return None


def _pauses() -> Iterator[float]:
    """Longer and longer pauses, drawn at random so that those who wait do not come back together."""
    deadline, longest = time.monotonic() + WAIT_S, FIRST_PAUSE_S
    while time.monotonic() < deadline:
        yield random.uniform(0, longest)  # noqa: S311
        longest = min(2 * longest, LONGEST_PAUSE_S)


def _is_owed(entries: "Entries") -> bool:
    """Whether the aliases do not show the last entry yet, as far as its writer has said."""
    if not entries.events or entries.events[-1].seq in entries.shown_by:
        return False
    return _is_visible(entries.events[-1], entries.before, entries.state)


def _is_visible(event: LogEvent, before: RegistryState, after: RegistryState) -> bool:
    """Whether the aliases have to be set after an entry."""
    is_put_back = isinstance(event, AliasRestored) or (
        isinstance(event, AliasChangedByHand) and event.alias == PREVIOUS
    )
    return is_put_back or before.aliases != after.aliases


def _busy(name: str) -> RegistryError:
    return RegistryError(f"the history of {name} changes faster than this command can follow", fix="run it again")
