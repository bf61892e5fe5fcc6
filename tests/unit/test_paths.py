"""Where things lie, also in an experiment that DVC throws away."""

from pathlib import Path

import pytest

from glyphline.errors import ParamsError
from glyphline.paths import Paths


@pytest.fixture
def project(tmp_path):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "src" / "deep").mkdir(parents=True)
    return tmp_path


def test_the_project_is_found_from_any_folder_in_it(project):
    assert Paths.find(project / "src" / "deep", {}) == Paths(work=project, home=project)


def test_in_a_queued_experiment_what_must_outlive_it_lies_in_the_main_checkout(tmp_path):
    main = tmp_path / "main"
    project = main / ".dvc" / "tmp" / "exps" / "tmp1a2b3c4d"
    project.mkdir(parents=True)
    (project / "dvc.yaml").touch()
    paths = Paths.find(project, {"DVC_ROOT": str(main)})
    assert paths.mlruns == main / "mlruns"
    assert paths.study == main / "mlruns" / "optuna.db"
    assert paths.stage_times.is_relative_to(main)
    assert paths.model.is_relative_to(project)
    assert paths.params == project / "params.yaml"


def test_an_empty_dvc_root_is_none_and_that_of_another_project_is_not_ours(project, tmp_path):
    assert Paths.find(project, {"DVC_ROOT": ""}).home == project
    assert Paths.find(project, {"DVC_ROOT": str(tmp_path / "other")}).home == project


def test_a_dvc_root_that_is_written_with_a_link_is_the_same(project, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "project"
    link.symlink_to(project)
    assert Paths.find(project, {"DVC_ROOT": str(link)}).home == link


def test_outside_of_a_project_the_error_says_where_it_looked():
    # A folder that does not exist, because a stray dvc.yaml may lie above any that does.
    with pytest.raises(ParamsError, match=r"no dvc\.yaml in /nowhere/at/all or above it") as caught:
        Paths.find(Path("/nowhere/at/all"), {})
    assert "go to the project's folder" in caught.value.fix


def test_no_two_files_share_a_path(project):
    paths = Paths.find(project, {})
    places = [getattr(paths, name) for name, kind in vars(Paths).items() if isinstance(kind, property)]
    places += [paths.split(name) for name in ("train", "val", "test")]
    places += [paths.journal(stage) for stage in ("tune", "train", "evaluate")]
    assert len(places) == len(set(places))
    assert all(place.is_relative_to(project) for place in places)


def test_every_stage_keeps_its_journal_in_its_own_folder(project):
    paths = Paths.find(project, {})
    assert paths.journal("train") == paths.stage("train") / "journal.jsonl"
    assert paths.model.parent == paths.stage("train")
