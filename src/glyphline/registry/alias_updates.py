"""Change which version has which alias, safely between any number of processes and machines.

The log decides; the aliases only show what it says. A change is one entry. Its writer puts it at the next free place of
the log by compare-and-set, and decides on the state that the entries before it add up to. Then the writer sets the
aliases and notes in the log that they are set. The next change waits for that note. A writer that died leaves its entry
without a note: the next process sets the aliases of that entry. A difference that remains after the note was made by
hand.

The log is read first, and the registry after it. Nothing has to be read twice for that: an entry about a difference
goes to the place after the entries that were read. If another writer has moved an alias or judged a version since, that
place is taken.
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
from glyphline.registry.actor import actor
from glyphline.registry.alias_reconciliation import TAKEOVER, LocalWriter, RegistrySnapshot
from glyphline.registry.log_events import AliasChangedByHand, AliasRestored, LogEvent
from glyphline.registry.registered_model import RegisteredModel
from glyphline.registry.state import MANAGED, PREVIOUS, RegistryState

if TYPE_CHECKING:
    from glyphline.registry.log import Entries, Log

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 4.0
WAIT_S = 600.0
"""How long a change waits for the changes of others."""

Decide = Callable[[RegistryState], LogEvent | None]
Since = Callable[[RegistryState], int | None]


@dataclass(frozen=True, slots=True)
class RegistryView:
    """A registered model at one moment.

    Attributes:
        state: what its log adds up to.
        versions: number -> MLflow's version, of all that were not deleted.
    """

    state: RegistryState
    versions: Mapping[int, Any]


@dataclass
class AliasUpdater:
    """The log and the aliases of one registered model, open for changes.

    Attributes:
        model: its versions and aliases.
        log: what decides.
        machine: identity of this machine; every other process of it that writes has ended while this one is open.
        lease_s: how long writers on other machines may take to set the aliases.
        unfinished_s: age from which a version of another machine that was not judged counts as interrupted.
        id: of this writer.
        registering: versions that this process has made and not judged yet.
    """

    model: RegisteredModel
    log: "Log"
    machine: str
    lease_s: float
    unfinished_s: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    registering: set[int] = field(default_factory=set)
    _first_seen: dict[str, float] = field(default_factory=dict)
    _has_checked_versions: bool = False

    def reconcile(self) -> RegistryState:
        """Finish interrupted changes, note changes by hand in the log, and return the state after that.

        It costs the same however many versions there are: only versions without an entry are read, and all of them
        only when an alias differs from the log.
        """
        return self._reconciled(_pauses(), _first_unlogged)[0]

    def reconcile_all(self) -> RegistryView:
        """As `reconcile`, but every version is read, so that a deleted one is noticed even if it had no alias."""
        state, snapshot = self._reconciled(_pauses(), lambda _: 1)
        return RegistryView(state, snapshot.versions)

    def commit(self, decide: Decide) -> tuple[LogEvent | None, RegistryState]:
        """Make one change.

        Args:
            decide: the entry to write in a state, or None to leave everything as it is. It is called again when
                another writer came first, and so it must depend on nothing but the state and what cannot change.

        Returns:
            The entry and the state that it led to.
        """
        pauses = _pauses()
        for pause_s in pauses:
            # Once per command is enough; many waiting processes would only slow down the server.
            before, snapshot = self._reconciled(pauses, _no_versions if self._has_checked_versions else _first_unlogged)
            wanted = decide(before)
            if wanted is None:
                return None, before
            event = self._signed(wanted, before.seq + 1)
            if self.log.append(event):
                after = states.fold([event], before)
                if self._set_aliases(event, before, after, self.id, snapshot.aliases):
                    return event, after
                # Another process took over because this one was slow, so that its writes may have come late; or the
                # version was deleted by hand meanwhile: check.
                return event, self.reconcile()
            time.sleep(pause_s)
        raise _busy(self.model.name)

    def is_recent(self, event: LogEvent) -> bool:
        """Whether another machine may still be writing what follows from an entry; by its clock, for labels only."""
        return event.machine != self.machine and abs(time.time() - event.time / 1000) < self.lease_s

    def _reconciled(self, pauses: Iterator[float], since: Since) -> tuple[RegistryState, RegistrySnapshot]:
        """The state and what the registry shows, once they agree."""
        for pause_s in pauses:
            entries = self.log.read()
            state = entries.state
            if _is_unfinished(entries):
                if self._may_take_over(entries.events[-1]):
                    by = f"{TAKEOVER}{self.id}"
                    self._set_aliases(entries.events[-1], entries.before, state, by, self.model.aliases())
                else:
                    time.sleep(pause_s)
                continue
            snapshot = self._snapshot(state, since(state))
            writer = LocalWriter(self.machine, self.unfinished_s, self.registering)
            difference = alias_reconciliation.first_difference(entries, snapshot, writer)
            if difference is None:
                self._has_checked_versions |= snapshot.since is not None
                return state, snapshot
            event = self._signed(difference, state.seq + 1)
            if self.log.append(event):
                log.warning("%s: %s", self.model.name, alias_reconciliation.warning_text(event))
                self._set_aliases(event, state, states.fold([event], state), self.id, snapshot.aliases)
        raise _busy(self.model.name)

    def _snapshot(self, state: RegistryState, since: int | None) -> RegistrySnapshot:
        aliases = self.model.aliases()
        if any(aliases.get(alias) != version for alias, version in state.aliases.items()):
            # When a version is deleted, its aliases go too, and none can be given to it any more.
            since = 1
        return RegistrySnapshot(aliases, {} if since is None else self.model.versions(since), since)

    def _signed(self, event: LogEvent, seq: int) -> LogEvent:
        return event.model_copy(update={"seq": seq, "actor": actor(), "machine": self.machine})

    def _may_take_over(self, event: LogEvent) -> bool:
        # On the same machine the writer would still hold the lock; elsewhere it gets the time of a lease, by this
        # process's own clock, since it first saw the entry: clocks of machines differ and are set back.
        first = self._first_seen.setdefault(event.id, time.monotonic())
        return event.machine == self.machine or time.monotonic() - first > self.lease_s

    def _set_aliases(
        self, event: LogEvent, before: RegistryState, after: RegistryState, by: str, present: Mapping[str, int]
    ) -> bool:
        """Set the aliases to what an entry led to; false when another writer had to do it, or one could not be set.

        An alias that cannot be set is left out, because otherwise no later change could be made; the next
        reconciliation finds the difference and notes it as the change by hand that it follows from.
        """
        if not _changes_aliases(event, before, after):
            return True
        wanted, are_all_set = after.aliases, True
        for alias in sorted(before.aliases.keys() | wanted.keys() | set(MANAGED), key=alias_reconciliation.order):
            if alias in wanted and present.get(alias) != wanted[alias]:
                are_all_set &= self.model.set_alias(alias, wanted[alias])
            elif alias not in wanted and alias in present:
                self.model.delete_alias(alias)
        return self.log.note_shown(event.seq, by) and are_all_set


def _first_unlogged(state: RegistryState) -> int | None:
    return state.first_unlogged


def _no_versions(_: RegistryState) -> int | None:
    return None


def _pauses() -> Iterator[float]:
    """Longer and longer pauses, drawn at random so that waiting processes do not come back together."""
    deadline, longest = time.monotonic() + WAIT_S, FIRST_PAUSE_S
    while time.monotonic() < deadline:
        yield random.uniform(0, longest)  # noqa: S311
        longest = min(2 * longest, LONGEST_PAUSE_S)


def _is_unfinished(entries: "Entries") -> bool:
    """Whether the last entry changes the aliases and its writer has not noted yet that they are set."""
    if not entries.events or entries.events[-1].seq in entries.shown_by:
        return False
    return _changes_aliases(entries.events[-1], entries.before, entries.state)


def _changes_aliases(event: LogEvent, before: RegistryState, after: RegistryState) -> bool:
    """Whether the aliases have to be set after an entry."""
    is_put_back = isinstance(event, AliasRestored) or (
        isinstance(event, AliasChangedByHand) and event.alias == PREVIOUS
    )
    return is_put_back or before.aliases != after.aliases


def _busy(name: str) -> RegistryError:
    return RegistryError(f"the history of {name} changes faster than this command can follow", fix="run it again")
