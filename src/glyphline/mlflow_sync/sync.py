"""Send journals to the store now: all that there are, or those of the workspace."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glyphline import mlflow_client
from glyphline.journal.journal_file import Journal
from glyphline.journal.run_events import RunStarted
from glyphline.mlflow_sync import dvc_lock, journal_sources, store
from glyphline.mlflow_sync.dvc_lock import DvcLock
from glyphline.mlflow_sync.file_locator import FileLocator
from glyphline.mlflow_sync.projection_lock import patience_s, projection_lock
from glyphline.mlflow_sync.store_contents import store_contents
from glyphline.params import Params
from glyphline.paths import Paths

if TYPE_CHECKING:
    from glyphline.mlflow_sync.projection import UploadResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync has added to the store.

    Attributes:
        runs_made: runs that the store did not have.
        events_sent: events that it did not have.
        journals: journals that were found.
        missing: paths of files that are neither in the workspace nor in DVC's cache.
    """

    runs_made: int
    events_sent: int
    journals: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentRun:
    """A run of a journal, as the store has it.

    Attributes:
        run_id, experiment_id: MLflow's own.
        model_id: of the logged model; None for a run without one.
        model_location: URI of the folder with the model's files.
    """

    run_id: str
    experiment_id: str
    model_id: str | None
    model_location: str | None


def sync(params: Params, paths: Paths, past: Iterable[DvcLock] | None = None) -> SyncReport:
    """Send what the store lacks of every journal: workspace, last commits, DVC experiments.

    Args:
        params: for the store's URI.
        paths: of the project.
        past: the lock files of commits and experiments; None reads them.

    Raises:
        TrackingError: the store does not answer or refuses.
    """
    locator = FileLocator.of(paths)
    past_journals = journal_sources.past(dvc_lock.past(paths.work) if past is None else past, locator.cache)
    journals = journal_sources.read([*paths.journals(), *past_journals])
    opened = store.connect(mlflow_client.project_store(params, paths), paths, params.tracking.timeout_s)
    from glyphline.mlflow_sync.projection import Projection, UploadResult

    # Before the first file comes back.
    is_emptied = opened.artifacts is not None and not any(opened.artifacts.glob("*/*"))
    projection, total = Projection(opened, locator.find, paths.scratch), UploadResult()
    for journal in journals:
        with projection_lock(paths, patience_s(params.tracking.timeout_s)) as progress:
            total += projection.send(journal, progress.report)
    store.analyze(opened.uri)
    missing = tuple(dict.fromkeys(total.missing))
    if missing:
        log.warning("%d files of runs are gone, or lie outside the project: %s", len(missing), ", ".join(missing[:5]))
    if is_emptied and (gone := _runs_without_files(opened)):
        log.warning("the files of %d runs are gone, and no journal has them: %s", len(gone), ", ".join(gone[:5]))
    if total.orphans:
        log.warning("%d runs were left out: no journal holds their beginning", len(set(total.orphans)))
    _warn(total)
    return SyncReport(total.runs_made, total.events_sent, len(journals), missing)


def flush(params: Params, paths: Paths, timeout_s: float | None = None) -> dict[str, SentRun]:
    """Make sure that the store has everything that the workspace's journals hold.

    Args:
        params: for the store's URI.
        paths: of the project.
        timeout_s: how long to wait for an answer of the store; None takes `tracking.timeout_s`. Another process that
            is sending is waited for as long as it makes progress.

    Returns:
        Key of a run -> the run in the store; runs that were deleted there, or whose experiment was, are missing.

    Raises:
        TrackingError: the store does not answer or refuses, or another process holds it and sends nothing.
    """
    timeout_s = params.tracking.timeout_s if timeout_s is None else timeout_s
    uri = mlflow_client.project_store(params, paths)
    with mlflow_client.tracking_errors(uri.text, mlflow_client.THEN_REPRO):
        opened = store.connect(uri, paths, timeout_s)
        from glyphline.mlflow_sync.projection import Projection, UploadResult

        projection, total = Projection(opened, FileLocator.of(paths).find, paths.scratch), UploadResult()
        journals = journal_sources.read(paths.journals())
        with projection_lock(paths, patience_s(timeout_s)) as progress:
            for journal in journals:
                total += projection.send(journal, progress.report)
            store.analyze(opened.uri)
            if total.warning:
                log.warning("%s", total.warning)
            return _sent_runs(opened, projection.index.find, journals)


def check_experiment(params: Params, paths: Paths, key: str) -> None:
    """Check that the store takes the run that a journal of the workspace began.

    Args:
        params: for the store's URI.
        paths: of the project.
        key: of the run.

    Raises:
        TrackingError: its experiment was deleted, or the store does not answer or refuses.
    """
    opened = store.connect(mlflow_client.project_store(params, paths), paths, params.tracking.timeout_s)
    for journal in journal_sources.read(paths.journals()):
        events = journal.runs.get(key, [])
        if events and isinstance(events[0], RunStarted):
            with mlflow_client.tracking_errors(opened.uri.text):
                opened.experiment(events[0].experiment)


def _runs_without_files(opened: store.Store) -> list[str]:
    """Ids of the models' and studies' runs of Glyphline that had files here and have none; a trial's run has none."""
    runs = store_contents(opened).runs
    ended = (run for run in runs if run.key is not None and run.parent is None and not run.is_running)
    return [run.run_id for run in ended if run.folder is not None and not run.folder.exists()]


def _warn(total: "UploadResult") -> None:
    if total.warning:
        log.warning("%s", total.warning)
    if not total.refused:
        return
    errors = {(error.problem, error.fix): None for error in total.refused}
    problems, fixes = "; ".join(problem for problem, _ in errors), "; ".join(fix for _, fix in errors)
    log.warning("%d runs were left out: %s\nfix: %s", len(total.refused), problems, fixes)


def _sent_runs(opened: store.Store, find: Callable[[str], Any], journals: list[Journal]) -> dict[str, SentRun]:
    from glyphline.mlflow_sync.logged_model import output_models

    sent: dict[str, SentRun] = {}
    for key in dict.fromkeys(key for journal in journals for key in journal.runs):
        run = find(key)
        if run is None or run.info.lifecycle_stage == "deleted":
            continue
        models = output_models(opened.client.get_run(run.info.run_id))
        model = opened.client.get_logged_model(models[-1]) if models else None
        sent[key] = SentRun(
            run_id=run.info.run_id,
            experiment_id=run.info.experiment_id,
            model_id=model.model_id if model else None,
            model_location=model.artifact_location if model else None,
        )
    return sent
