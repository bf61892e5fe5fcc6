"""Rebuild a version: worktree, parameters, data, training, evaluation, comparison."""

import importlib.metadata
import logging
import platform
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from glyphline import files, mlflow_client, records
from glyphline.commands.reproduce import result, version_origin, worktree
from glyphline.commands.reproduce.result import Result
from glyphline.commands.reproduce.version_origin import SourceTree, VersionOrigin
from glyphline.errors import RegistryError
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.params import Params
from glyphline.params.model import PRETRAINED
from glyphline.paths import Paths
from glyphline.records import Best, Evaluation, SplitManifest, Training
from glyphline.registry import RegistryLocation, verified_model
from glyphline.scratch import scratch_folder

log = logging.getLogger(__name__)

SPLITS = {"training": "train", "validation": "val", "test": "test"}
TEST = "data/processed/test"


def run(params: Params, paths: Paths, reference: str) -> Result:
    """Rebuild a registered version in a scratch worktree and compare.

    Args:
        params: for the store.
        paths: of the project, whose repository must hold the commit.
        reference: the version, as `models:/NAME@champion`.

    Returns:
        The comparison; that the result differs is an answer and no error.

    Raises:
        RegistryError: there is no such version, or something that it was made of is missing.
        ArtifactError: its files are not what was registered.
    """
    location = RegistryLocation.of(params, paths)
    with (
        scratch_folder(paths.scratch, "origin") as scratch,
        verified_model.verified_model(location, reference) as verified,
    ):
        judged = verified.judged
        with mlflow_client.registry_client(location.uri, location.timeout_s) as client:
            origin = version_origin.read(client, judged.run_id, judged.dataset, verified.folder, scratch)
        log.info("version %d: %s", judged.version, origin.trained)
        with worktree.worktree(paths.work, origin.trained.commit, origin.trained.patch) as folder:
            return _rebuilt(origin, Paths(work=folder, home=folder), paths)


def _rebuilt(origin: VersionOrigin, rebuilt: Paths, paths: Paths) -> Result:
    _train(origin, rebuilt, DvcCache.of(paths.home))
    notes = [*_notes(origin.trained, rebuilt)]
    if origin.evaluated.is_like(origin.trained):
        return _evaluated(origin, rebuilt, notes)
    log.info("evaluated later: %s", origin.evaluated)
    with worktree.worktree(paths.work, origin.evaluated.commit, origin.evaluated.patch) as later:
        # That commit's params.yaml has the values of the evaluation; the run's own values are those of training.
        worktree.set_params(later, {"tracking.uri": None, "data.dataset": origin.dataset})
        for folder in (rebuilt.processed, rebuilt.stage("train")):
            shutil.copytree(folder, later / folder.relative_to(rebuilt.work), dirs_exist_ok=True)
        return _evaluated(origin, Paths(work=later, home=later), notes)


def _train(origin: VersionOrigin, rebuilt: Paths, cache: DvcCache) -> None:
    folder = rebuilt.work
    # The run's own values, also those that an experiment set; the rebuilt run is sent to no store.
    worktree.set_params(folder, {"tracking.uri": None, "data.dataset": origin.dataset, **_own_params(origin)})
    _copy_data(origin, rebuilt, cache)
    if origin.params.get("model.kind") == PRETRAINED:
        weights, outs = "artifacts/backbone", origin.trained.outs
        # One's own archive may be another one by now, and a published file out of reach.
        if weights not in outs or not worktree.copy_out(cache, weights, outs[weights], folder):
            _run("backbone", folder, origin.trained)
        # They take seconds; what they were then may be in no cache.
        _run("features", folder, origin.trained)
    # No search: params.yaml holds its result by now.
    records.write(rebuilt.best, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0))
    _run("train", folder, origin.trained)


def _evaluated(origin: VersionOrigin, rebuilt: Paths, notes: list[str]) -> Result:
    _run("evaluate", rebuilt.work, origin.evaluated)
    return result.compare(
        origin.evaluation,
        origin.predictions,
        records.read(rebuilt.evaluation, Evaluation, stage="evaluate"),
        rebuilt.predictions,
        training=records.read(rebuilt.training, Training, stage="train"),
        notes=tuple(dict.fromkeys((*notes, *_notes(origin.evaluated, rebuilt), *_packages(origin.pins)))),
    )


def _run(stage: str, folder: Path, tree: SourceTree) -> None:
    log.info("%s", stage)
    if (error := worktree.run(folder, stage)) is not None:
        raise RegistryError(f"{stage} of commit {tree.commit[:12]} fails: {error}", fix="the stage says why")


def _own_params(origin: VersionOrigin) -> dict[str, object]:
    images = ("data.path", "data.columns.", "data.normalise_labels", "data.bad_files", "data.max_bad_share")
    sections = ("seed", "preprocess.", "model.", "train.", "evaluate.", *images)
    return {key: value for key, value in origin.params.items() if key.startswith(sections)}


def _copy_data(origin: VersionOrigin, rebuilt: Paths, cache: DvcCache) -> None:
    """The splits, from DVC's cache by their MD5 or else from their source; their digests must be the recorded ones."""
    needed = [f"data/processed/{name}" for name in SPLITS.values()]
    # The test split is read by evaluate alone.
    outs = {**origin.trained.outs, **{path: md5 for path, md5 in origin.evaluated.outs.items() if path == TEST}}
    in_cache = all(path in outs and worktree.copy_out(cache, path, outs[path], rebuilt.work) for path in needed)
    if not in_cache:
        for stage in ("fetch", "preprocess"):
            log.info("%s: the splits are not in DVC's cache", stage)
            if (error := worktree.run(rebuilt.work, stage)) is not None:
                raise RegistryError(
                    f"the data set {origin.dataset} is missing: it is not in DVC's cache, and {stage} fails: {error}",
                    fix="`dvc pull`, or say where the files are: data.mirror or GLYPHLINE_MIRROR",
                )
    recorded = {SPLITS[context]: digest for context, digest in origin.digests.items() if context in SPLITS}
    recorded["test"] = origin.evaluation.test_digest
    for name, digest in recorded.items():
        manifest = records.read(rebuilt.split(name) / "manifest.json", SplitManifest, stage="preprocess")
        if not manifest.digest.startswith(digest):
            raise RegistryError(
                f"the {name} split is not the recorded one: {manifest.digest[:12]}, not {digest[:12]}",
                fix="the data set or the code that prepares it has changed; `dvc pull` brings the recorded one",
            )


def _notes(recorded: SourceTree, rebuilt: Paths) -> Iterator[str]:
    if rebuilt.lock_file.is_file() and recorded.lock_sha256 not in {None, files.sha256(rebuilt.lock_file)}:
        yield "requirements.lock differs from the run's"
    if recorded.python and recorded.python != platform.python_version():
        yield f"Python is {platform.python_version()} here and was {recorded.python}"
    for path in recorded.untracked:
        if not (rebuilt.work / path).exists():
            yield f"{path} existed, unknown to git, and is not in the patch"


def _packages(pins: Mapping[str, str]) -> Iterator[str]:
    for name, version in pins.items():
        try:
            present = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            present = "none"
        if present != version:
            yield f"{name} is {present} here and was {version}"
