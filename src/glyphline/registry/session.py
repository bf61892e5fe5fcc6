"""A registered model, open for changes: connection, lock, log and files of runs while a command works on it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glyphline.errors import ReadOnlyError, RegistryError
from glyphline.registry import labels, registered_model
from glyphline.registry.alias_updates import AliasUpdater, RegistryView
from glyphline.registry.location import RegistryLocation
from glyphline.registry.log_events import LogEvent, VersionJudged
from glyphline.registry.machine_lock import locked
from glyphline.registry.registered_model import RegisteredModel, read_tag
from glyphline.registry.rescoring import Rescore
from glyphline.registry.run_artifacts import RunArtifacts
from glyphline.registry.version_reference import MAKE_VERSIONS
from glyphline.scratch import scratch_folder

if TYPE_CHECKING:
    from glyphline.registry.log import Log

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with.

    Attributes:
        location: which model, where.
        model: its versions and aliases.
        updater: changes its log and its aliases.
        artifacts: the files of the runs that made its versions.
        is_new: no version named a log when it was opened, so that others may have begun one at the same moment.
    """

    location: RegistryLocation
    model: RegisteredModel
    updater: AliasUpdater
    artifacts: RunArtifacts
    is_new: bool = False

    def reconcile(self) -> RegistryView:
        """The model as it is, after what an interrupted command left undone is done, the labels of versions too."""
        view = self.updater.reconcile_all()
        check_runs(self.location.name, view)
        for number, version in view.versions.items():
            judged, tags = view.state.judgements.get(number), version.tags
            if isinstance(judged, VersionJudged):
                # The process that judged it a moment ago is about to write them.
                if read_tag(tags, labels.ENTRY) != str(judged.seq) and not self.updater.is_recent(judged):
                    labels.write(self.model, judged, view.state, self.artifacts.card(judged))
            elif judged is not None and tags.get(labels.VERDICT_TAG) != labels.NEVER:
                self.model.set_labels(number, {labels.VERDICT_TAG: labels.NEVER})
        return view

    def agree_on_log(self, version: int, run_id: str) -> None:
        """After a version was made: use the one log that counts for all machines, and note it on the model.

        Args:
            version: the new version.
            run_id: the log that it named.
        """
        from glyphline.registry import log, segment

        chosen = (log.find(self.model.client, self.location.name) if self.is_new else None) or run_id
        if chosen != run_id:
            self.updater.log = _log(self.location, self.model, chosen)
            self.model.set_labels(version, {segment.RUN_TAG: chosen})
            self.model.client.delete_run(run_id)
        # The versions decide; this is for the day when all of them are deleted.
        self.model.set_tag(segment.RUN_TAG, chosen)


def check_runs(name: str, view: RegistryView) -> None:
    """Refuse a registry in which a version is of another run than its history says: MLflow changes that never.

    Args:
        name: of the registered model.
        view: its versions and its history.

    Raises:
        RegistryError: the store was damaged or edited.
    """
    for number, version in view.versions.items():
        judged = view.state.judgement(number)
        if judged is not None and version.run_id != judged.run_id:
            raise RegistryError(
                f"version {number} of {name} is of run {version.run_id}, and its history says {judged.run_id}: the"
                " store was damaged or edited",
                fix="restore the store from a backup, or move its file away and run `glyphline sync`",
            )


@contextmanager
def open_session(location: RegistryLocation, rescore: Rescore | None = None) -> Iterator[Session]:
    """Open a model that has a history; no other process of this machine changes it meanwhile.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request, there is no such model, or none of its versions is Glyphline's.
        ReadOnlyError: the store or the lock cannot be written.
    """
    with (
        locked(location.lock) as machine,
        registered_model.connected(location.uri, location.name, location.timeout_s) as model,
        _session(location, model, machine, _existing_log(location, model), rescore) as session,
    ):
        yield session


def read_history(location: RegistryLocation) -> tuple[RegistryView, tuple[LogEvent, ...]]:
    """A model as it is, and its history; reconciled first, where the store can be written.

    Where it can only be read, the view is what the log says. Reading needs no lock: an entry never changes.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request, there is no such model, or none of its versions is Glyphline's.
    """
    try:
        with open_session(location) as session:
            return session.reconcile(), session.updater.log.read().events
    except ReadOnlyError as error:
        logger.warning(
            "%s; changes by hand and by interrupted commands since the last entry are not shown", error.problem
        )
    with registered_model.connected(location.uri, location.name, location.timeout_s) as model:
        entries = _log(location, model, _existing_log(location, model)).read()
        return RegistryView(entries.state, model.versions()), entries.events


@contextmanager
def open_for_registration(location: RegistryLocation, rescore: Rescore | None = None) -> Iterator[tuple[Session, str]]:
    """Open a model that may have no history yet, for the process that registers a version.

    Yields:
        The session, and the run that versions are to name as their log.
    """
    with (
        locked(location.lock) as machine,
        registered_model.connected(location.uri, location.name, location.timeout_s) as model,
    ):
        from glyphline.registry import log, segment

        existing = log.find(model.client, location.name)
        if existing is None:
            model.ensure_model()
        run_id = existing or segment.create(model.client, location.name)
        with _session(location, model, machine, run_id, rescore, is_new=existing is None) as session:
            yield session, run_id


@contextmanager
def _session(
    location: RegistryLocation,
    model: RegisteredModel,
    machine: str,
    run_id: str,
    rescore: Rescore | None,
    *,
    is_new: bool = False,
) -> Iterator[Session]:
    log = _log(location, model, run_id)
    updater = AliasUpdater(model, log, machine, location.lease_s, location.unfinished_s)
    with scratch_folder(location.scratch, "run-artifacts") as folder:
        yield Session(location, model, updater, RunArtifacts(model.client, folder, rescore), is_new)


def _existing_log(location: RegistryLocation, model: RegisteredModel) -> str:
    from glyphline.registry import log

    run_id = log.find(model.client, location.name)
    if run_id is None:
        others = log.registered_models(model.client)
        named = f"; registered here: {', '.join(others)}, see `glyphline models {others[0]}`" if others else ""
        raise RegistryError(f"{location.name} has no version that Glyphline registered", fix=f"{MAKE_VERSIONS}{named}")
    return run_id


def _log(location: RegistryLocation, model: RegisteredModel, run_id: str) -> "Log":
    from glyphline.registry import log

    return log.Log(model.client, run_id, location.name, location.entries_per_run)
