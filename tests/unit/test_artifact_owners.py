"""Whose files lie in a folder that several stores may use."""

import pytest

from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import artifact_owners
from glyphline.paths import Paths


def test_the_first_store_is_alone_until_a_second_comes(tmp_path):
    folder = tmp_path / "artifacts"
    artifact_owners.add(folder, "one")
    artifact_owners.add(folder, "one")
    assert artifact_owners.is_sole_owner(folder, "one")
    artifact_owners.add(folder, "two")
    assert not artifact_owners.is_sole_owner(folder, "one")
    assert not artifact_owners.is_sole_owner(folder, "two")


def test_a_folder_with_files_and_no_marker_is_nobodys(tmp_path):
    (tmp_path / "digits").mkdir()
    artifact_owners.add(tmp_path, "one")
    assert not (tmp_path / artifact_owners.MARKER).exists()
    assert not artifact_owners.is_sole_owner(tmp_path, "one")


def test_an_empty_marker_is_nobodys(tmp_path):
    (tmp_path / artifact_owners.MARKER).touch()
    artifact_owners.add(tmp_path, "one")
    assert not artifact_owners.is_sole_owner(tmp_path, "one")


def identity(uri, home, born):
    return artifact_owners.identity(StoreUri.parse(uri), Paths(work=home, home=home), born)


@pytest.mark.parametrize(
    "other", [("postgresql://b/d", "x", 1), ("postgresql://a/d", "y", 1), ("postgresql://a/d", "x", 2)]
)
def test_another_address_folder_or_birth_is_another_store(tmp_path, other):
    uri, folder, born = other
    assert identity("postgresql://a/d", tmp_path / "x", 1) != identity(uri, tmp_path / folder, born)


def test_a_password_has_no_part_in_it(tmp_path):
    one, two = (identity(f"postgresql://ann:{word}@host/db", tmp_path, 1) for word in ("a", "b"))
    assert one == two


def test_a_link_to_the_folder_is_the_folder(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert identity("postgresql://a/d", tmp_path, 1) == identity("postgresql://a/d", tmp_path / "link", 1)


def test_a_file_in_the_project_is_the_same_store_wherever_the_project_is(tmp_path):
    one, two = (identity(f"sqlite:///{tmp_path / name}/mlflow.db", tmp_path / name, 1) for name in ("a", "b"))
    assert one == two
    assert one != identity(f"sqlite:///{tmp_path}/a/other.db", tmp_path / "a", 1)
    assert one != identity(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "a", 1)
