"""Projects for the end-to-end and browser tests: the tree as it is now, in a git repository of its own."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.conftest import ROOT

# The whole default pipeline takes under a minute on two free cores; a shared machine may need many times that.
LIMIT_S = 1500

# Parameters that take the pipeline through every joint in seconds.
SHRUNK = {
    "model.filters": "[4]",
    "model.dense_units": "16",
    "train.epochs": "2",
    "train.patience": "2",
    "tune.trials": "2",
    "tune.epochs": "1",
    "registry.min_accuracy": "0.1",
}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Project:
    """A checkout that commands run in, as a person would run them."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def command_environment(self) -> dict[str, str]:
        scripts = str(Path(sys.executable).parent)
        return (
            os.environ
            | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": "src", "COLUMNS": "140"}
            | dict(self.environment)
        )

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.command_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def attempt(self, *command: str, limit_s: float = LIMIT_S) -> Ended:
        process = self.start(*command)
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            # The group, not the child alone: a stage that outlives its `dvc` would slow every later test.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Ended(process.returncode, out, err)

    def run(self, *command: str, limit_s: float = LIMIT_S) -> Ended:
        ended = self.attempt(*command, limit_s=limit_s)
        assert ended.code == 0, f"{' '.join(command)} ended with {ended.code}\n{ended.out[-4000:]}\n{ended.err[-8000:]}"
        return ended

    def glyphline(self, *arguments: str) -> Ended:
        return self.run("python", "-m", "glyphline", *arguments)

    def set_params(self, values: Mapping[str, str]) -> None:
        """Write values, as YAML, into params.yaml, keeping its comments."""
        set_params(self.folder, {dotted: YAML(typ="safe").load(text) for dotted, text in values.items()})

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "--allow-empty", "-m", message)

    def stages_run(self, text: str) -> list[str]:
        """The stages that a `dvc` output says were run."""
        ran = [line.split("'")[1] for line in text.splitlines() if line.startswith("Running stage '")]
        # It looks at the images each time, whatever they are.
        assert ran[:1] == ["scan"]
        return ran[1:]


def set_params(folder: Path, values: Mapping[str, Any]) -> None:
    """Write values into the params.yaml of a folder; a folder without one gets the project's own, with its comments."""
    yaml = YAML()
    path = folder / "params.yaml"
    tree = yaml.load(path if path.exists() else ROOT / "params.yaml")
    for dotted, value in values.items():
        *sections, leaf = dotted.split(".")
        place = tree
        for section in sections:
            place = place[section]
        place[leaf] = value
    yaml.dump(tree, path)


def copied(project: Project, folder: Path) -> Project:
    """A copy of a project, store included, in a folder that is not there yet."""
    shutil.copytree(project.folder, folder, symlinks=True)
    move_artifacts(folder / "mlflow.db", project.folder, folder)
    return Project(folder, project.environment)


def move_artifacts(database: Path, before: Path, after: Path) -> None:
    """Point a copied store to its own files, whose places MLflow keeps as absolute paths."""
    columns = (
        ("experiments", "artifact_location"),
        ("runs", "artifact_uri"),
        ("logged_models", "artifact_location"),
        ("model_versions", "source"),
        ("model_versions", "storage_location"),
    )
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in columns:
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(before), str(after)))


def clone(folder: Path) -> Project:
    """A repository that holds the present tree, committed or not, and nothing that git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    project = Project(folder)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.name", "Tester")
    project.run("git", "config", "user.email", "tester@example.invalid")
    project.commit("The tree under test")
    return project


def store(project: Project):
    """A client of the project's own MLflow store."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{project.folder}/mlflow.db")
    # MLflow keeps a connection per address, and it would go on reading a file that was removed and made anew.
    for inner in (client._tracking_client, client._get_registry_client()):
        inner.store.engine.dispose()
    return client


def table(project: Project) -> dict[str, list[dict[str, object]]]:
    """Experiment -> its runs as plain values, for comparing one state of a store with another."""
    client = store(project)
    found = {}
    for experiment in client.search_experiments():
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        found[experiment.name] = sorted(
            (
                {
                    "name": run.info.run_name,
                    "status": run.info.status,
                    "start": run.info.start_time,
                    "end": run.info.end_time,
                    "params": run.data.params,
                    "metrics": run.data.metrics,
                    "key": run.data.tags["glyphline.run_key"],
                    "experiment": run.data.tags.get("glyphline.experiment"),
                    "history": {
                        key: [(m.step, m.value, m.timestamp) for m in client.get_metric_history(run.info.run_id, key)]
                        for key in run.data.metrics
                    },
                    "artifacts": sorted(item.path for item in client.list_artifacts(run.info.run_id)),
                    "inputs": sorted(item.dataset.digest for item in run.inputs.dataset_inputs),
                    "models": len(run.outputs.model_outputs) if run.outputs else 0,
                }
                for run in runs
                # The history of the registry is a run as well, and no journal's.
                if "glyphline.run_key" in run.data.tags
            ),
            key=lambda row: row["key"],
        )
    return found
