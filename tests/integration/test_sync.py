"""`glyphline sync`: what the store lost comes back, from the workspace, git's history and DVC's cache."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from glyphline import mlflow_sync
from glyphline.journal import journal_file
from glyphline.mlflow_sync import dvc_lock
from tests.conftest import environment
from tests.integration.conftest import git, put_in_dvc, record_evaluation, record_model, rows


@pytest.fixture
def recorded(default_params, project, train_split):
    """A trained and evaluated model in the workspace; returns its key."""
    key = record_model(default_params, project, train_split, environ={"DVC_EXP_NAME": "misty-lake"})
    record_evaluation(default_params, project)
    return key


def test_a_lost_store_comes_back_as_it_was_and_a_second_sync_adds_nothing(default_params, project, recorded, new_store):
    first = mlflow_sync.sync(default_params, project)
    again = mlflow_sync.sync(default_params, new_store)
    assert (again.runs_made, again.events_sent) == (first.runs_made, first.events_sent)
    assert again.runs_made == 1
    before, after = rows(project), rows(new_store)
    for table in ("metrics", "params", "tags", "runs", "experiments", "datasets"):
        assert len(after[table]) == len(before[table])
    for table in ("metrics", "params"):
        assert without_ids(after[table]) == without_ids(before[table])
    second = mlflow_sync.sync(default_params, new_store)
    assert (second.runs_made, second.events_sent) == (0, 0)
    assert rows(new_store) == after


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_that_were_removed_beside_the_store_come_back_as_they_were(default_params, project, recorded):
    mlflow_sync.sync(default_params, project)
    database, kept = rows(project), contents(project.mlruns / "artifacts")
    shutil.rmtree(project.mlruns)
    report = mlflow_sync.sync(default_params, project)
    assert (report.runs_made, report.missing) == (0, ())
    assert contents(project.mlruns / "artifacts") == kept
    assert rows(project) == database
    assert mlflow_sync.sync(default_params, project).events_sent == 0


def test_a_removed_file_is_brought_back_by_the_next_stage_that_needs_the_store(default_params, project, recorded):
    mlflow_sync.sync(default_params, project)
    (model,) = project.mlruns.rglob("model.keras")
    kept = model.read_bytes()
    model.unlink()
    mlflow_sync.flush(default_params, project)
    assert model.read_bytes() == kept


def test_removed_files_of_which_no_journal_is_left_are_named_by_their_run(default_params, project, recorded, caplog):
    mlflow_sync.sync(default_params, project)
    (run_id,) = {path.parent.name for path in (project.mlruns / "artifacts" / "shapes").glob("*/artifacts")}
    shutil.rmtree(project.mlruns)
    shutil.rmtree(project.work / "artifacts")
    mlflow_sync.sync(default_params, project)
    assert f"the files of 1 runs are gone, and no journal has them: {run_id}" in caplog.text


def without_ids(table):
    return sorted(
        (tuple(cell for cell in row if not (isinstance(cell, str) and len(cell) == 32)) for row in table), key=repr
    )


def test_runs_of_the_past_come_from_git_and_the_cache_with_their_files(default_params, project, recorded):
    put_in_dvc(project)
    shutil.rmtree(project.work / "artifacts")
    report = mlflow_sync.sync(default_params, project)
    assert (report.runs_made, report.journals, report.missing) == (1, 2, ())
    found = mlflow_sync.flush(default_params, project)
    assert found == {}
    names = {path.name for path in (project.mlruns / "artifacts").rglob("*")}
    assert names >= {"history.csv", "confusion.png", "model.keras", "lineage.json"}


def test_experiments_of_dvc_are_found_and_its_own_refs_are_not(default_params, project, recorded):
    git(project.work, "init", "-q", "-b", "main")
    (project.work / ".gitignore").write_text("/mlruns\n/artifacts\n/.dvc\n")
    git(project.work, "add", ".")
    git(project.work, "commit", "-qm", "base")
    put_in_dvc(project, ref=f"refs/exps/{'a' * 2}/{'b' * 38}/misty-lake")
    shutil.rmtree(project.work / "artifacts")
    git(project.work, "update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    assert mlflow_sync.sync(default_params, project).runs_made == 1


def test_experiments_of_one_name_on_two_commits_are_both_found(default_params, project, train_split):
    git(project.work, "init", "-q", "-b", "main")
    (project.work / ".gitignore").write_text("/mlruns\n/artifacts\n/.dvc\n")
    git(project.work, "add", ".")
    git(project.work, "commit", "-qm", "base")
    for first in "ab":
        record_model(default_params, project, train_split, environ={"DVC_EXP_NAME": "lr3"})
        record_evaluation(default_params, project)
        put_in_dvc(project, ref=f"refs/exps/{first * 2}/{first * 38}/lr3")
        shutil.rmtree(project.work / "artifacts")
    assert list(dvc_lock.experiments(project.work)) == ["lr3"]
    assert mlflow_sync.sync(default_params, project).runs_made == 2


def test_a_journal_in_the_workspace_and_in_the_cache_is_one(default_params, project, recorded):
    put_in_dvc(project)
    assert mlflow_sync.sync(default_params, project).runs_made == 1


def test_a_file_that_is_nowhere_is_named_once_and_comes_when_it_is_back(default_params, project, recorded, caplog):
    kept = project.history.read_bytes()
    project.history.unlink()
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        report = mlflow_sync.sync(default_params, project)
    assert report.missing == ("artifacts/train/history.csv",)
    assert len(caplog.records) == 1
    before = rows(project)
    second = mlflow_sync.sync(default_params, project)
    assert (second.runs_made, second.events_sent) == (0, 0)
    assert rows(project) == before
    project.history.write_bytes(kept)
    third = mlflow_sync.sync(default_params, project)
    assert (third.events_sent, third.missing) == (1, ())
    fourth = mlflow_sync.sync(default_params, project)
    assert (fourth.events_sent, fourth.missing) == (0, ())


def test_a_damaged_journal_is_named_and_the_others_are_sent(default_params, project, recorded, caplog):
    project.journal("evaluate").write_bytes(b"{}\n{}\n")
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        assert mlflow_sync.sync(default_params, project).runs_made == 1
    assert "evaluate/journal.jsonl is damaged at line 1" in caplog.text


def test_an_evaluation_without_the_journal_of_its_training_is_left_out_and_said(
    default_params, project, recorded, caplog
):
    project.journal("train").unlink()
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        report = mlflow_sync.sync(default_params, project)
    assert (report.runs_made, report.events_sent) == (0, 0)
    assert "1 runs were left out" in caplog.text


def test_a_project_without_git_and_without_journals_has_nothing_to_sync(default_params, project):
    report = mlflow_sync.sync(default_params, project)
    assert (report.runs_made, report.events_sent, report.journals) == (0, 0, 0)


STAGE = """
import sys
from pathlib import Path
from glyphline import journal, params
from glyphline.paths import Paths
from glyphline.mlflow_sync.projector_launch import ProjectorHandle
paths = Paths.find(Path.cwd())
chosen = params.read(paths.params)
with journal.record(chosen, paths, stage="train", launch=lambda *_: ProjectorHandle()) as recorder:
    run = recorder.start("shapes")
    run.params(chosen.flat())
    paths.history.write_text(str(chosen.train.learning_rate))
    run.artifact(paths.history)
"""


def test_what_the_real_dvc_leaves_of_a_commit_and_of_an_experiment_is_found(default_params, project, root):
    (project.work / "stage.py").write_text(STAGE)
    shutil.copy(root / "params.yaml", project.params)
    (project.work / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: python stage.py\n    params: [train]\n    outs:\n"
        "    - artifacts/train/journal.jsonl\n    - artifacts/train/history.csv\n"
    )
    (project.work / ".gitignore").write_text("/mlruns\n/artifacts\n")
    git(project.work, "init", "-q", "-b", "main")
    dvc(project, "init", "-q")
    dvc(project, "config", "core.analytics", "false")
    git(project.work, "add", ".")
    git(project.work, "commit", "-qm", "base")
    dvc(project, "repro", "-q")
    git(project.work, "add", ".")
    git(project.work, "commit", "-qm", "run")
    dvc(project, "exp", "run", "-q", "--temp", "--name", "misty-lake", "-S", "train.learning_rate=0.009")
    shutil.rmtree(project.work / "artifacts")
    report = mlflow_sync.sync(default_params, project)
    assert (report.runs_made, report.missing) == (2, ())
    tagged = {(key, value) for key, value, *_ in rows(project)["tags"]}
    assert ("glyphline.experiment", "misty-lake") in tagged
    assert {path.read_text() for path in project.mlruns.rglob("history.csv")} == {
        str(default_params.train.learning_rate), "0.009",
    }  # fmt: skip
    assert mlflow_sync.sync(default_params, project).events_sent == 0


def dvc(project, *arguments):
    folder = Path(sys.executable).parent
    own = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
        "DVC_NO_ANALYTICS": "true",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=project.work,
        env=environment(**own),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_journals_label_in_the_store_tells_journals_of_one_stage_apart(default_params, project, recorded):
    first = journal_file.read(project.journal("evaluate"))
    record_evaluation(default_params, project)
    second = journal_file.read(project.journal("evaluate"))
    assert first.label != second.label
    assert first.label.startswith("evaluate-")
