"""What dvc.lock holds, and what a damaged one does not."""

import pytest

from glyphline.mlflow_sync import dvc_lock
from glyphline.mlflow_sync.dvc_cache import DvcCache

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


def test_md5s_of_dvc_lock_are_text_even_where_yaml_could_see_a_number():
    found = dvc_lock.parse(LOCK)
    assert found["train"]["deps"] == {"data/processed/train": "1e3aa0b1c2d3e4f5a6b7c8d9e0f1a2b3.dir"}
    assert found["train"]["outs"] == {"artifacts/train/journal.jsonl": "00112233445566778899aabbccddeeff"}


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< HEAD\nstages:\n=======\nstages: {}\n>>>>>>> other\n",
        "- a\n",
        "a",
        "stages: [a]",
        "stages: {train: a}",
        "stages: {train: {deps: a}}",
        "stages: {train: {deps: [a]}}",
        "stages: {train: {outs: [{md5: a}]}}",
        "stages: {train: {outs: [{path: [a], md5: a}]}}",
        "stages: 2024-13-45",
        "stages: \x00",
    ],
)
def test_a_damaged_dvc_lock_has_no_md5s_and_a_warning(text, caplog):
    assert dvc_lock.parse(text) == {}
    assert "dvc.lock" in caplog.text
    assert "dvc repro" in caplog.text


@pytest.mark.parametrize("text", ["stages:\n", "stages: {}\n"])
def test_a_dvc_lock_without_stages_is_no_reason_to_warn(text, caplog):
    assert dvc_lock.parse(text) == {}
    assert not caplog.text


def test_a_stage_without_deps_has_its_outs():
    md5 = "0123456789abcdef0123456789abcdef"
    found = dvc_lock.parse(f"stages: {{fetch: {{cmd: a, deps: null, outs: [{{path: b, md5: {md5}}}]}}, empty: null}}")
    assert found == {"fetch": {"deps": {}, "outs": {"b": md5}}, "empty": {"deps": {}, "outs": {}}}


@pytest.mark.parametrize("text", ["", "schema: '2.0'\n"])
def test_an_empty_dvc_lock_has_no_md5s(text):
    assert dvc_lock.parse(text) == {}


def test_a_dvc_lock_is_parsed_once_however_often_it_is_asked_about():
    assert dvc_lock.parse(LOCK) is dvc_lock.parse(LOCK)


OUTSIDE = """
stages:
  train:
    outs:
    - path: ../../key
      md5: 0123456789abcdef0123456789abcdef
    - path: /etc/passwd
      md5: 0123456789abcdef0123456789abcdef
    - path: artifacts/train/other
      md5: ../../../../etc/passwd
    - path: artifacts/train/model.keras
      md5: 0123456789abcdef0123456789abcdef
    - path: data
      md5: 0123456789abcdef0123456789abcdef.dir
"""


def test_places_outside_the_project_are_left_out():
    assert dvc_lock.parse(OUTSIDE)["train"]["outs"] == {
        "artifacts/train/other": "",
        "artifacts/train/model.keras": "0123456789abcdef0123456789abcdef",
        "data": "0123456789abcdef0123456789abcdef.dir",
    }


@pytest.mark.parametrize("text", ["stages: [1]", "stages: {a: {outs: [{path: 5, md5: x}]}}", "a: " + "[" * 5000, "[]"])
def test_a_lock_file_of_another_form_is_empty(text):
    assert not dvc_lock.parse(text)


ENTRIES = [
    b"no JSON",
    b"{}",
    b'[{"md5": "0123456789abcdef0123456789abcdef"}]',
    b'[{"md5": "../../key", "relpath": "a"}]',
    b'[{"md5": "0123456789abcdef0123456789abcdef", "relpath": "../../key"}]',
    b'[{"md5": "0123456789abcdef0123456789abcdef", "relpath": "/etc/passwd"}]',
]


@pytest.mark.parametrize("entries", ENTRIES)
def test_a_list_of_files_that_leads_outside_is_no_list(tmp_path, entries):
    cache = DvcCache(tmp_path)
    md5 = "0123456789abcdef0123456789abcdef.dir"
    cache.path(md5).parent.mkdir(parents=True)
    cache.path(md5).write_bytes(entries)
    assert cache.files("data", md5) == {}


@pytest.mark.parametrize(("path", "md5"), [("../x", "0" * 32), ("/x", "0" * 32), ("x", "../../x"), ("x", "/x.dir")])
def test_no_file_is_looked_for_outside_the_cache(tmp_path, path, md5):
    assert DvcCache(tmp_path).files(path, md5) == {}


@pytest.mark.parametrize("text", ["[cache\n", "[cache]\ndir = a\ndir = b\n", "\xff"])
def test_a_damaged_configuration_of_dvc_leaves_the_usual_cache(tmp_path, text):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(text, encoding="latin-1")
    assert DvcCache.of(tmp_path).folder == tmp_path / ".dvc" / "cache"
