"""A registered model, open for changes: connection, lock, log and evidence for as long as a command works on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from glyphline.errors import RegistryError
from glyphline.registry import labels, ledger, versions
from glyphline.registry.evidence import Compare, Rescore, Shelf
from glyphline.registry.ledger import LEASE_S, UNFINISHED_S, Ledger
from glyphline.registry.state import State
from glyphline.registry.versions import Registry


@dataclass(frozen=True, slots=True)
class Destination:
    """Which registered model, in which store.

    Attributes:
        uri: database or server.
        name: the registered model.
        timeout_s: seconds to wait for a server's answer.
        lock: file that serialises the processes of this machine that change it; it also holds the machine's identity.
        lease_s: how long a process of another machine may leave a change unfinished.
        unfinished_s: how long it may take to judge a version that it has made.
    """

    uri: str
    name: str
    timeout_s: float
    lock: Path
    lease_s: float = LEASE_S
    unfinished_s: float = UNFINISHED_S


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with.

    Attributes:
        to: which model, where.
        registry: its versions and aliases.
        ledger: its history.
        shelf: the evidence about its versions.
    """

    to: Destination
    registry: Registry
    ledger: Ledger
    shelf: Shelf

    def settled(self) -> State:
        """The present state; what a killed command left undone is done, the labels of versions too."""
        state = self.ledger.settle()
        for version, found in self.registry.numbers().items():
            held = state.judgement(version)
            if held is not None and found.tags.get(labels.ENTRY_TAG) != str(held.seq):
                labels.show(self.registry, held, state, self.shelf.card(held.run_id))
            elif held is None and found.tags.get(labels.VERDICT_TAG) != labels.NEVER:
                self.registry.tag(version, {labels.VERDICT_TAG: labels.NEVER})
        return state

    def elect(self, version: int, mine: str) -> None:
        """After a first version was made: settle with other machines on the one log that counts.

        Args:
            version: the new version.
            mine: the run of a log that it named.
        """
        from glyphline.registry import log

        chosen = log.find(self.registry.client, self.to.name)
        if chosen is not None and chosen != mine:
            self.ledger.log = log.Log(self.registry.client, chosen, self.to.name)
            self.registry.tag(version, {log.RUN_TAG: chosen})
            self.registry.client.delete_run(mine)


@contextmanager
def opened(to: Destination, compare: Compare, rescore: Rescore | None = None) -> Iterator[Session]:
    """Open a model that has a history; no other process of this machine changes it meanwhile.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request, there is no such model, or none of its versions is Glyphline's.
    """
    with ledger.locked(to.lock) as machine, versions.connected(to.uri, to.name, to.timeout_s) as registry:
        from glyphline.registry import log

        run_id = log.find(registry.client, to.name) if registry.exists() else None
        if run_id is None:
            raise RegistryError(
                f"{to.name} has no version that Glyphline registered",
                fix="make one: `dvc repro`, or name another model",
            )
        with _session(to, registry, machine, run_id, Shelf(registry.client, compare, rescore)) as session:
            yield session


@contextmanager
def beginning(to: Destination, compare: Compare, rescore: Rescore | None = None) -> Iterator[tuple[Session, str]]:
    """Open a model that may have no history yet, for the process that registers a version.

    Yields:
        The session, and the run that versions are to name as their log.
    """
    with ledger.locked(to.lock) as machine, versions.connected(to.uri, to.name, to.timeout_s) as registry:
        from glyphline.registry import log

        registry.ensure_model()
        run_id = log.find(registry.client, to.name) or log.create(registry.client, to.name)
        with _session(to, registry, machine, run_id, Shelf(registry.client, compare, rescore)) as session:
            yield session, run_id


@contextmanager
def _session(to: Destination, registry: Registry, machine: str, run_id: str, shelf: Shelf) -> Iterator[Session]:
    from glyphline.registry import log

    history = log.Log(registry.client, run_id, to.name)
    try:
        yield Session(to, registry, Ledger(registry, history, machine, to.lease_s, to.unfinished_s), shelf)
    finally:
        shelf.close()
