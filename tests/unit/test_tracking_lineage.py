"""Where a run comes from, read from a real git repository."""

import subprocess

import pytest

from glyphline.paths import Paths
from glyphline.tracking import lineage

LOCK = """schema: '2.0'
stages:
  train:
    cmd: glyphline train
    deps:
    - path: data/processed/train
      hash: md5
      md5: 1e3aa0b1c2d3e4f5a6b7c8d9e0f1a2b3.dir
      size: 12
    outs:
    - path: artifacts/train/journal.jsonl
      hash: md5
      md5: 00112233445566778899aabbccddeeff
      size: 3
"""


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def paths(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    (tmp_path / "dvc.lock").write_text(LOCK)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return Paths(work=tmp_path, home=tmp_path)


@pytest.fixture
def collect(default_params, paths):
    return lambda environ=None: lineage.collect(default_params, paths, "train", environ or {})


def test_a_clean_tree_has_a_commit_and_no_patch(collect, paths):
    found = collect()
    assert found.facts["git"]["commit"] == git(paths.work, "rev-parse", "HEAD")
    assert found.patch is None
    assert lineage.tags(found)["glyphline.dirty"] == "false"


def test_a_changed_file_makes_it_dirty_with_a_patch(collect, paths):
    paths.params.write_text("seed: 2\n")
    found = collect()
    assert found.facts["git"]["changed"] == ["params.yaml"]
    assert "+seed: 2" in found.patch
    assert lineage.tags(found)["glyphline.dirty"] == "true"


def test_a_changed_dvc_lock_alone_is_not_dirty(collect, paths):
    (paths.work / "dvc.lock").write_text(LOCK + "\n")
    assert not collect().facts["git"]["dirty"]


def test_an_untracked_file_with_a_space_in_its_name_is_listed(collect, paths):
    (paths.work / "new file.py").write_text("")
    assert [name.strip('"') for name in collect().facts["git"]["changed"]] == ["new file.py"]


def test_a_huge_patch_is_left_out_and_that_is_said(collect, paths):
    paths.params.write_text("x" * (lineage.MAX_PATCH_BYTES + 1))
    found = collect()
    assert found.patch is None
    assert found.facts["git"]["patch_left_out"]


def test_a_password_in_the_changes_is_taken_out(collect, paths):
    paths.params.write_text("uri: https://ann:hidden@host\n")
    assert "hidden" not in collect().patch


def test_outside_a_repository_the_git_tags_are_missing(default_params, tmp_path):
    found = lineage.collect(default_params, Paths(tmp_path, tmp_path), "train", {})
    assert "mlflow.source.git.commit" not in lineage.tags(found)
    assert lineage.tags(found)["glyphline.seed"] == str(default_params.seed)


def test_md5s_of_dvc_lock_are_text_even_where_yaml_could_see_a_number():
    found = lineage.md5s(LOCK)
    assert found["train"]["deps"] == {"data/processed/train": "1e3aa0b1c2d3e4f5a6b7c8d9e0f1a2b3.dir"}
    assert found["train"]["outs"] == {"artifacts/train/journal.jsonl": "00112233445566778899aabbccddeeff"}


@pytest.mark.parametrize("text", ["", "schema: '2.0'\n"])
def test_an_empty_dvc_lock_has_no_md5s(text):
    assert lineage.md5s(text) == {}


def test_a_dvc_lock_is_parsed_once_however_often_it_is_asked_about():
    assert lineage.md5s(LOCK) is lineage.md5s(LOCK)
