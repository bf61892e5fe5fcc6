"""What dvc.lock holds, and what a damaged one does not."""

import pytest

from glyphline.mlflow_sync import dvc_lock

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
    found = dvc_lock.parse("stages: {fetch: {cmd: a, deps: null, outs: [{path: b, md5: c}]}, empty: null}")
    assert found == {"fetch": {"deps": {}, "outs": {"b": "c"}}, "empty": {"deps": {}, "outs": {}}}


@pytest.mark.parametrize("text", ["", "schema: '2.0'\n"])
def test_an_empty_dvc_lock_has_no_md5s(text):
    assert dvc_lock.parse(text) == {}


def test_a_dvc_lock_is_parsed_once_however_often_it_is_asked_about():
    assert dvc_lock.parse(LOCK) is dvc_lock.parse(LOCK)
