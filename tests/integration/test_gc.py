"""What `glyphline gc` leaves alone, over real SQLite stores and real files."""

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from glyphline import mlflow_client, mlflow_sync
from glyphline.commands import gc
from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import store
from glyphline.params import overlay
from glyphline.paths import Paths
from glyphline.registry import RegistryLocation, register_run
from tests.integration.conftest import git, put_in_dvc, record_model
from tests.registered import Runs

NAME = "shapes"
UNKNOWN_RUN = "0" * 32
UNKNOWN_MODEL = f"m-{'0' * 32}"


class Cleaned:
    """A project with one champion in its store; its files are older than an hour."""

    def __init__(self, project: Paths, params) -> None:
        uri = mlflow_client.store_uri(params, project, {})
        self.project, self.uri = project, uri.text
        self.params = overlay(params, {"registry.name": NAME, "tracking.uri": self.uri})
        opened = store.connect(uri, project, 5)
        self.experiment_id = opened.experiment("digits")
        self.client = opened.client
        self.runs = Runs(self.client, project.mlruns / "made", experiment="digits")
        self.champion = self.register(950)

    @property
    def artifacts(self):
        return self.project.mlruns / "artifacts"

    @property
    def model(self):
        return self.runs.folder_of(self.champion)

    def register(self, correct: int):
        made = self.runs.make(correct)
        to = RegistryLocation(self.uri, NAME, 5, self.project.mlruns / "registry.lock")
        assert register_run(made, to, self.params.registry).promoted
        return made

    def put(self, *places: str) -> None:
        for place in places:
            (self.artifacts / place).mkdir(parents=True)
            (self.artifacts / place / "file").write_text("x")

    def clean(self, keep: int = 20, project: Paths | None = None, **changes):
        for folder in [*self.artifacts.rglob("*")]:
            os.utime(folder, (time.time() - 7200,) * 2)
        plan, _ = gc.run(overlay(self.params, changes), project or self.project, keep, dry=False)
        return plan


@pytest.fixture
def cleaned(project, default_params):
    return Cleaned(project, default_params)


def test_folders_that_look_like_runs_and_models_and_that_nobody_knows_go(cleaned):
    places = (f"digits/{UNKNOWN_RUN}", f"digits/models/{UNKNOWN_MODEL}")
    cleaned.put(*places, "digits/traces", f"7/{UNKNOWN_RUN}")
    plan = cleaned.clean()
    assert {path.relative_to(cleaned.artifacts).as_posix() for path in plan.unowned_folders} == set(places)
    assert plan.kept_folders == 0
    assert not any((cleaned.artifacts / place).exists() for place in places)
    assert (cleaned.artifacts / "digits/traces").exists()
    assert (cleaned.artifacts / f"7/{UNKNOWN_RUN}").exists()
    assert cleaned.model.exists()


def test_a_second_store_takes_nothing_of_the_first(cleaned, migrated_store):
    shutil.copy(migrated_store, cleaned.project.mlruns / "other.db")
    other = f"sqlite:///{cleaned.project.mlruns / 'other.db'}"
    store.connect(StoreUri.parse(other), cleaned.project, 5).experiment("digits")
    plan = cleaned.clean(keep=0, **{"tracking.uri": other})
    assert (plan.runs, plan.unowned_folders) == ((), ())
    assert (
        plan.kept_folders == len([*cleaned.artifacts.glob("digits/models/*"), *cleaned.artifacts.glob("digits/*")]) - 1
    )
    assert cleaned.model.exists()
    # Nor the first of the second, from now on.
    cleaned.put(f"digits/{UNKNOWN_RUN}")
    plan = cleaned.clean()
    assert (plan.unowned_folders, plan.kept_folders) == ((), 1)


def test_another_database_at_the_address_of_the_first_takes_nothing(cleaned):
    cleaned.put(f"digits/{UNKNOWN_RUN}")
    with closing(sqlite3.connect(cleaned.project.store)) as database:
        database.execute("UPDATE experiments SET creation_time = creation_time + 1")
        database.commit()
    plan = cleaned.clean()
    assert (plan.unowned_folders, plan.kept_folders) == ((), 1)


def test_a_folder_from_before_the_marker_keeps_its_unowned_folders(cleaned):
    (cleaned.artifacts / ".stores").unlink()
    cleaned.put(f"digits/{UNKNOWN_RUN}")
    plan = cleaned.clean()
    assert (plan.unowned_folders, plan.kept_folders) == ((), 1)


def test_a_project_that_is_reached_by_another_path_loses_nothing(cleaned, tmp_path_factory):
    link = tmp_path_factory.mktemp("link") / "project"
    link.symlink_to(cleaned.project.home)
    assert cleaned.clean(project=Paths(link, link)).unowned_folders == ()
    assert cleaned.model.exists()


def test_the_champion_of_a_deleted_experiment_stays(cleaned):
    cleaned.client.delete_experiment(cleaned.experiment_id)
    assert cleaned.clean(keep=0).unowned_folders == ()
    assert cleaned.model.exists()


def test_a_deleted_model_that_is_champion_stays(cleaned):
    cleaned.client.delete_logged_model(cleaned.model.parent.name)
    assert cleaned.clean(keep=0).unowned_folders == ()
    assert cleaned.model.exists()


def test_a_deleted_model_of_a_run_in_the_history_stays(cleaned):
    from mlflow.entities import LoggedModelOutput

    run_id, model_id = cleaned.champion.run_id, cleaned.model.parent.name
    cleaned.client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    cleaned.register(985)
    cleaned.client.delete_model_version(NAME, "1")
    cleaned.client.delete_logged_model(model_id)
    plan = cleaned.clean(keep=0)
    assert run_id not in {run.run_id for run in plan.runs}
    assert plan.unowned_folders == ()
    assert cleaned.model.exists()


def test_a_run_whose_files_a_version_was_made_from_by_path_stays(cleaned):
    run = cleaned.client.create_run(cleaned.experiment_id)
    cleaned.client.log_text(run.info.run_id, "x", "model/MLmodel")
    cleaned.client.set_terminated(run.info.run_id)
    cleaned.client.create_registered_model("theirs")
    cleaned.client.create_model_version("theirs", source=f"{run.info.artifact_uri}/model", await_creation_for=0)
    assert run.info.run_id not in {one.run_id for one in cleaned.clean(keep=0).runs}


def finished_run(cleaned):
    """A run of nobody, with a file and a model."""
    made = cleaned.runs.make(900)
    cleaned.client.set_terminated(made.run_id)
    return made


def all_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "lock" not in path.name}


def test_a_copy_of_a_project_takes_nothing_of_the_first(cleaned, tmp_path_factory):
    finished_run(cleaned)
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(cleaned.project.home, copy, symlinks=True)
    before = all_files(cleaned.project.home)
    # Over the store of the first, whose files are not its own, and over its own, which leads to the files of the copy.
    plan = cleaned.clean(keep=0, project=Paths(copy, copy))
    assert plan.runs == ()
    assert {folder.is_relative_to(cleaned.project.mlruns) for folder in plan.outside} == {True}
    plan = cleaned.clean(keep=0, project=Paths(copy, copy), **{"tracking.uri": f"sqlite:///{copy / 'mlflow.db'}"})
    assert len(plan.runs) == 1
    assert plan.outside == ()
    assert all_files(cleaned.project.home) == before


def test_a_link_goes_and_its_target_stays(cleaned, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    other = tmp_path_factory.mktemp("other")
    for target in (outside, other):
        (target / "file").write_text("x")
    linked = finished_run(cleaned)
    folder = Path(cleaned.client.get_run(linked.run_id).info.artifact_uri.removeprefix("file://")).parent
    shutil.rmtree(folder)
    folder.symlink_to(outside)
    inner = finished_run(cleaned)
    (cleaned.runs.folder_of(inner) / "link").symlink_to(outside)
    below = cleaned.artifacts / "digits" / UNKNOWN_RUN
    below.parent.mkdir(parents=True, exist_ok=True)
    below.symlink_to(other)
    os.utime(below, (time.time() - 7200,) * 2, follow_symlinks=False)
    cleaned.clean(keep=0)
    assert [(target / "file").read_text() for target in (outside, other)] == ["x", "x"]
    assert not folder.is_symlink()
    assert not below.is_symlink()
    assert not cleaned.runs.folder_of(inner).exists()


def test_a_folder_behind_a_link_stays(cleaned, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "models"
    made = finished_run(cleaned)
    models = cleaned.runs.folder_of(made).parent.parent
    shutil.move(models, outside)
    models.symlink_to(outside)
    before = all_files(outside)
    (outside / UNKNOWN_MODEL).mkdir()
    plan = cleaned.clean(keep=0)
    assert made.run_id not in {run.run_id for run in plan.runs}
    assert cleaned.client.get_run(made.run_id).info.lifecycle_stage == "active"
    assert all_files(outside) == before
    assert (outside / UNKNOWN_MODEL).is_dir()


def test_a_model_that_claims_the_folder_of_all_takes_nothing(cleaned):
    made = finished_run(cleaned)
    with closing(sqlite3.connect(cleaned.project.store)) as database:
        database.execute(
            "UPDATE logged_models SET artifact_location = ? WHERE model_id = ?",
            (cleaned.project.mlruns.as_uri(), made.model_id),
        )
        database.commit()
    assert made.run_id not in {run.run_id for run in cleaned.clean(keep=0).runs}
    assert cleaned.model.exists()


@pytest.fixture
def trained(default_params, project, train_split):
    """A project with a model that was trained and sent; gc would take the run."""
    record_model(default_params, project, train_split)
    mlflow_sync.sync(default_params, project)
    return project


def kept(params, project) -> bool:
    for folder in [*project.mlruns.rglob("*")]:
        os.utime(folder, (time.time() - 7200,) * 2)
    gc.run(params, project, 0, dry=False)
    return any((project.mlruns / "artifacts").rglob("model.keras"))


def test_the_run_that_the_workspace_stands_on_stays(default_params, trained):
    assert kept(default_params, trained)


def test_the_run_that_the_lock_file_names_stays(default_params, trained):
    put_in_dvc(trained)
    shutil.rmtree(trained.work / ".git")
    shutil.rmtree(trained.work / "artifacts")
    assert kept(default_params, trained)


@pytest.mark.parametrize(
    "ref", ["refs/heads/other", "refs/tags/one", f"refs/exps/aa/{'b' * 38}/misty-lake", "refs/exps/celery/failed"]
)
def test_the_run_of_a_branch_a_tag_or_an_experiment_stays(default_params, trained, ref):
    git(trained.work, "init", "-q", "-b", "main")
    (trained.work / ".gitignore").write_text("/mlruns\n/artifacts\n/.dvc\n")
    git(trained.work, "add", ".")
    git(trained.work, "commit", "-qm", "base")
    put_in_dvc(trained, ref=ref)
    shutil.rmtree(trained.work / "artifacts")
    assert kept(default_params, trained)


def test_the_run_of_every_queued_experiment_stays(default_params, trained):
    put_in_dvc(trained)
    for message in ("first", "second"):
        git(trained.work, "update-ref", "--create-reflog", "-m", message, "refs/exps/celery/stash", "HEAD")
        git(trained.work, "rm", "-q", "--cached", "dvc.lock", "--ignore-unmatch")
        git(trained.work, "commit", "-q", "--allow-empty", "-m", "without")
    git(trained.work, "checkout", "-q", "--orphan", "empty")
    git(trained.work, "commit", "-q", "--allow-empty", "-m", "empty")
    git(trained.work, "branch", "-qD", "main")
    (trained.work / "dvc.lock").unlink(missing_ok=True)
    shutil.rmtree(trained.work / "artifacts")
    assert kept(default_params, trained)


def test_a_run_that_nothing_stands_on_goes(default_params, trained):
    put_in_dvc(trained)
    shutil.rmtree(trained.work / "artifacts")
    shutil.rmtree(trained.work / ".git")
    (trained.work / "dvc.lock").unlink()
    assert not kept(default_params, trained)
