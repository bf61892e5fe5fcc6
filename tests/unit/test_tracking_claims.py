"""Whose files lie in a folder that several stores may use."""

import pytest

from glyphline.tracking import claims


def test_the_first_store_is_alone_until_a_second_comes(tmp_path):
    folder = tmp_path / "artifacts"
    claims.claim(folder, "one")
    claims.claim(folder, "one")
    assert claims.is_sole(folder, "one")
    claims.claim(folder, "two")
    assert not claims.is_sole(folder, "one")
    assert not claims.is_sole(folder, "two")


def test_a_folder_with_files_and_no_marker_is_nobodys(tmp_path):
    (tmp_path / "digits").mkdir()
    claims.claim(tmp_path, "one")
    assert not (tmp_path / claims.MARKER).exists()
    assert not claims.is_sole(tmp_path, "one")


def test_an_empty_marker_is_nobodys(tmp_path):
    (tmp_path / claims.MARKER).touch()
    claims.claim(tmp_path, "one")
    assert not claims.is_sole(tmp_path, "one")


@pytest.mark.parametrize("other", [("sqlite:///b", "x", 1), ("sqlite:///a", "y", 1), ("sqlite:///a", "x", 2)])
def test_another_address_folder_or_birth_is_another_store(tmp_path, other):
    uri, folder, born = other
    assert claims.identity("sqlite:///a", tmp_path / "x", 1) != claims.identity(uri, tmp_path / folder, born)


def test_a_password_has_no_part_in_it(tmp_path):
    one, two = (claims.identity(f"postgresql://ann:{word}@host/db", tmp_path, 1) for word in ("a", "b"))
    assert one == two


def test_a_link_to_the_folder_is_the_folder(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert claims.identity("sqlite:///a", tmp_path, 1) == claims.identity("sqlite:///a", tmp_path / "link", 1)
