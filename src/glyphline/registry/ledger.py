"""Change who holds which alias, safely between any number of processes and machines.

The log decides; the aliases only show what it says. A change is one entry, written at the next free place of the log by
compare-and-set, and decided on the state that the entries before it add up to. Then its writer sets the aliases and
notes that they were set. The next change waits for that note. A writer that died leaves its entry without a note: who
comes next sets the aliases in its stead. What differs from the log although all was noted, a hand has changed.
"""

import getpass
import logging
import random
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glyphline import files
from glyphline.errors import RegistryError
from glyphline.registry import state as states
from glyphline.registry.events import Event, Noticed, Removed, Repaired, Unjudged
from glyphline.registry.state import MANAGED, PREVIOUS, State
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
INSTEAD = "instead-"

Decide = Callable[[State], Event | None]


@dataclass
class Ledger:
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

    def settle(self, *, versions_too: bool = True) -> State:
        """The present state, after what was left undone is done and what hands changed is noted.

        Args:
            versions_too: look for versions without a verdict and for deleted ones as well; that costs a request.
        """
        for pause_s in _pauses():
            entries = self.log.read()
            if not self._is_shown(entries):
                time.sleep(pause_s)
            elif (state := self._agreed(entries, versions_too=versions_too)) is not None:
                return state
        raise _busy(self.registry.name)

    def commit(self, decide: Decide) -> tuple[Event | None, State]:
        """Make one change.

        Args:
            decide: the entry to write in a state, or None to leave everything as it is. It is asked again when
                another writer came first, and so it must look at nothing but the state and what cannot change.

        Returns:
            The entry and the state that it led to.
        """
        is_first = True
        for pause_s in _pauses():
            # Who has to try again has looked at the versions already; many who wait would only hold up the server.
            before = self.settle(versions_too=is_first)
            is_first = False
            wanted = decide(before)
            if wanted is None:
                return None, before
            event = self._signed(wanted, before.seq + 1)
            if self.log.append(event):
                after = states.fold([event], before)
                if self._show(event, before, after, self.id):
                    return event, after
                # Somebody took over because this process was slow, so its writes may have come late: check.
                return event, self.settle()
            time.sleep(pause_s)
        raise _busy(self.registry.name)

    def _signed(self, event: Event, seq: int) -> Event:
        return event.model_copy(update={"seq": seq, "actor": actor(), "machine": self.machine})

    def _is_shown(self, entries: "Entries") -> bool:
        """Whether the aliases show the last entry; when its writer is gone, they are set now."""
        if not entries.events:
            return True
        *earlier, last = entries.events
        before = states.fold(earlier)
        after = states.fold([last], before)
        if last.seq in entries.shown_by or not _is_visible(last, before, after):
            return True
        # On the same machine the writer would still hold the lock; elsewhere it gets the time of a lease.
        if last.machine != self.machine and not self._outlived(last):
            return False
        self._show(last, before, after, f"{INSTEAD}{self.id}")
        return True

    def _outlived(self, event: Event) -> bool:
        # By this process's own clock, since it first saw the entry: clocks of machines differ and are set back.
        first = self._seen.setdefault(event.id, time.monotonic())
        return time.monotonic() - first > self.lease_s

    def _show(self, event: Event, before: State, after: State, by: str) -> bool:
        """Set the aliases to what an entry led to; false when another writer had to do it."""
        if not _is_visible(event, before, after):
            return True
        wanted = after.aliases
        present = self.registry.aliases()
        for alias in sorted(before.aliases.keys() | wanted.keys() | set(MANAGED), key=_order):
            if alias in wanted and present.get(alias) != wanted[alias]:
                self.registry.point(alias, wanted[alias])
            elif alias not in wanted and alias in present:
                self.registry.unpoint(alias)
        return self.log.note_shown(event.seq, by)

    def _agreed(self, entries: "Entries", *, versions_too: bool) -> State | None:
        """The state, when the registry shows it; None after a change that makes another look necessary."""
        state = states.fold(entries.events)
        present = self.registry.aliases()
        known = self.registry.numbers() if versions_too else None
        # The log is read again after the aliases: if it is the same, no writer moved them in between.
        if len(self.log.read().events) != len(entries.events):
            return None
        found = self._difference(entries, state, present, known)
        if found is None:
            return state
        event = self._signed(found, state.seq + 1)
        if self.log.append(event):
            log.warning("%s: %s", self.registry.name, told(event))
            self._show(event, state, states.fold([event], state), self.id)
        return None

    def _difference(
        self, entries: "Entries", state: State, present: dict[str, int], known: dict[int, Any] | None
    ) -> Event | None:
        if known is not None:
            for version in state.judged:
                if version not in known and version not in state.removed:
                    return Removed(version=version)
        wanted = state.aliases
        for alias in sorted(wanted.keys() | present.keys(), key=_order):
            is_ours = alias in MANAGED or alias in wanted
            if is_ours and present.get(alias) != wanted.get(alias):
                return self._late(entries, alias, present.get(alias)) or Noticed(
                    alias=alias, before=wanted.get(alias), version=present.get(alias)
                )
        return None if known is None else self._unjudged(state, known)

    def _late(self, entries: "Entries", alias: str, held: int | None) -> Event | None:
        # The writer of an entry that somebody else had to show may have been cut off with its request on the way.
        answered = {event.late for event in entries.events if isinstance(event, Repaired) and event.alias == alias}
        for event in reversed(entries.events):
            taken_over = entries.shown_by.get(event.seq, "").startswith(INSTEAD)
            if taken_over and event.seq not in answered:
                reached = states.fold(entries.events[: event.seq])
                if held is not None and reached.aliases.get(alias) == held:
                    return Repaired(alias=alias, late=event.seq)
        return None

    def _unjudged(self, state: State, known: dict[int, Any]) -> Event | None:
        for version, found in sorted(known.items()):
            if version in state.judged:
                continue
            machine = found.tags.get("machine")
            if machine is None:
                return Unjudged(version=version, run_id=found.run_id or None, why="made without Glyphline")
            age_s = time.time() - found.creation_timestamp / 1000
            if version not in self.registering and (machine == self.machine or age_s > self.unfinished_s):
                return Unjudged(version=version, run_id=found.run_id, why="its registration was interrupted")
        return None


def actor() -> str:
    """The person and the machine, for the history."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"[:100]


@contextmanager
def locked(lock: Path) -> Iterator[str]:
    """Be the only process of this machine that changes the registry.

    Yields:
        The identity of the machine, kept in the lock file.
    """
    with files.exclusive(lock):
        identity = lock.read_text(encoding="ascii", errors="replace").strip()
        if len(identity) != 32:
            identity = uuid.uuid4().hex
            lock.write_text(identity, encoding="ascii")
        yield identity


def told(event: Event) -> str:
    """What a warning says about something that was found."""
    match event:
        case Noticed(alias=alias, before=before, version=version):
            was = f"from version {before}" if before else "from nobody"
            now = f"to version {version}" if version else "to nobody"
            back = "; it follows from the history and is put back" if alias == PREVIOUS else ""
            return f"alias {alias} was moved by hand {was} {now}{back}"
        case Removed(version=version):
            return f"version {version} was deleted by hand"
        case Repaired(alias=alias, late=late):
            return f"alias {alias} is put back: an interrupted command (entry {late}) had moved it late"
        case Unjudged(version=version, why=why):
            return f"version {version} has no verdict: {why}"
        case _:
            return event.kind


def _pauses() -> Iterator[float]:
    """Longer and longer pauses, drawn at random so that those who wait do not come back together."""
    deadline, longest = time.monotonic() + WAIT_S, FIRST_PAUSE_S
    while time.monotonic() < deadline:
        yield random.uniform(0, longest)  # noqa: S311
        longest = min(2 * longest, LONGEST_PAUSE_S)


def _is_visible(event: Event, before: State, after: State) -> bool:
    """Whether the aliases have to be set after an entry."""
    is_put_back = isinstance(event, Repaired) or (isinstance(event, Noticed) and event.alias == PREVIOUS)
    return is_put_back or before.aliases != after.aliases


def _order(alias: str) -> tuple[int, str]:
    # `previous` before `champion`: who dies in between leaves the old champion in its place, and not lost.
    order = {PREVIOUS: 0, "champion": 1}
    return order.get(alias, 2), alias


def _busy(name: str) -> RegistryError:
    return RegistryError(f"the history of {name} changes faster than this command can follow", fix="run it again")
