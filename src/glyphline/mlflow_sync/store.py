"""The store that runs are shown in: its first use, and its experiments.

mlflow is imported inside functions only: it costs seconds.
"""

import logging
import os
import sqlite3
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glyphline import files, mlflow_client
from glyphline.errors import TrackingError
from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import artifact_owners, experiment_view, new_database
from glyphline.paths import Paths

log = logging.getLogger(__name__)


class ExperimentDeletedError(TrackingError):
    """An experiment was deleted, and MLflow takes no run of it until it is restored."""


@dataclass
class Store:
    """An open store.

    Attributes:
        client: an `mlflow.MlflowClient`.
        uri: where it is.
        artifacts: the folder for the files of experiments made here; None leaves that to the server.
        identity: its name in that folder, see `artifact_owners`.
    """

    client: Any
    uri: StoreUri
    artifacts: Path | None
    identity: str | None = None
    _experiments: dict[str, str] = field(default_factory=dict)

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is created when it is missing.

        Raises:
            ExperimentDeletedError: it was deleted.
        """
        if name not in self._experiments:
            experiment = self.client.get_experiment_by_name(name)
            if experiment is not None and experiment.lifecycle_stage == "deleted":
                raise ExperimentDeletedError(
                    f"experiment {name} (id {experiment.experiment_id}) was deleted in {self.uri}",
                    fix=f"with MLFLOW_TRACKING_URI set to that store: "
                    f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`, then `glyphline sync`",
                )
            self._experiments[name] = experiment.experiment_id if experiment else self._create(name)
        return self._experiments[name]

    def experiments(self, *, deleted: bool = False) -> dict[str, Any]:
        """Id -> MLflow's experiment, for all of them.

        Args:
            deleted: with those that were deleted.
        """
        from mlflow.entities import ViewType

        view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
        experiments = mlflow_client.pages(self.client.search_experiments, view, max_results=1000)
        return {experiment.experiment_id: experiment for experiment in experiments}

    def _create(self, name: str) -> str:
        location = mlflow_client.experiment_folder(self.artifacts, name).as_uri() if self.artifacts else None
        experiment_id: str = self.client.create_experiment(name, artifact_location=location)
        for key, value in experiment_view.tags(name, experiment_id).items():
            self.client.set_experiment_tag(experiment_id, key, value)
        return experiment_id


def analyze(uri: StoreUri) -> None:
    """Let SQLite count the rows of its tables, so that it plans its queries well; other databases do so by themselves.

    Without it the table of a thousand runs, sorted by a metric, takes twice as long as with it.
    """
    if uri.sqlite_file is None:
        return
    try:
        with closing(sqlite3.connect(uri.sqlite_file, timeout=1.0)) as database:
            database.execute("ANALYZE")
            database.commit()
    except sqlite3.Error as error:
        # Another process is writing; the next call will count them.
        log.debug("the tables of %s were not counted: %s", uri, error)


def connect(uri: StoreUri, paths: Paths, timeout_s: float) -> Store:
    """Open a store; a new database gets its tables now, by one process at a time.

    Raises:
        TrackingError: it does not answer, or it is none that can be used.
        OSError: a file of the project may not be written, or the store's own file not be opened.
    """
    os.environ.update(mlflow_client.environment_variables(timeout_s))
    if uri.sqlite_file is not None:
        uri.sqlite_file.parent.mkdir(parents=True, exist_ok=True)
    # Outside the block below: a file of the project that cannot be written is no failure of the store.
    with files.exclusive(paths.mlruns / "store.lock") if not uri.is_server else nullcontext():
        mlflow_client.check_store(uri, timeout_s)
        with mlflow_client.tracking_errors(uri.text):
            return _opened(uri, paths)


def _opened(uri: StoreUri, paths: Paths) -> Store:
    from mlflow.entities import ViewType

    if uri.sqlite_file is not None and new_database.ensure_whole(uri.sqlite_file, paths.scratch):
        _make_default_experiment(uri, paths)
    client = mlflow_client.client(uri.text)
    if uri.is_server:
        # What MLflow 2 does not know, so that such a server is recognized before anything is sent.
        client.search_logged_models(["0"], max_results=1)
        return Store(client, uri, artifacts=None)
    oldest = client.search_experiments(view_type=ViewType.ALL, max_results=1, order_by=["creation_time ASC"])
    artifacts = paths.mlruns / "artifacts"
    created_ms = oldest[0].creation_time if oldest else None
    identity = artifact_owners.identity(uri, paths, created_ms)
    artifact_owners.add(artifacts, identity, artifact_owners.earlier_identities(uri, paths, created_ms))
    return Store(client, uri, artifacts, identity)


def _make_default_experiment(uri: StoreUri, paths: Paths) -> None:
    # MLflow would put its files below the current folder, which for a queued experiment is thrown away.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri.text, paths.mlruns.as_uri()).engine.dispose()
