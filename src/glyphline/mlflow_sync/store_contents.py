"""What a store holds: its runs, and where their files and models lie on this machine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

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
        folder: with its files, where they are on this machine.
        models: logged models that it made: id -> folder.
        outputs: ids of the logged models that it made, also of those that somebody deleted.
    """

    run_id: str
    experiment: str
    start_ms: int
    parent: str | None
    is_running: bool
    folder: Path | None
    models: tuple[tuple[str, Path | None], ...]
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreContents:
    """What a store holds.

    Attributes:
        runs: those that are not deleted.
        folders: that a run, deleted or not, or a model that is not deleted owns.
        experiments: the folders in which experiments, deleted or not, put what they make.
    """

    runs: tuple[StoredRun, ...]
    folders: frozenset[Path]
    experiments: frozenset[Path]


def store_contents(opened: Store) -> StoreContents:
    """All that a store holds, whoever made it.

    Args:
        opened: the store.
    """
    client = opened.client
    from mlflow.entities import ViewType

    experiments = [
        *pages(lambda token: client.search_experiments(view_type=ViewType.ALL, max_results=1000, page_token=token))
    ]
    names = {one.experiment_id: one.name for one in experiments}
    models: dict[str, list[tuple[str, Path | None]]] = {}
    # MLflow leaves out deleted models, but not those of deleted experiments.
    for model in pages(lambda token: client.search_logged_models(list(names), max_results=500, page_token=token)):
        models.setdefault(model.source_run_id, []).append((model.model_id, local(model.artifact_location)))
    found, known = [], set()
    for run in pages(
        lambda token: client.search_runs(list(names), run_view_type=ViewType.ALL, max_results=1000, page_token=token)
    ):
        info = run.info
        one = StoredRun(
            run_id=info.run_id,
            experiment=names[info.experiment_id],
            start_ms=info.start_time,
            parent=run.data.tags.get(PARENT_TAG),
            is_running=info.status == "RUNNING",
            folder=_owned(info.artifact_uri, info.run_id),
            models=tuple(models.get(info.run_id, ())),
            outputs=tuple(output.model_id for output in run.outputs.model_outputs) if run.outputs else (),
        )
        known |= {path for path in (one.folder, *(folder for _, folder in one.models)) if path}
        if info.lifecycle_stage == "active":
            found.append(one)
    known |= {folder for made in models.values() for _, folder in made if folder}
    places = (local(one.artifact_location) for one in experiments)
    return StoreContents(tuple(found), frozenset(known), frozenset(place for place in places if place))


def pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """All entries of a listing that MLflow gives page by page."""
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def local(uri: str | None) -> Path | None:
    """The path that a URI names on this machine; None when it names none."""
    parts = urlsplit(uri or "")
    return Path(unquote(parts.path)) if parts.scheme in {"", "file"} and parts.path else None


def _owned(uri: str, run_id: str) -> Path | None:
    # <root>/<run id>/artifacts: the folder of the run goes as a whole.
    path = local(uri)
    return path.parent if path is not None and path.parent.name == run_id else None
