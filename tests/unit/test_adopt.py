"""`glyphline adopt`: the winner of a search becomes params.yaml."""

import shutil

import pytest

from glyphline import params as parameters
from glyphline import records
from glyphline.cli import run
from glyphline.paths import Paths
from glyphline.records import Best

WINNER = {"train.learning_rate": 0.004080310237821694, "train.batch_size": 32, "model.dense_units": 256}


@pytest.fixture
def paths(root, tmp_path, monkeypatch):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(root / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return Paths(tmp_path, tmp_path)


def searched(paths, values, **fields):
    known = {"trial": 2, "val_loss": 0.1, "study": "digits-1a2b3c", "complete": 3, "pruned": 0, "failed": 0}
    records.write(paths.best, Best(values=values, **(known | fields)))


def test_the_winner_is_written_the_search_switched_off_and_nothing_else_changes(paths, capsys):
    before = paths.params.read_text().splitlines()
    used = parameters.overlay(parameters.read(paths.params), WINNER)
    searched(paths, WINNER)
    assert run(["adopt"]) == 0
    after = paths.params.read_text().splitlines()
    new = [line.strip() for line in after if line not in before]
    assert set(new) == {"dense_units: 256", "learning_rate: 0.004080310237821694", "batch_size: 32", "trials: 0"}
    assert len(after) == len(before)
    adopted = parameters.read(paths.params)
    # What train would fit is the same, value by value.
    assert (adopted.model, adopted.train, adopted.tune.trials) == (used.model, used.train, 0)
    out = capsys.readouterr().out
    assert "trial 2 of study digits-1a2b3c" in out
    assert "train.learning_rate: 0.01 -> 0.004080310237821694" in out


def test_adopted_twice_it_changes_nothing(paths, capsys):
    searched(paths, WINNER)
    assert run(["adopt"]) == 0
    text = paths.params.read_text()
    assert run(["adopt"]) == 0
    assert paths.params.read_text() == text
    assert "already" in capsys.readouterr().out


def test_without_a_search_or_its_result_it_says_how_to_get_one_and_leaves_the_file(paths, capsys):
    text = paths.params.read_text()
    assert run(["adopt"]) == 4
    assert "dvc repro tune" in capsys.readouterr().err
    searched(paths, {}, trial=None, study=None, val_loss=None, complete=0)
    assert run(["adopt"]) == 2
    error = capsys.readouterr().err
    assert "made no search" in error
    assert "fix: set tune.trials" in error
    assert paths.params.read_text() == text


def test_a_value_that_params_yaml_does_not_allow_any_more_leaves_the_file_as_it_was(paths, capsys):
    text = paths.params.read_text()
    searched(paths, {"train.learning_rate": 7.0})
    assert run(["adopt"]) == 2
    assert "train.learning_rate" in capsys.readouterr().err
    assert paths.params.read_text() == text
