"""Bring the journals into the store now: everything there is, or the workspace's alone."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glyphline.errors import TrackingError
from glyphline.journal.journal_file import History
from glyphline.journal.run_events import Start
from glyphline.journal.run_files import FileLocator
from glyphline.mlflow_sync import journal_sources, store
from glyphline.params import Params
from glyphline.paths import Paths

log = logging.getLogger(__name__)

FLUSH_FIX = "start the tracking server, then `glyphline sync` and `dvc repro`"


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
class Projected:
    """A run in the store.

    Attributes:
        run_id, experiment_id: MLflow's own.
        model_id: of the logged model; None for a run without one.
        model_location: URI of the folder with the model's files.
    """

    run_id: str
    experiment_id: str
    model_id: str | None
    model_location: str | None


def sync(params: Params, paths: Paths) -> SyncReport:
    """Send what the store lacks of every journal: workspace, last commits, DVC experiments.

    Raises:
        TrackingError: the store is out of reach or refuses.
    """
    shelf = FileLocator.of(paths.work, paths.home)
    histories = journal_sources.histories([*journal_sources.workspace(paths), *journal_sources.past(paths, shelf)])
    opened = store.connect(store.uri(params, paths), paths, params.tracking.timeout_s)
    from glyphline.mlflow_sync.projection import Projection, UploadResult

    projection, total = Projection(opened, shelf.find), UploadResult()
    for history in histories:
        with store.projecting(paths):
            total += projection.send(history)
    store.keep_quick(opened.uri)
    missing = tuple(dict.fromkeys(total.missing))
    if missing:
        log.warning("%d files of old runs are nowhere any more: %s", len(missing), ", ".join(missing[:5]))
    if total.orphans:
        log.warning("%d runs were left out: the journals that began them are gone", len(set(total.orphans)))
    _warn(total.refused)
    return SyncReport(total.runs_made, total.events_sent, len(histories), missing)


def flush(params: Params, paths: Paths, timeout_s: float | None = None) -> dict[str, Projected]:
    """See to it that the store holds everything that the workspace's journals tell.

    Args:
        params: for the store's URI.
        paths: of the project.
        timeout_s: how long to wait for the store, and for another process that is sending; None takes
            `tracking.timeout_s`.

    Returns:
        Key of a run -> where it is in the store; runs that were deleted there, or whose experiment was, are missing.

    Raises:
        TrackingError: the store is out of reach, refuses, or is held by another process all that time.
    """
    timeout_s = params.tracking.timeout_s if timeout_s is None else timeout_s
    try:
        opened = store.connect(store.uri(params, paths), paths, timeout_s)
        from glyphline.mlflow_sync.projection import Projection

        shelf = FileLocator.of(paths.work, paths.home)
        projection = Projection(opened, shelf.find)
        histories = journal_sources.histories(journal_sources.workspace(paths))
        with store.projecting(paths, timeout_s):
            for history in histories:
                projection.send(history)
            store.keep_quick(opened.uri)
            with store.refusals(opened.uri):
                return _projected(opened, projection.index.find, histories)
    except TrackingError as error:
        # What is no dead server has a way out of its own.
        raise TrackingError(error.problem, fix=FLUSH_FIX if error.fix == store.FIX else error.fix) from None


def check_experiment(params: Params, paths: Paths, key: str) -> None:
    """See to it that the store takes the run that a journal of the workspace began.

    Args:
        params: for the store's URI.
        paths: of the project.
        key: of the run.

    Raises:
        TrackingError: its experiment was deleted, or the store is out of reach or refuses.
    """
    opened = store.connect(store.uri(params, paths), paths, params.tracking.timeout_s)
    for history in journal_sources.histories(journal_sources.workspace(paths)):
        events = history.runs.get(key, [])
        if events and isinstance(events[0], Start):
            with store.refusals(opened.uri):
                opened.experiment(events[0].experiment)


def _warn(refused: tuple[store.ExperimentDeletedError, ...]) -> None:
    if not refused:
        return
    told = dict.fromkeys((error.problem, error.fix) for error in refused)
    problems = "; ".join(problem for problem, _ in told)
    log.warning("%d runs were left out: %s\nfix: %s", len(refused), problems, "; ".join(fix for _, fix in told))


def _projected(opened: store.Store, find: Callable[[str], Any], histories: list[History]) -> dict[str, Projected]:
    from glyphline.mlflow_sync.logged_model import outputs

    found: dict[str, Projected] = {}
    for key in dict.fromkeys(key for history in histories for key in history.runs):
        run = find(key)
        if run is None or run.info.lifecycle_stage == "deleted":
            continue
        models = outputs(opened.client.get_run(run.info.run_id))
        model = opened.client.get_logged_model(models[-1]) if models else None
        found[key] = Projected(
            run_id=run.info.run_id,
            experiment_id=run.info.experiment_id,
            model_id=model.model_id if model else None,
            model_location=model.artifact_location if model else None,
        )
    return found
