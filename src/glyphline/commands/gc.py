"""Remove what nobody will miss: old runs with their files, old studies, files that no run knows.

Nothing goes that an alias, a registered version of any model, or a history refers to. What goes is first listed, as a
plan, by a pure function; carrying it out does nothing else.
"""

import logging
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glyphline.mlflow_sync import artifact_owners, store
from glyphline.mlflow_sync.store_contents import StoreContents, StoredRun, local, pages, store_contents
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.registry import connection

log = logging.getLogger(__name__)

HISTORIES = "registry"
TUNING = "/tuning"
# Files may lie in their folder a moment before the run that owns them is known.
YOUNG_S = 3600.0
# As MLflow names the folders of runs and of logged models; beside them it has others, as `traces`.
MADE = re.compile(r"[0-9a-f]{32}|m-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class References:
    """What versions and histories refer to.

    Attributes:
        runs: ids.
        models: ids of logged models.
        sources: where the files of versions are, on this machine.
    """

    runs: frozenset[str]
    models: frozenset[str]
    sources: frozenset[Path]


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What is to go.

    Attributes:
        runs: with their files.
        strays: folders that no run and no model knows.
        kept: how many runs stay because a version or a history needs them, though they are old.
        unsure: how many folders that look like strays stay, because they may be another store's.
    """

    runs: tuple[StoredRun, ...]
    strays: tuple[Path, ...]
    kept: int
    unsure: int = 0

    @property
    def folders(self) -> list[Path]:
        """Everything on disk that goes."""
        owned = [path for run in self.runs for path in (run.folder, *(folder for _, folder in run.models))]
        return [path for path in (*owned, *self.strays) if path is not None and path.exists()]


def planned(runs: Sequence[StoredRun], referred: frozenset[str], models: frozenset[str], keep: int) -> RemovalPlan:
    """Which runs go: per experiment all but the newest `keep`, studies with their trials.

    Args:
        runs: of the whole store.
        referred: ids of runs that a version or a history refers to.
        models: ids of logged models that a version refers to.
        keep: newest runs of each experiment that stay in any case.
    """
    by_experiment: dict[str, list[StoredRun]] = {}
    for run in runs:
        if run.parent is None and run.experiment != HISTORIES:
            by_experiment.setdefault(run.experiment, []).append(run)
    old = [
        run
        for found in by_experiment.values()
        for run in sorted(found, key=lambda run: (run.start_ms, run.run_id), reverse=True)[keep:]
    ]
    needed = {run.run_id for run in runs if run.run_id in referred or any(model in models for model, _ in run.models)}
    parents = {run.parent for run in runs if run.run_id in needed}
    going = {run.run_id for run in old if run.run_id not in needed | parents and not run.is_running}
    chosen = [
        run
        for run in runs
        if not run.is_running and run.run_id not in needed and (run.run_id in going or run.parent in going)
    ]
    return RemovalPlan(tuple(chosen), (), kept=len([run for run in old if run.run_id in needed | parents]))


def run(params: Params, paths: Paths, keep: int, *, dry: bool) -> tuple[RemovalPlan, int]:
    """Clean the project's store.

    Args:
        params: for the store.
        paths: of the project.
        keep: newest runs of each experiment that stay in any case.
        dry: only say what would go.

    Returns:
        What went, and how many bytes it took.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    uri = store.uri(params, paths)
    opened = store.connect(uri, paths, params.tracking.timeout_s)
    with store.projecting(paths), connection.client(uri, params.tracking.timeout_s) as client:
        held, needed = store_contents(opened), _references(client)
        plan = planned(held.runs, needed.runs | _makers(held.runs, needed.sources), needed.models, keep)
        if opened.artifacts and opened.identity:
            strays = tuple(_strays(opened.artifacts, held, needed))
            is_sole = artifact_owners.is_sole(opened.artifacts, opened.identity)
            plan = replace(plan, strays=strays) if is_sole else replace(plan, unsure=len(strays))
        size = sum(path.stat().st_size for folder in plan.folders for path in folder.rglob("*") if path.is_file())
        if not dry:
            _carry_out(client, plan)
    return plan, size


def _carry_out(client: Any, plan: RemovalPlan) -> None:
    for run in plan.runs:
        # The store first: a run without files would be a riddle, files without a run are strays of the next time.
        for model_id, _ in run.models:
            client.delete_logged_model(model_id)
        client.delete_run(run.run_id)
    for folder in plan.folders:
        shutil.rmtree(folder)


def _references(client: Any) -> References:
    from glyphline.registry import log as logs
    from glyphline.registry.log_events import VersionJudged, VersionNotJudged

    runs: set[str] = set()
    models: set[str] = set()
    sources: set[Path | None] = set()
    for model in pages(lambda token: client.search_registered_models(max_results=100, page_token=token)):
        for version in client.search_model_versions(f"name = '{model.name}'", max_results=10_000):
            runs |= {version.run_id} - {None, ""}
            found = client.get_model_version(model.name, version.version)
            models |= {found.model_id} - {None, ""}
            # The source may be models:/<id>; this is where the files are.
            at = client.get_model_version_download_uri(model.name, version.version)
            sources |= {local(found.source), local(at)}
        history = logs.find(client, model.name)
        if history is not None:
            whole = logs.Log(client, history, model.name)
            judged = [event for event in whole.read().events if isinstance(event, VersionJudged | VersionNotJudged)]
            runs |= {*whole.run_ids, *(event.run_id for event in judged if event.run_id)}
    return References(frozenset(runs), frozenset(models), frozenset(path for path in sources if path))


def _makers(runs: Iterable[StoredRun], sources: Iterable[Path]) -> frozenset[str]:
    """Runs in whose files a version was made, which need not name its run."""
    needed = _with_parents(sources)
    owned = ((run.run_id, (run.folder, *(folder for _, folder in run.models))) for run in runs)
    return frozenset(run_id for run_id, folders in owned if any(path and path.resolve() in needed for path in folders))


def _strays(artifacts: Path, held: StoreContents, needed: References) -> Iterator[Path]:
    """Folders of runs and models below the project's own artifacts that nothing in the store owns."""
    known = _with_parents(held.folders | needed.sources)
    outputs = {model for run in held.runs if run.run_id in needed.runs for model in run.outputs}
    for place in sorted(held.experiments):
        if not place.resolve().is_relative_to(artifacts.resolve()):
            continue
        for folder in sorted((*place.glob("*"), *place.glob("models/*"))):
            is_needed = folder.name in needed.models | outputs or folder.resolve() in known
            if not MADE.fullmatch(folder.name) or is_needed or not folder.is_dir():
                continue
            if time.time() - folder.stat().st_mtime > YOUNG_S:
                yield folder


def _with_parents(paths: Iterable[Path]) -> frozenset[Path]:
    # Resolved: the store has each path as it was spelt when it was made, perhaps through a link.
    return frozenset(place for path in map(Path.resolve, paths) for place in (path, *path.parents))
