"""Rebuild a version: worktree, parameters, data, training, evaluation, comparison."""

import importlib.metadata
import logging
import platform
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from glyphline import files, records
from glyphline.commands.reproduce import result, version_origin, worktree
from glyphline.commands.reproduce.result import Result
from glyphline.commands.reproduce.version_origin import SourceTree, VersionOrigin
from glyphline.errors import RegistryError
from glyphline.journal.run_files import cache_folder
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Best, Evaluation, SplitManifest, Training
from glyphline.registry import connection, verified_model
from glyphline.stages import register

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
    to = register.destination(params, paths)
    with TemporaryDirectory(prefix="glyphline-origin-") as name, verified_model.verified_model(to, reference) as found:
        with connection.client(to.uri, to.timeout_s) as client:
            wanted = version_origin.read(client, found.held.run_id, found.held.dataset, found.folder, Path(name))
        log.info("version %d: %s", found.held.version, wanted.trained)
        with worktree.worktree(paths.work, wanted.trained.commit, wanted.trained.patch) as folder:
            return _rebuilt(wanted, Paths(work=folder, home=folder), paths)


def _rebuilt(wanted: VersionOrigin, there: Paths, paths: Paths) -> Result:
    _train(wanted, there, cache_folder(paths.home))
    notes = [*_notes(wanted.trained, there)]
    if wanted.evaluated.is_like(wanted.trained):
        return _evaluated(wanted, there, notes)
    log.info("evaluated later: %s", wanted.evaluated)
    with worktree.worktree(paths.work, wanted.evaluated.commit, wanted.evaluated.patch) as later:
        # What stands there in params.yaml is what it was evaluated with; the run's own are those of training.
        worktree.set_params(later, {"tracking.uri": None, "data.dataset": wanted.dataset})
        for made in (there.processed, there.stage("train")):
            shutil.copytree(made, later / made.relative_to(there.work), dirs_exist_ok=True)
        return _evaluated(wanted, Paths(work=later, home=later), notes)


def _train(wanted: VersionOrigin, there: Paths, cache: Path) -> None:
    folder = there.work
    # The run's own values, also those that an experiment set; the rebuilt run is shown nowhere.
    worktree.set_params(folder, {"tracking.uri": None, "data.dataset": wanted.dataset, **_own(wanted)})
    _bring_data(wanted, there, cache)
    # No search: params.yaml holds what it found by now.
    records.write(there.best, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0))
    _run("train", folder, wanted.trained)


def _evaluated(wanted: VersionOrigin, there: Paths, notes: list[str]) -> Result:
    _run("evaluate", there.work, wanted.evaluated)
    return result.compare(
        wanted.evaluation,
        wanted.predictions,
        records.read(there.evaluation, Evaluation, stage="evaluate"),
        there.predictions,
        training=records.read(there.training, Training, stage="train"),
        notes=tuple(dict.fromkeys((*notes, *_notes(wanted.evaluated, there), *_packages(wanted.pins)))),
    )


def _run(stage: str, folder: Path, tree: SourceTree) -> None:
    log.info("%s", stage)
    if (said := worktree.run(folder, stage)) is not None:
        raise RegistryError(f"{stage} of commit {tree.commit[:12]} fails: {said}", fix="see what it says")


def _own(wanted: VersionOrigin) -> dict[str, object]:
    sections = ("seed", "preprocess.", "model.", "train.", "evaluate.", "data.path")
    return {key: value for key, value in wanted.params.items() if key.startswith(sections)}


def _bring_data(wanted: VersionOrigin, there: Paths, cache: Path) -> None:
    """The splits, from DVC's cache by their MD5 or else from their source; their digests must be the recorded ones."""
    needed = [f"data/processed/{name}" for name in SPLITS.values()]
    # The test split is read by evaluate alone.
    outs = {**wanted.trained.outs, **{path: md5 for path, md5 in wanted.evaluated.outs.items() if path == TEST}}
    in_cache = all(path in outs and worktree.bring(cache, outs[path], there.work / path) for path in needed)
    if not in_cache:
        for stage in ("fetch", "preprocess"):
            log.info("%s: the splits are not in DVC's cache", stage)
            if (said := worktree.run(there.work, stage)) is not None:
                raise RegistryError(
                    f"the data set {wanted.dataset} is missing: it is not in DVC's cache, and {stage} fails: {said}",
                    fix="`dvc pull`, or say where the files are: data.mirror or GLYPHLINE_MIRROR",
                )
    recorded = {SPLITS[context]: digest for context, digest in wanted.digests.items() if context in SPLITS}
    recorded["test"] = wanted.evaluation.test_digest
    for name, digest in recorded.items():
        found = records.read(there.split(name) / "manifest.json", SplitManifest, stage="preprocess")
        if not found.digest.startswith(digest):
            raise RegistryError(
                f"the {name} split is another than the recorded one: {found.digest[:12]}, not {digest[:12]}",
                fix="the data set or the code that prepares it has changed; `dvc pull` brings the recorded one",
            )


def _notes(was: SourceTree, there: Paths) -> Iterator[str]:
    if there.lock_file.is_file() and was.lock_sha256 not in {None, files.sha256(there.lock_file)}:
        yield "requirements.lock is another than the run's"
    if was.python and was.python != platform.python_version():
        yield f"Python is {platform.python_version()} here and was {was.python}"
    for path in was.untracked:
        if not (there.work / path).exists():
            yield f"{path} was there, unknown to git, and is not in the patch"


def _packages(pins: Mapping[str, str]) -> Iterator[str]:
    for name, version in pins.items():
        try:
            present = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            present = "none"
        if present != version:
            yield f"{name} is {present} here and was {version}"
