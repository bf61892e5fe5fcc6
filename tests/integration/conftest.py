"""A real MLflow store per test: its tables are made once per session and copied."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from glyphline import journal
from glyphline.journal import run_files
from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import store
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.mlflow_sync.projector_launch import ProjectorHandle
from glyphline.paths import Paths
from glyphline.values import Split
from tests.conftest import made_split
from tests.registered import made_archive


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory) -> Path:
    """An MLflow database with tables and without runs; the first migration takes seconds."""
    home = tmp_path_factory.mktemp("migrated")
    store.connect(StoreUri.parse(f"sqlite:///{home / 'mlflow.db'}"), Paths(home, home), timeout_s=60)
    return home / "mlflow.db"


@pytest.fixture(scope="session")
def committed(tmp_path_factory) -> Path:
    """A repository with one commit: of a project without one, each stage and `sync` say that its past is not known."""
    folder = tmp_path_factory.mktemp("committed")
    (folder / "dvc.yaml").write_text("stages: {}\n")
    (folder / ".gitignore").write_text("/mlruns\n/mlflow.db*\n/artifacts\n/.dvc/cache\n/.dvc/tmp\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "An empty project")
    return folder


@pytest.fixture
def project(tmp_path, migrated_store, committed) -> Paths:
    """An empty project in git whose store is ready for use."""
    shutil.copytree(committed, tmp_path, dirs_exist_ok=True)
    (tmp_path / "mlruns").mkdir()
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return Paths(work=tmp_path, home=tmp_path)


@pytest.fixture
def train_split() -> Split:
    return made_split("train", 30)


def rows(paths: Paths) -> dict[str, list[tuple]]:
    """Every row of every table of the project's store, sorted; what SQLite notes for itself is left out."""
    with sqlite3.connect(paths.store) as database:
        tables = [
            name
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        return {table: sorted(database.execute(f'SELECT * FROM "{table}"'), key=repr) for table in tables}


def of_ours(names: Iterable[str]) -> list[str]:
    """Names of metrics, sorted; the sampler's are left out: how many there are depends on the time."""
    return sorted(name for name in names if not name.startswith("system/"))


def silent(params, paths, stage) -> ProjectorHandle:
    """Starts no projector: the journal is all there is."""
    return ProjectorHandle()


def record_model(params, paths: Paths, split: Split, *, epochs: int = 3, environ=None, launch=silent) -> str:
    """Record a run as the train stage does; returns its key."""
    with journal.record(params, paths, stage="train", environ=environ or {}, launch=launch) as recorder:
        run = recorder.start(experiment="shapes", tags={"glyphline.data": split.digest[:12]})
        run.params({"train.learning_rate": 0.004, "model.filters": [16, 32], "train.deterministic": True})
        run.input(split, context="training", dataset="shapes")
        for epoch in range(epochs):
            run.metrics({"val_loss": 1.0 / (epoch + 1), "val_accuracy": epoch / epochs}, step=epoch)
        made_archive(paths.model)
        paths.history.write_text("epoch,val_loss\n")
        run.artifact(paths.history)
        run.model(paths.model, image_shape=split.image_shape, classes=split.classes)
        run.end()
    return run.key


def record_evaluation(params, paths: Paths, *, launch=silent, accuracy: float = 0.9) -> None:
    """Add to the run as the evaluate stage does."""
    with journal.record(params, paths, stage="evaluate", environ={}, launch=launch) as recorder:
        run = recorder.resume(journal.last_key(paths.journal("train")))
        run.metrics({"test_accuracy": accuracy})
        figure = paths.evaluate / "figures" / "confusion.png"
        figure.parent.mkdir(parents=True, exist_ok=True)
        figure.write_bytes(b"png")
        run.artifact(figure, folder="figures")
        run.end()


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def put_in_dvc(project, *, ref=None):
    """Commit the outs as DVC does: contents in its cache, their MD5s in a committed dvc.lock."""
    cache = DvcCache.of(project.home)
    lines = ["schema: '2.0'", "stages:"]
    for stage in ("train", "evaluate", "register"):
        if not project.stage(stage).exists():
            continue
        lines += [f"  {stage}:", "    cmd: x", "    outs:"]
        for path in sorted(file for file in project.stage(stage).rglob("*") if file.is_file()):
            digest = run_files.digest(path, project.work)
            cache.path(digest.md5).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, cache.path(digest.md5))
            cache.path(digest.md5).chmod(0o444)
            lines += [f"    - path: {digest.path}", "      hash: md5", f"      md5: {digest.md5}"]
    (project.work / "dvc.lock").write_text("\n".join(lines) + "\n")
    if not (project.work / ".git").exists():
        git(project.work, "init", "-q", "-b", "main")
        (project.work / ".gitignore").write_text("/mlruns\n/artifacts\n/.dvc\n")
    git(project.work, "add", ".")
    git(project.work, "commit", "-qm", "outs")
    if ref:
        git(project.work, "update-ref", ref, "HEAD")
        git(project.work, "reset", "-q", "--hard", "HEAD~1")


@pytest.fixture
def new_store(project, tmp_path_factory, migrated_store):
    """The same working folder over an empty store."""
    # Another file, not the same one emptied: MLflow keeps a database open as long as the process lives.
    home = tmp_path_factory.mktemp("new-home")
    (home / "mlruns").mkdir()
    shutil.copy(migrated_store, home / "mlflow.db")
    return Paths(work=project.work, home=home)
