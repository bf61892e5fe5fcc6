"""The recorded origin of a run, and the comparison of a rebuilt model with the registered one."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from glyphline import records
from glyphline.commands.reproduce import result, version_origin, worktree
from glyphline.errors import RegistryError
from glyphline.records import Evaluation
from glyphline.records.seal import sealed, unsealed
from tests.conftest import made_evaluation
from tests.registered import right_on, training, written_predictions

PATCH = "diff --git a/params.yaml b/params.yaml\n--- a/params.yaml\n+++ b/params.yaml\n"


class OneRunClient:
    """An MLflow client of one run whose files are in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list_artifacts(self, _):
        return [SimpleNamespace(path=path.name) for path in self.folder.iterdir()]

    def download_artifacts(self, _, name, target):
        return shutil.copy(self.folder / name, target)

    def get_run(self, _):
        return SimpleNamespace(data=SimpleNamespace(params={"seed": "1"}), inputs=None)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    made = OneRunClient(folder)
    write_lineage(made, "lineage")
    write_lineage(made, "lineage.evaluate")
    evaluated(folder, right_on(90, 100))
    return made


def write_lineage(
    run: OneRunClient, stem: str, *, commit: str | None = "a" * 40, patch: str | None = None, **facts
) -> None:
    git = {"commit": commit, "dirty": bool(patch), "changed": ["params.yaml"] * bool(patch), "patch_left_out": False}
    lineage = {"git": git, "dvc_lock": {}, "has_patch": bool(patch)} | facts
    (run.folder / f"{stem}.json").write_text(json.dumps(sealed(json.dumps(lineage))))
    if patch:
        (run.folder / f"{stem}.patch").write_text(patch)


def evaluated(folder: Path, right: np.ndarray, **fields) -> Evaluation:
    folder.mkdir(exist_ok=True)
    sha256 = written_predictions(folder / "predictions.npz", right, "t" * 64, "w" * 64)
    evaluation = made_evaluation(int(right.sum()), len(right), predictions_sha256=sha256, **fields)
    records.write(folder / "evaluation.json", evaluation)
    return evaluation


def read(run: OneRunClient, tmp_path: Path) -> version_origin.VersionOrigin:
    target = tmp_path / "read"
    target.mkdir()
    return version_origin.read(run, "r1", "digits", tmp_path, target)


def test_evaluated_where_it_was_trained(run, tmp_path):
    write_lineage(run, "lineage", patch=PATCH)
    write_lineage(run, "lineage.evaluate", patch=PATCH)
    origin = read(run, tmp_path)
    assert origin.evaluated.is_like(origin.trained)
    assert origin.trained.untracked == ()


@pytest.mark.parametrize("later", [{"commit": "b" * 40}, {"patch": PATCH}])
def test_evaluated_at_another_commit_or_with_other_changes(run, tmp_path, later):
    write_lineage(run, "lineage.evaluate", **later)
    origin = read(run, tmp_path)
    assert not origin.evaluated.is_like(origin.trained)


def test_a_patch_of_an_earlier_evaluation_is_not_taken_for_that_of_the_last(run, tmp_path):
    write_lineage(run, "lineage.evaluate", patch=PATCH)
    write_lineage(run, "lineage.evaluate")
    assert read(run, tmp_path).evaluated.patch is None


@pytest.mark.parametrize("name", ["lineage.json", "lineage.evaluate.patch"])
@pytest.mark.parametrize("edit", [lambda text: text.replace("a", "b", 1), lambda text: text[:-9]])
def test_a_lineage_or_a_patch_that_was_changed_is_named(run, tmp_path, name, edit):
    sha256 = hashlib.sha256(PATCH.encode()).hexdigest()
    write_lineage(run, "lineage.evaluate", patch=PATCH, patch_sha256=sha256)
    assert read(run, tmp_path).evaluated.patch
    shutil.rmtree(tmp_path / "read")
    (run.folder / name).write_text(edit((run.folder / name).read_text()))
    with pytest.raises(RegistryError, match=rf"{name} of .* (is damaged|was changed)") as caught:
        read(run, tmp_path)
    assert "backup" in caught.value.fix


def test_a_lineage_of_a_release_without_seals_is_read(run, tmp_path):
    text = (run.folder / "lineage.json").read_bytes()
    (run.folder / "lineage.json").write_text(json.dumps(unsealed(text)))
    assert read(run, tmp_path).trained.commit == "a" * 40


def test_an_evaluation_outside_git_is_named(run, tmp_path):
    write_lineage(run, "lineage.evaluate", commit=None)
    with pytest.raises(RegistryError, match="the evaluation of run r1 was made outside git"):
        read(run, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        '{"git": 5}',
        '{"git": {"commit": "--upload-pack=x"}}',
        '{"git": {"commit": "%s", "changed": 5}}' % ("a" * 40),
        '{"git": {"commit": "%s"}, "dvc_lock": {"train": {"outs": {"a": 5}}}}' % ("a" * 40),
    ],
)
def test_a_lineage_that_nobody_wrote_is_named(run, tmp_path, content):
    (run.folder / "lineage.json").write_text(content)
    with pytest.raises(RegistryError, match=r"lineage\.json of run r1 is damaged"):
        read(run, tmp_path)


def test_a_metric_that_one_of_them_does_not_have_is_shown_without_a_number(tmp_path):
    was = evaluated(tmp_path / "was", right_on(90, 100), corruption_accuracy=0.93)
    now = evaluated(tmp_path / "now", right_on(90, 100), corruption_accuracy=None)
    files = (tmp_path / "was" / "predictions.npz", tmp_path / "now" / "predictions.npz")
    there = result.compare(was, files[0], now, files[1], training=training("w" * 64), notes=())
    back = result.compare(now, files[1], was, files[0], training=training("w" * 64), notes=())
    assert "corruption_accuracy: 0.930000 registered, not defined rebuilt" in there.text()
    assert "corruption_accuracy: not defined registered, 0.930000 rebuilt" in back.text()
    assert back.verdict == result.CLOSE


@pytest.mark.parametrize(
    ("correct", "weights", "split", "verdict"),
    [
        (90, "w", "t", result.IDENTICAL),
        (90, "v", "t", result.CLOSE),
        (89, "w", "t", result.CLOSE),
        (89, "v", "t", result.CLOSE),
        # Equal weights do not excuse answers that are far off.
        (40, "w", "t", result.DIFFERENT),
        (40, "v", "t", result.DIFFERENT),
        (90, "w", "u", result.DIFFERENT),
    ],
)
def test_a_rebuilt_model_is_judged_by_weights_answers_and_split(tmp_path, correct, weights, split, verdict):
    registered = evaluated(tmp_path / "registered", right_on(90, 100))
    rebuilt = evaluated(
        tmp_path / "rebuilt", right_on(correct, 100), weights_digest=weights * 64, test_digest=split * 64
    )
    files = [tmp_path / name / "predictions.npz" for name in ("registered", "rebuilt")]
    found = result.compare(registered, files[0], rebuilt, files[1], training=training(weights * 64), notes=())
    assert found.verdict == verdict
    assert found.changed_classes == 90 - correct
    assert found.probability_gap == pytest.approx(0.8 if correct < 90 else 0)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Tester", "-c", "user.email=tester@example.invalid", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_that_a_shallow_clone_lacks_is_there_after_the_fetch(tmp_path):
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    for number in range(2):
        git(origin, "commit", "-q", "--allow-empty", "-m", f"Commit {number}")
    commit = git(origin, "rev-parse", "HEAD~1")
    git(tmp_path, "clone", "-q", "--depth", "1", origin.as_uri(), str(clone))
    with (
        pytest.raises(RegistryError, match="is not in this repository") as caught,
        worktree.worktree(clone, commit, None),
    ):
        pass
    assert "`git fetch --unshallow`" in caught.value.fix
    git(clone, "fetch", "-q", "--unshallow")
    with worktree.worktree(clone, commit, None) as folder:
        assert git(folder, "rev-parse", "HEAD") == commit
