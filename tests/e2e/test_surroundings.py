"""The outs of a stage are the same for everybody: nothing that a person's shell and home may hold changes them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.project import SHRUNK, clone, table

# Each of them changes an out, or ends in a traceback, where nothing is done about it.
HOSTILE = {
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MPLBACKEND": "TkAgg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPTUNA_STORAGE": "sqlite:///elsewhere.db",
    "MLFLOW_EXPERIMENT_NAME": "of another project",
    "MLFLOW_EXPERIMENT_ID": "77",
    "MLFLOW_RUN_ID": "0" * 32,
    "MLFLOW_REGISTRY_URI": "http://127.0.0.1:9",
    "MLFLOW_TRACKING_INSECURE_TLS": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "99",
    "PYTHONHASHSEED": "4242",
    "PYTHONOPTIMIZE": "2",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "latin-1",
    "LC_ALL": "C",
    "TZ": "Pacific/Kiritimati",
    "COLUMNS": "20",
    "HOME": "/dev/null",
    "DVC_ROOT": "/dev/null",
    "GIT_DIR": "/dev/null",
    "GIT_INDEX_FILE": "/dev/null",
}
SETTINGS = {"image_data_format": "channels_first", "floatx": "float64", "epsilon": 0.1, "backend": "jax"}
MATPLOTLIBRC = "font.size: 31\nsavefig.dpi: 30\nbackend: TkAgg\n"
SHADOWS = ("random", "mlflow", "keras", "json")

# Times, and what names a run or holds both. Of a model the digest of its weights counts: its archive has a date in it.
MEASURED = {"journal.jsonl", "cost.json", "model_card.md", "model.keras", "training.json"}
# They show when trials ran, and how long.
TIMED_FIGURES = "artifacts/tune/figures"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The small pipeline, stage by stage, in a shell that is set against it."""
    project = clone(tmp_path_factory.mktemp("hostile"))
    project.set_params(SHRUNK)
    home = tmp_path_factory.mktemp("settings")
    (home / "keras.json").write_text(json.dumps(SETTINGS))
    for folder in (home, project.folder):
        (folder / "matplotlibrc").write_text(MATPLOTLIBRC)
    for name in SHADOWS:
        (project.folder / f"{name}.py").write_text("raise SystemExit('a file of the project is no library')\n")
    hook = project.folder / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= HOSTILE | {"PATH": path, "KERAS_HOME": str(home), "MATPLOTLIBRC": str(home)}
    for name, stage in YAML(typ="safe", pure=True).load(project.folder / "dvc.yaml")["stages"].items():
        done = subprocess.run(
            ["sh", "-c", f"umask 077; {stage['cmd']}"],
            cwd=project.folder,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (name, done.stderr[-4000:])
    return project


def outs(project):
    """Path -> content of every out that is the same for the same weights."""
    return {
        path.relative_to(project.folder).as_posix(): path.read_bytes()
        for folder in ("data/raw", "data/processed", "artifacts")
        for path in sorted((project.folder / folder).rglob("*"))
        if path.is_file()
        and path.name not in {*MEASURED, ".gitignore", "decision.json", "study.html"}
        and not path.is_relative_to(project.folder / TIMED_FIGURES)
    }


def test_every_out_is_the_same_bit_by_bit(small_run, hostile):
    usual, other = outs(small_run), outs(hostile)
    assert len(usual) > 30
    assert sorted(usual) == sorted(other)
    assert [name for name in usual if usual[name] != other[name]] == []


def test_weights_and_verdict_are_the_same(small_run, hostile):
    for name in ("train/training.json", "register/decision.json"):
        usual, other = (json.loads((p.folder / "artifacts" / name).read_text()) for p in (small_run, hostile))
        # The archive of the model holds the time when it was made; the seal is over all the others.
        for content in (usual, other):
            for key in ("model_sha256", "seal"):
                content.pop(key, None)
        assert usual == other, name


def test_the_lineage_is_that_of_the_project(hostile):
    text = (hostile.folder / "artifacts" / "train" / "journal.jsonl").read_text(encoding="utf-8")
    assert hostile.run("git", "rev-parse", "HEAD").out.strip() in text


def test_the_runs_are_in_the_projects_own_store(small_run, hostile):
    usual, other = table(small_run), table(hostile)
    assert {name: len(runs) for name, runs in usual.items()} == {name: len(runs) for name, runs in other.items()}
