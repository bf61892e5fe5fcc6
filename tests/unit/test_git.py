"""Git when the surroundings are against it: another owner, variables of a hook, hooks that fail, no git at all."""

import subprocess

import pytest

from glyphline import git
from glyphline.commands.reproduce import worktree
from glyphline.errors import RegistryError
from glyphline.journal import lineage
from glyphline.mlflow_sync import dvc_lock
from glyphline.paths import Paths


def run_git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def made_repository(folder, seed=1):
    folder.mkdir()
    run_git(folder, "init", "-q", "-b", "main")
    (folder / "params.yaml").write_text(f"seed: {seed}\n")
    (folder / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture(autouse=True)
def no_settings_of_a_person(monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit and an uncommitted change."""
    folder = made_repository(tmp_path / "project")
    (folder / "params.yaml").write_text("seed: 2\n")
    return folder


@pytest.fixture
def of_somebody_else(repository, monkeypatch):
    """The same, for a git that takes its folder for another user's."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    return repository


def collected(params, folder):
    return lineage.collect(params, Paths(folder, folder), "train", {})


def worktrees(folder):
    return run_git(folder, "worktree", "list").count("\n") + 1


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_DIR": "{other}/.git"},
        {"GIT_DIR": "{other}/.git", "GIT_WORK_TREE": "{other}", "GIT_INDEX_FILE": "{other}/.git/index"},
        {"GIT_INDEX_FILE": ".git/next-index-1.lock", "GIT_PREFIX": "src/"},
        {"GIT_OBJECT_DIRECTORY": "{other}/.git/objects"},
        {"GIT_LITERAL_PATHSPECS": "1"},
        {"GIT_EXTERNAL_DIFF": "false", "GIT_DIFF_OPTS": "-u0", "GIT_PAGER": "false"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_no_variable_of_a_hook_changes_the_lineage_or_a_worktree(
    default_params, repository, tmp_path, monkeypatch, variables
):
    other = made_repository(tmp_path / "other", seed=7)
    before = collected(default_params, repository)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(other=other))
    after = collected(default_params, repository)
    assert (after.facts["git"], after.patch) == (before.facts["git"], before.patch)
    assert "+seed: 2" in after.patch
    patch = tmp_path / "run.patch"
    patch.write_bytes(lineage.patch_bytes(after))
    with worktree.worktree(repository, after.facts["git"]["commit"], patch) as folder:
        assert (folder / "params.yaml").read_text() == "seed: 2\n"


def test_what_git_says_about_another_owner_is_one_warning_when_a_stage_begins(default_params, of_somebody_else, caplog):
    assert collected(default_params, of_somebody_else).facts["git"]["commit"] is None
    (record,) = caplog.records
    assert "dubious ownership" in record.getMessage()
    assert "git config --global --add safe.directory" in record.getMessage().partition("\n")[0]


def test_a_worktree_is_refused_with_what_git_says(of_somebody_else):
    with pytest.raises(RegistryError, match="dubious ownership") as caught:
        worktree.worktree(of_somebody_else, "HEAD", None).__enter__()
    assert caught.value.fix == git.FIX


def test_that_git_gives_no_past_commits_is_said(of_somebody_else, caplog):
    assert dvc_lock.at(of_somebody_else, "main") == {}
    assert dvc_lock.past(of_somebody_else) == []
    assert "dubious ownership" in caplog.text


def test_a_folder_that_is_no_repository_and_one_without_a_commit_are_told_apart(default_params, tmp_path, caplog):
    collected(default_params, tmp_path)
    assert "not a git repository" in caplog.text
    caplog.clear()
    run_git(tmp_path, "init", "-q")
    collected(default_params, tmp_path)
    (record,) = caplog.records
    assert "there is no commit yet" in record.getMessage()


def test_without_git_the_stage_is_told_so(default_params, repository, monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert collected(default_params, repository).facts["git"]["commit"] is None
    assert "git cannot be started" in caplog.text


@pytest.mark.parametrize("name", ["post-checkout", "reference-transaction"])
def test_no_hook_runs_for_a_worktree(repository, name, tmp_path):
    hook = repository / ".git" / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    hook.chmod(0o755)
    with worktree.worktree(repository, run_git(repository, "rev-parse", "HEAD"), None) as folder:
        assert (folder / "params.yaml").read_text() == "seed: 1\n"
    assert not (tmp_path / "ran").exists()
    assert worktrees(repository) == 1


def test_hooks_of_a_persons_settings_do_not_run_either(repository, tmp_path, monkeypatch):
    hook = tmp_path / "hooks" / "post-checkout"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    run_git(repository, "config", "core.hooksPath", str(hook.parent))
    with worktree.worktree(repository, run_git(repository, "rev-parse", "HEAD"), None) as folder:
        assert folder.is_dir()
    assert worktrees(repository) == 1


def test_a_worktree_that_cannot_be_checked_out_leaves_nothing(repository, tmp_path):
    (repository / ".gitattributes").write_text("params.yaml filter=broken\n")
    run_git(repository, "add", ".gitattributes")
    run_git(repository, "commit", "-qm", "a filter that this machine lacks")
    for key, value in (("smudge", "false"), ("required", "true")):
        run_git(repository, "config", f"filter.broken.{key}", value)
    commit = run_git(repository, "rev-parse", "HEAD")
    with pytest.raises(RegistryError, match="git makes no worktree"):
        worktree.worktree(repository, commit, None).__enter__()
    assert worktrees(repository) == 1
    assert not list((repository / ".git").glob("worktrees/*"))


def test_changes_that_do_not_fit_leave_no_worktree(repository, tmp_path):
    patch = tmp_path / "run.patch"
    patch.write_text("--- a/params.yaml\n+++ b/params.yaml\n@@ -1 +1 @@\n-seed: 9\n+seed: 8\n")
    with pytest.raises(RegistryError, match="do not fit"):
        worktree.worktree(repository, run_git(repository, "rev-parse", "HEAD"), patch).__enter__()
    assert worktrees(repository) == 1
