"""A registered model, open for changes: connection, lock, log and evidence for as long as a command works on it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glyphline.errors import ReadOnlyError, RegistryError
from glyphline.registry import connection, labels
from glyphline.registry.alias_updates import LEASE_S, UNFINISHED_S, AliasUpdater, RegistryView
from glyphline.registry.log_events import ENTRIES_PER_RUN, LogEvent, VersionJudged
from glyphline.registry.machine_lock import locked
from glyphline.registry.run_artifacts import Compare, Rescore, RunArtifacts
from glyphline.registry.versions import Registry

if TYPE_CHECKING:
    from glyphline.registry.log import Log

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegistryLocation:
    """Which registered model, in which store.

    Attributes:
        uri: database or server.
        name: the registered model.
        timeout_s: seconds to wait for a server's answer.
        lock: file that serialises the processes of this machine that change it; it also holds the machine's identity.
        lease_s: how long a process of another machine may leave a change unfinished.
        unfinished_s: how long it may take to judge a version that it has made.
        entries_per_run: how much of the history one run takes.
    """

    uri: str
    name: str
    timeout_s: float
    lock: Path
    lease_s: float = LEASE_S
    unfinished_s: float = UNFINISHED_S
    entries_per_run: int = ENTRIES_PER_RUN


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with.

    Attributes:
        to: which model, where.
        registry: its versions and aliases.
        ledger: its history.
        shelf: the evidence about its versions.
        is_new: no version named a history when it was opened, so that others may have begun one at the same moment.
    """

    to: RegistryLocation
    registry: Registry
    ledger: AliasUpdater
    shelf: RunArtifacts
    is_new: bool = False

    def settled(self) -> RegistryView:
        """The model as it is; what a killed command left undone is done, the labels of versions too."""
        now = self.ledger.survey()
        for number, version in now.versions.items():
            held, tags = now.state.judged.get(number), version.tags
            if isinstance(held, VersionJudged):
                # Whoever judged it a moment ago is about to write them.
                if tags.get(labels.ENTRY_TAG) != str(held.seq) and not self.ledger.is_recent(held):
                    labels.show(self.registry, held, now.state, self.shelf.card(held.run_id))
            elif held is not None and tags.get(labels.VERDICT_TAG) != labels.NEVER:
                self.registry.label(number, {labels.VERDICT_TAG: labels.NEVER})
        return now

    def elect(self, version: int, mine: str) -> None:
        """After a version was made: settle with other machines on the one log that counts, and note it on the model.

        Args:
            version: the new version.
            mine: the run of a log that it named.
        """
        from glyphline.registry import log

        chosen = (log.find(self.registry.client, self.to.name) if self.is_new else None) or mine
        if chosen != mine:
            self.ledger.log = _log(self.to, self.registry, chosen)
            self.registry.label(version, {log.RUN_TAG: chosen})
            self.registry.client.delete_run(mine)
        # The versions decide; this is for the day when all of them are deleted.
        self.registry.set_tag(log.RUN_TAG, chosen)


@contextmanager
def opened(to: RegistryLocation, compare: Compare, rescore: Rescore | None = None) -> Iterator[Session]:
    """Open a model that has a history; no other process of this machine changes it meanwhile.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request, there is no such model, or none of its versions is Glyphline's.
        ReadOnlyError: the store or the lock cannot be written.
    """
    with locked(to.lock) as machine, connection.connected(to.uri, to.name, to.timeout_s) as registry:
        shelf = RunArtifacts(registry.client, compare, rescore)
        with _session(to, registry, machine, _history(to, registry), shelf) as session:
            yield session


def seen(to: RegistryLocation, compare: Compare) -> tuple[RegistryView, tuple[LogEvent, ...]]:
    """A model as it is, and its history; settled first, where that is allowed.

    Who may only read sees what the log says. Reading needs no lock: an entry never changes.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request, there is no such model, or none of its versions is Glyphline's.
    """
    try:
        with opened(to, compare) as session:
            return session.settled(), session.ledger.log.read().events
    except ReadOnlyError as error:
        logger.warning(
            "%s; what hands or interrupted commands changed since the last entry is not shown", error.problem
        )
    with connection.connected(to.uri, to.name, to.timeout_s) as registry:
        entries = _log(to, registry, _history(to, registry)).read()
        return RegistryView(entries.state, registry.numbers()), entries.events


@contextmanager
def beginning(to: RegistryLocation, compare: Compare, rescore: Rescore | None = None) -> Iterator[tuple[Session, str]]:
    """Open a model that may have no history yet, for the process that registers a version.

    Yields:
        The session, and the run that versions are to name as their log.
    """
    with locked(to.lock) as machine, connection.connected(to.uri, to.name, to.timeout_s) as registry:
        from glyphline.registry import log, segment

        found = log.find(registry.client, to.name)
        if found is None:
            registry.ensure_model()
        run_id = found or segment.create(registry.client, to.name)
        shelf = RunArtifacts(registry.client, compare, rescore)
        with _session(to, registry, machine, run_id, shelf, is_new=found is None) as session:
            yield session, run_id


@contextmanager
def _session(
    to: RegistryLocation, registry: Registry, machine: str, run_id: str, shelf: RunArtifacts, *, is_new: bool = False
) -> Iterator[Session]:
    ledger = AliasUpdater(registry, _log(to, registry, run_id), machine, to.lease_s, to.unfinished_s)
    try:
        yield Session(to, registry, ledger, shelf, is_new)
    finally:
        shelf.close()


def _history(to: RegistryLocation, registry: Registry) -> str:
    from glyphline.registry import log

    run_id = log.find(registry.client, to.name)
    if run_id is None:
        raise RegistryError(
            f"{to.name} has no version that Glyphline registered",
            fix="make one: `dvc repro`, or name another model",
        )
    return run_id


def _log(to: RegistryLocation, registry: Registry, run_id: str) -> "Log":
    from glyphline.registry import log

    return log.Log(registry.client, run_id, to.name, to.entries_per_run)
