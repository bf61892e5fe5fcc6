"""What a person meets at the first run: the environment, who commits, what is committed, what DVC does to params."""

import os
import re
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


PIP = """#!/bin/sh
# Else the path of a folder such as é is written wrongly where the locale is not UTF-8.
test "$PYTHONUTF8" = 1 || exit 3
case "$*" in *requirements.lock*) ;; *) exit 0;; esac
echo 'Collecting numpy==2.0 (from -r requirements.lock (line 3))'
echo '  Downloading numpy-2.0-cp311-manylinux_2_28_x86_64.whl (16.9 MB)'
echo '  Installing build dependencies: started'
echo 'Processing /wheels/click-8.1-py3-none-any.whl (from -r requirements.lock (line 9))'
echo '  Using cached click-8.1-py3-none-any.whl (0.1 MB)'
echo 'Installing collected packages: click, numpy'
exit $PIP_ENDS_WITH
"""


@pytest.mark.parametrize("status", [0, 1])
def test_pip_says_how_far_it_is_and_what_became_of_it(root, tmp_path, status):
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(root / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(PIP)
    (programs / "python").chmod(0o755)
    variables = {"PATH": "/usr/bin:/bin", "PIP_ENDS_WITH": str(status), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["make", "setup", "PYTHON=python3"], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[1:] == ["  numpy (16.9 MB)", "  installing 2 packages, a minute or two"]
    assert (done.returncode == 0) == (status == 0)
    assert (tmp_path / ".venv" / ".installed").exists() == (status == 0)


@pytest.mark.parametrize("name", ["it's My %20 Repo é", "50 % off/project"])
def test_a_folder_that_mlflow_cannot_be_installed_in_is_refused_before_anything_is_installed(root, tmp_path, name):
    # Its migrations take % in the path of the package for a reference (MLflow 3.17.2).
    folder = tmp_path / name
    folder.mkdir(parents=True)
    for file in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(root / file, folder)
    for target in ("run", "test"):
        done = subprocess.run(["make", target], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        error, fix, _ = done.stderr.splitlines()
        assert error.startswith("error: the path of this folder holds a %")
        assert fix == f"fix: move the project to a path without one, or rename the folder that has it: {folder}"
        assert not (folder / ".venv").exists()


def test_what_the_tests_need_is_installed_for_the_tests_alone(root, tmp_path):
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(root / name, tmp_path)
    for target, is_dev in (("run", False), ("setup", False), ("ui", False), ("test", True), ("lint", True)):
        plan = subprocess.run(["make", "-n", target], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert "-r requirements.lock" in plan, target
        assert ("-r requirements-dev.lock" in plan) == is_dev, target


def test_the_lock_files_agree(root):
    def versions(name):
        found = re.findall(r"(?m)^([a-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;]+)( ; [^\\\n]*)?", (root / name).read_text())
        return {(package, version) for package, version, _ in found}

    users, everything = versions("requirements.lock"), versions("requirements-dev.lock")
    assert users < everything
    assert users <= versions("requirements-gpu.lock")
    names = {package for package, _ in users}
    assert {"tensorflow", "mlflow", "dvc", "optuna", "scikit-learn", "plotly"} <= names
    assert not {"pytest", "ray", "jax", "playwright", "statsmodels", "mypy", "uv"} & names


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
