"""The contents of a store: its runs, and where their files and models are on this machine."""

from dataclasses import dataclass
from pathlib import Path

from glyphline.journal.run_events import KEY_TAG
from glyphline.mlflow_client import local_path, pages
from glyphline.mlflow_sync.store import Store

PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run of the store.

    Attributes:
        run_id: MLflow's.
        experiment: its name.
        start_ms: when it began.
        parent: of a trial, the run of its study.
        is_running: it has not ended.
        folder: of its files; None when they are not on this machine.
        models: logged models that it made: id and folder.
        outputs: ids of the logged models that it made, also of those that somebody deleted.
        key: by which journals name it; None for a run of another program.
    """

    run_id: str
    experiment: str
    start_ms: int
    parent: str | None
    is_running: bool
    folder: Path | None
    models: tuple[tuple[str, Path | None], ...]
    outputs: tuple[str, ...] = ()
    key: str | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where its files and those of its models are, as far as they are on this machine."""
        return tuple(path for path in (self.folder, *(folder for _, folder in self.models)) if path is not None)


@dataclass(frozen=True, slots=True)
class StoreContents:
    """The contents of a store.

    Attributes:
        runs: those that are not deleted.
        folders: of runs, deleted or not, and of models that are not deleted.
        experiments: folders of the artifacts of experiments, deleted or not.
    """

    runs: tuple[StoredRun, ...]
    folders: frozenset[Path]
    experiments: frozenset[Path]


def store_contents(opened: Store) -> StoreContents:
    """Everything in a store, whoever made it.

    Args:
        opened: the store.
    """
    client = opened.client
    from mlflow.entities import ViewType

    from glyphline.mlflow_sync.logged_model import output_models

    experiments = opened.experiments(deleted=True)
    models: dict[str, list[tuple[str, Path | None]]] = {}
    # MLflow leaves out deleted models, but not those of deleted experiments.
    for model in pages(client.search_logged_models, list(experiments), max_results=500):
        models.setdefault(model.source_run_id, []).append((model.model_id, local_path(model.artifact_location)))
    runs, folders = [], set()
    for run in pages(client.search_runs, list(experiments), run_view_type=ViewType.ALL, max_results=1000):
        info = run.info
        stored = StoredRun(
            run_id=info.run_id,
            experiment=experiments[info.experiment_id].name,
            start_ms=info.start_time,
            parent=run.data.tags.get(PARENT_TAG),
            is_running=info.status == "RUNNING",
            folder=_run_folder(info.artifact_uri, info.run_id),
            models=tuple(models.get(info.run_id, ())),
            outputs=tuple(output_models(run)),
            key=run.data.tags.get(KEY_TAG),
        )
        folders |= set(stored.folders)
        if info.lifecycle_stage == "active":
            runs.append(stored)
    folders |= {folder for pairs in models.values() for _, folder in pairs if folder}
    locations = (local_path(experiment.artifact_location) for experiment in experiments.values())
    return StoreContents(tuple(runs), frozenset(folders), frozenset(path for path in locations if path))


def _run_folder(uri: str, run_id: str) -> Path | None:
    # <root>/<run id>/artifacts: the folder of the run goes as a whole.
    path = local_path(uri)
    return path.parent if path is not None and path.parent.name == run_id else None
