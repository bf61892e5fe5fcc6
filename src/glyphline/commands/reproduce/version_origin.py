"""The recorded origin of a registered version: commit, changes, parameters, data, packages."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from glyphline import records
from glyphline.errors import RegistryError
from glyphline.files import sha256
from glyphline.journal.run_events import GitFacts
from glyphline.paths import EVALUATION, PREDICTIONS
from glyphline.records import Evaluation
from glyphline.records.seal import unsealed

# Of training and of evaluating: DVC evaluates a model again when only that has changed.
TRAINED, EVALUATED = "lineage", "lineage.evaluate"
NEEDED = (f"{TRAINED}.json", f"{EVALUATED}.json", EVALUATION, PREDICTIONS)
DAMAGE_FIX = "restore the store's files from a backup; nothing can be rebuilt from what was changed"
_OUTS = TypeAdapter(dict[str, dict[str, dict[str, str]]])
FIX = "nothing can be rebuilt from less; `glyphline sync` brings back what journals and DVC's cache still hold"


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The project's files at the start of a stage.

    Attributes:
        commit: of git.
        patch: file with the changes that were not committed; None for a clean tree.
        untracked: files that git did not know, which no patch holds.
        outs: path -> MD5 that DVC gave it, of what was there before the stage.
        lock_sha256: of requirements.lock.
        python: version.
    """

    commit: str
    patch: Path | None
    untracked: tuple[str, ...]
    outs: Mapping[str, str]
    lock_sha256: str | None
    python: str

    def __str__(self) -> str:
        return f"commit {self.commit[:12]}{' and a patch' * bool(self.patch)}"

    def is_like(self, other: "SourceTree") -> bool:
        """Whether commit and patch are the same."""
        own, others = (tree.patch.read_bytes() if tree.patch else b"" for tree in (self, other))
        return self.commit == other.commit and own == others


@dataclass(frozen=True, slots=True)
class VersionOrigin:
    """Code, parameters, data and packages that a version was made of.

    Attributes:
        trained: the files that it was trained in.
        evaluated: the tree that it was evaluated in, perhaps later than it was trained.
        params: dotted key -> value, as trained with.
        dataset: its name.
        digests: context -> digest of the split that was read, as far as MLflow keeps it.
        pins: package -> version, as the model was saved with.
        evaluation: the scores on the test split.
        predictions: the file.
    """

    trained: SourceTree
    evaluated: SourceTree
    params: Mapping[str, Any]
    dataset: str
    digests: Mapping[str, str]
    pins: Mapping[str, str]
    evaluation: Evaluation
    predictions: Path


def read(client: Any, run_id: str, dataset: str, model: Path, folder: Path) -> VersionOrigin:
    """The origin of a run.

    Args:
        client: an `MlflowClient`.
        run_id: the run that made the version.
        dataset: name of its data set.
        model: folder with the version's files.
        folder: for the files of the run.

    Raises:
        RegistryError: something that is needed is missing; all of it is named.
    """
    present = {item.path for item in client.list_artifacts(run_id)}
    if missing := [name for name in NEEDED if name not in present]:
        raise RegistryError(f"run {run_id} cannot be rebuilt: {', '.join(missing)} missing from its artifacts", fix=FIX)
    names = [*NEEDED, *(f"{stem}.patch" for stem in (TRAINED, EVALUATED) if f"{stem}.patch" in present)]
    files = {name: Path(client.download_artifacts(run_id, name, str(folder))) for name in names}
    run = client.get_run(run_id)
    return VersionOrigin(
        trained=_tree(files, TRAINED, f"run {run_id}"),
        evaluated=_tree(files, EVALUATED, f"the evaluation of run {run_id}"),
        params={key: _value(text) for key, text in run.data.params.items()},
        dataset=dataset,
        digests=_digests(run),
        pins=_pins(model / "requirements.txt"),
        evaluation=records.read(files[EVALUATION], Evaluation, stage="evaluate"),
        predictions=files[PREDICTIONS],
    )


def _tree(files: Mapping[str, Path], stem: str, what: str) -> SourceTree:
    try:
        facts = unsealed(files[f"{stem}.json"].read_bytes())
        git = GitFacts.model_validate(facts.get("git", {}))
        outs = _OUTS.validate_python(facts.get("dvc_lock") or {})
    except ValueError as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise RegistryError(f"{stem}.json of {what} is damaged: {problem}", fix=DAMAGE_FIX) from None
    if git.commit is None:
        raise RegistryError(f"{what} was made outside git: there is no commit to go back to", fix=FIX)
    if git.patch_left_out:
        raise RegistryError(
            f"{what} cannot be rebuilt: the changes to {', '.join(git.changed[:5])} were not kept", fix=FIX
        )
    # MLflow never deletes a file: the patch of an earlier evaluation may still be there after a clean one.
    patch = files.get(f"{stem}.patch") if facts.get("has_patch", git.dirty) else None
    # Without the digest: runs of earlier releases.
    if patch and facts.get("patch_sha256") not in {None, sha256(patch)}:
        raise RegistryError(f"{patch.name} of {what} was changed after it was written", fix=DAMAGE_FIX)
    patched = patch.read_text(encoding="utf-8", errors="replace") if patch else ""
    return SourceTree(
        commit=git.commit,
        patch=patch,
        untracked=tuple(path for path in git.changed if f" b/{path}\n" not in patched),
        outs=_outs(outs),
        lock_sha256=facts.get("lock_file_sha256"),
        python=facts.get("python", ""),
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _digests(run: Any) -> dict[str, str]:
    return {
        str(tag.value): str(dataset_input.dataset.digest)
        for dataset_input in (run.inputs.dataset_inputs if run.inputs else [])
        for tag in dataset_input.tags
        if tag.key == "mlflow.data.context"
    }


def _outs(dvc_lock: Mapping[str, Any]) -> dict[str, str]:
    return {path: md5 for stage in dvc_lock.values() for path, md5 in stage.get("outs", {}).items() if md5}


def _pins(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    pairs = (line.partition("==") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: version for name, _, version in pairs if version}
