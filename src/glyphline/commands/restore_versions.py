"""`sync`: restore a lost registry, with the versions of the workspace, past commits and experiments."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from glyphline import journal, mlflow_sync, records, registry
from glyphline.errors import PipelineError, RegistryError, TrackingError
from glyphline.mlflow_sync import dvc_lock
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.mlflow_sync.dvc_lock import DvcLock
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Decision
from glyphline.registry import EvaluatedModel, FinishedRun, RegistryLocation
from glyphline.scratch import scratch_folder

log = logging.getLogger(__name__)

STAGES = ("train", "evaluate", "register")


def run(params: Params, paths: Paths, past: Sequence[DvcLock] | None = None) -> list[Decision]:
    """Register again, in their old order, the models that the history does not know.

    What a person did in the lost registry, a promotion by hand or a rollback, was written nowhere else and is gone.

    A registered run whose files cannot be read is left out with a warning.

    Args:
        params: of the project.
        paths: of the project.
        past: the lock files of the past; None reads them.

    Returns:
        The decisions with the versions and the aliases of now.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    restored: dict[str, list[Decision]] = {}
    past = dvc_lock.past(paths.work) if past is None else past
    with scratch_folder(paths.scratch, "restoring") as scratch:
        # One decision per run: the gate may have decided about the same run several times.
        runs = {key: (decision, files) for key, decision, files in _registered_runs(paths, past, scratch)}
        wanted = Counter((decision.name, decision.weights_digest) for decision, _ in runs.values())
        present = {name: registry.registered_versions(_location(params, paths, name)) for name, _ in wanted}
        for decision, files in sorted(runs.values(), key=lambda run: run[0].version):
            digest, name = decision.weights_digest, decision.name
            if wanted[name, digest] <= present[name][digest]:
                continue
            before = [earlier.version for earlier in restored.setdefault(name, [])]
            with _skip_damaged():
                if (new := restore(params, files, decision, after=before)) is not None:
                    restored[name].append(new)
    return [decision for decisions in restored.values() for decision in decisions]


def restore(params: Params, paths: Paths, decision: Decision, *, after: Collection[int] = ()) -> Decision | None:
    """Register a run again where the store has lost it; None when there is nothing to do.

    Args:
        params: of the project.
        paths: where the run's files are.
        decision: about the run.
        after: versions that were restored just before, of earlier decisions.
    """
    model = EvaluatedModel.read(paths)
    evaluated = model.artifacts.evaluation
    if len({decision.weights_digest, model.training.weights_digest, evaluated.weights_digest}) > 1:
        log.info("decision.json is about an earlier model; `dvc repro` registers the present one")
        return None
    sent = mlflow_sync.flush(params, paths).get(journal.last_key(paths.journal("train")))
    run = None if sent is None else FinishedRun.of(sent.run_id, sent.model_id, sent.model_location, model)
    if run is None:
        return None
    return registry.restore_version(run, _location(params, paths, decision.name), decision, after=after)


def _location(params: Params, paths: Paths, name: str) -> RegistryLocation:
    return replace(RegistryLocation.of(params, paths), name=name)


def _registered_runs(paths: Paths, past: Sequence[DvcLock], scratch: Path) -> Iterator[tuple[str, Decision, Paths]]:
    """Keys of runs, decisions and where the files are; of two decisions about one run, the later one comes later."""
    cache = DvcCache.of(paths.home)
    for number, lock in enumerate(reversed(past)):
        copy = Paths(work=scratch / str(number), home=paths.home)
        cached = _cached_files(lock, cache)
        for link in (*_needed(copy), copy.journal("evaluate")):
            file = cached.get(link.relative_to(copy.work).as_posix())
            if file is not None:
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)
        yield from _registered_run(copy)
    yield from _registered_run(paths)


def _cached_files(lock: DvcLock, cache: DvcCache) -> dict[str, Path]:
    """Path in the project -> file in DVC's cache, of the outs of train, evaluate and register that are there."""
    outs = (out for stage in STAGES for out in lock.get(stage, {}).get("outs", {}).items())
    files = {path: cache.path(md5) for path, md5 in outs if not md5.endswith(".dir")}
    return {path: file for path, file in files.items() if file.is_file()}


def _needed(paths: Paths) -> tuple[Path, ...]:
    """The files that a run is registered again from."""
    evaluated = (paths.evaluation, paths.cost, paths.predictions, paths.model_card)
    return (paths.training, paths.journal("train"), *evaluated, paths.decision)


def _registered_run(paths: Paths) -> Iterator[tuple[str, Decision, Paths]]:
    if not all(path.is_file() for path in _needed(paths)):
        return
    with _skip_damaged():
        decision = records.read(paths.decision, Decision, stage="register")
        yield journal.last_key(paths.journal("train")), decision, paths


@contextmanager
def _skip_damaged() -> Iterator[None]:
    """Leave out a run whose files are damaged or older than this program; the next one may be the champion's."""
    try:
        yield
    except (TrackingError, RegistryError):
        # The store's own failures: the next run would meet them too.
        raise
    except PipelineError as error:
        log.warning("a registered run was left out: %s\nfix: %s", error.problem, error.fix)
