"""Remove old runs with their files, old studies, and folders that no run owns.

Nothing is removed that an alias, a registered version of any model or a history refers to, or that the workspace, a
branch, a tag, an experiment or DVC's queue stands on. Nothing outside the project's own mlruns is touched, whatever
the store says: in a copy of a project it still names the files of the first. A pure function first makes a plan of the
runs; carrying the plan out does nothing else.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glyphline import mlflow_client
from glyphline.mlflow_client import local_path, pages
from glyphline.mlflow_sync import artifact_owners, store
from glyphline.mlflow_sync.journal_runs import needed_keys
from glyphline.mlflow_sync.projection_lock import patience_s, projection_lock
from glyphline.mlflow_sync.store_contents import StoreContents, StoredRun, store_contents
from glyphline.params import Params
from glyphline.paths import Paths

log = logging.getLogger(__name__)

HISTORIES = "registry"
# A folder may be there a moment before the run that owns it is in the store.
MIN_AGE_S = 3600.0
# The names of the folders of runs and logged models; MLflow has others next to them, as `traces`.
FOLDER_NAME = re.compile(r"[0-9a-f]{32}|m-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class References:
    """What registered versions and the histories of models refer to.

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
    """What is to be removed.

    Attributes:
        runs: with their files.
        unowned_folders: folders that belong to no run and no model.
        kept_runs: how many old runs stay because something refers to them.
        kept_folders: how many unowned folders stay because they may belong to another store.
        outside: folders of old runs that stay, with their runs, because they are not below the project's mlruns.
    """

    runs: tuple[StoredRun, ...]
    unowned_folders: tuple[Path, ...]
    kept_runs: int
    kept_folders: int = 0
    outside: tuple[Path, ...] = ()

    @property
    def folders(self) -> list[Path]:
        """All folders that are to be removed; one may be a link, which is removed alone."""
        owned = [path for run in self.runs for path in run.folders]
        return [path for path in (*owned, *self.unowned_folders) if os.path.lexists(path)]


def planned(
    runs: Sequence[StoredRun], referred_runs: frozenset[str], referred_models: frozenset[str], keep: int
) -> RemovalPlan:
    """The runs to remove: of each experiment all but the newest `keep`, studies with their trials.

    Args:
        runs: of the whole store.
        referred_runs: ids of runs that a version, a history or the project refers to.
        referred_models: ids of logged models that a version refers to.
        keep: newest runs of each experiment that stay in any case.
    """
    by_experiment: dict[str, list[StoredRun]] = {}
    for run in runs:
        if run.parent is None and run.experiment != HISTORIES:
            by_experiment.setdefault(run.experiment, []).append(run)
    old = [
        run
        for siblings in by_experiment.values()
        for run in sorted(siblings, key=lambda run: (run.start_ms, run.run_id), reverse=True)[keep:]
    ]
    needed = {
        run.run_id
        for run in runs
        if run.run_id in referred_runs or any(model in referred_models for model, _ in run.models)
    }
    needed_or_parents = needed | {run.parent for run in runs if run.run_id in needed}
    removable = {run.run_id for run in old if run.run_id not in needed_or_parents and not run.is_running}
    removed = [
        run
        for run in runs
        if not run.is_running and run.run_id not in needed and (run.run_id in removable or run.parent in removable)
    ]
    return RemovalPlan(tuple(removed), (), kept_runs=len([run for run in old if run.run_id in needed_or_parents]))


def run(params: Params, paths: Paths, keep: int, *, dry: bool) -> tuple[RemovalPlan, int]:
    """Remove what is old or unowned from the project's store.

    Args:
        params: for the store.
        paths: of the project.
        keep: newest runs of each experiment that stay in any case.
        dry: only make the plan.

    Returns:
        What is removed, and its size in bytes.

    Raises:
        TrackingError: the store does not answer.
        RegistryError: the store refuses a request.
    """
    uri = mlflow_client.project_store(params, paths)
    timeout_s = params.tracking.timeout_s
    opened = store.connect(uri, paths, timeout_s)
    with projection_lock(paths, patience_s(timeout_s)), mlflow_client.registry_client(uri.text, timeout_s) as client:
        contents, references = store_contents(opened), _references(client)
        keys = needed_keys(paths)
        referred_runs = references.runs | _source_runs(contents.runs, references.sources)
        referred_runs |= {run.run_id for run in contents.runs if run.key in keys}
        plan = _within(planned(contents.runs, referred_runs, references.models, keep), paths.mlruns)
        if opened.artifacts and opened.identity:
            found = _unowned_folders(opened.artifacts, contents, references)
            unowned = tuple(folder for folder in found if _is_own(folder, paths.mlruns))
            is_sole_owner = artifact_owners.is_sole_owner(opened.artifacts, opened.identity)
            plan = replace(plan, unowned_folders=unowned) if is_sole_owner else replace(plan, kept_folders=len(unowned))
        size = sum(map(_size_bytes, plan.folders))
        if not dry:
            _carry_out(client, plan)
    return plan, size


def _carry_out(client: Any, plan: RemovalPlan) -> None:
    for run in plan.runs:
        # The store first: after a crash, files without a run are removed the next time, but a run without files stays.
        for model_id, _ in run.models:
            client.delete_logged_model(model_id)
        client.delete_run(run.run_id)
    for folder in plan.folders:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)


def _within(plan: RemovalPlan, mlruns: Path) -> RemovalPlan:
    """The plan without the runs of which a folder is there and is not below the project's mlruns."""
    outside = {
        run.run_id: [path for path in run.folders if os.path.lexists(path) and not _is_own(path, mlruns)]
        for run in plan.runs
    }
    kept = {run_id for run_id, folders in outside.items() if folders}
    # A study stays with its trials.
    kept |= {run.parent for run in plan.runs if run.run_id in kept and run.parent is not None}
    return replace(
        plan,
        runs=tuple(run for run in plan.runs if run.run_id not in kept and run.parent not in kept),
        outside=tuple(folder for folders in outside.values() for folder in folders),
    )


def _is_own(path: Path, mlruns: Path) -> bool:
    """Whether this is the folder of one run or model, really below the project's mlruns; of a link, where it is."""
    is_of_one = any(FOLDER_NAME.fullmatch(name) for name in (path.name, path.parent.name))
    return is_of_one and path.name != ".." and path.parent.resolve().is_relative_to(mlruns.resolve())


def _size_bytes(folder: Path) -> int:
    paths = [] if folder.is_symlink() else folder.rglob("*")
    return sum(path.lstat().st_size for path in paths if path.is_file() and not path.is_symlink())


def _references(client: Any) -> References:
    from glyphline.registry import log as logs
    from glyphline.registry.log_events import VersionJudged, VersionNotJudged

    runs: set[str] = set()
    models: set[str] = set()
    sources: set[Path | None] = set()
    for model in pages(client.search_registered_models, max_results=100):
        for version in pages(client.search_model_versions, f"name = '{model.name}'"):
            runs |= {version.run_id} - {None, ""}
            details = client.get_model_version(model.name, version.version)
            models |= {details.model_id} - {None, ""}
            # The source may be models:/<id>; the download URI is where the files are.
            download_uri = client.get_model_version_download_uri(model.name, version.version)
            sources |= {local_path(details.source), local_path(download_uri)}
        first_run_id = logs.find(client, model.name)
        if first_run_id is not None:
            log_of_model = logs.Log(client, first_run_id, model.name)
            events = log_of_model.read().events
            versions = [event for event in events if isinstance(event, VersionJudged | VersionNotJudged)]
            runs |= {*log_of_model.run_ids, *(event.run_id for event in versions if event.run_id)}
    return References(frozenset(runs), frozenset(models), frozenset(path for path in sources if path))


def _source_runs(runs: Iterable[StoredRun], sources: Iterable[Path]) -> frozenset[str]:
    """Runs that own the files of a version, which need not name its run."""
    needed = _with_parents(sources)
    return frozenset(run.run_id for run in runs if any(path.resolve() in needed for path in run.folders))


def _unowned_folders(artifacts: Path, contents: StoreContents, references: References) -> Iterator[Path]:
    """Folders of runs and models below the project's own artifacts that nothing in the store owns."""
    owned = _with_parents(contents.folders | references.sources)
    outputs = {model for run in contents.runs if run.run_id in references.runs for model in run.outputs}
    for experiment in sorted(contents.experiments):
        if not experiment.resolve().is_relative_to(artifacts.resolve()):
            continue
        for folder in sorted((*experiment.glob("*"), *experiment.glob("models/*"))):
            is_needed = folder.name in references.models | outputs or folder.resolve() in owned
            if not FOLDER_NAME.fullmatch(folder.name) or is_needed or not folder.is_dir():
                continue
            if time.time() - folder.lstat().st_mtime > MIN_AGE_S:
                yield folder


def _with_parents(paths: Iterable[Path]) -> frozenset[Path]:
    # Resolved: the store has each path as it was written when it was made, perhaps through a link.
    return frozenset(folder for path in map(Path.resolve, paths) for folder in (path, *path.parents))
