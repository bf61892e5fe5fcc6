"""What a person meets after the first run: who commits, what is committed, and what DVC does to params.yaml."""

import os
import shutil
import subprocess

import pytest
from ruamel.yaml import YAML

NOBODY = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/dev/null"}
IDENTITY = {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com"}
FOREIGN = (*IDENTITY, "EMAIL", "GIT_DIR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")


@pytest.fixture
def make_run(root, tmp_path):
    """`make run` in a project whose environment is set up and whose pipeline has nothing to do."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(root / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("dvc", "glyphline"):
        # As installed here: a program of another folder would have the environment made again.
        (programs / name).write_text(f"#!/bin/sh\n# {programs}/python\n")
        (programs / name).chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)

    def run(**variables):
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        done = subprocess.run(
            ["make", "run"], cwd=tmp_path, env=kept | NOBODY | variables, capture_output=True, text=True, check=True
        )
        return done.stdout

    return run


def test_make_run_tells_a_person_without_an_identity_the_two_commands(make_run):
    out = make_run()
    assert "git does not know who you are" in out
    assert 'git config --global user.name "' in out
    assert 'git config --global user.email "' in out


def test_the_environment_of_a_project_that_was_moved_is_made_again(root, tmp_path):
    shutil.copy(root / "Makefile", tmp_path)
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(root / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / ".venv" / ".installed").touch()
    for place, is_moved in ((programs, False), ("/elsewhere/.venv/bin", True)):
        (programs / "glyphline").write_text(f"#!{place}/python\n")
        plan = subprocess.run(["make", "-n", "setup"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert ("rm -rf .venv" in plan and 'test "yes" != yes' in plan) == is_moved, plan


def test_make_run_says_nothing_to_a_person_with_an_identity(make_run):
    assert make_run(**IDENTITY) == ""


@pytest.mark.parametrize(
    "override",
    [
        "train.learning_rate=0.003",
        "tune.trials=0",
        "data.dataset=mnist",
        "data.path=pictures",
        "registry.name=mine",
        "registry.gate.max_latency_ms=5",
    ],
)
def test_an_experiment_changes_one_line_of_params_yaml(root, tmp_path, override):
    hydra = pytest.importorskip("dvc.utils.hydra")
    path = tmp_path / "params.yaml"
    shutil.copy(root / "params.yaml", path)
    before = path.read_text().splitlines()
    hydra.apply_overrides(path, [override])
    after = path.read_text().splitlines()
    assert len(after) == len(before)
    assert len([line for line, other in zip(before, after, strict=True) if line != other]) == 1


def test_what_dvc_writes_for_a_person_to_look_at_is_not_committed(root):
    for path in ("dvc_plots/index.html", "mlruns/mlflow.db", "data/raw/x"):
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=root, check=False).returncode == 0, path


def test_the_readme_says_what_to_commit(root):
    text = (root / "README.md").read_text(encoding="utf-8") + (root / "docs/committing.md").read_text(encoding="utf-8")
    metrics = [
        name
        for stage in YAML(typ="safe", pure=True).load(root / "dvc.yaml")["stages"].values()
        for entry in stage.get("metrics", [])
        for name in entry
    ]
    for name in ("dvc.lock", *metrics, "params.yaml"):
        assert f"`{name}`" in text, name
    assert "git add -u" in text
