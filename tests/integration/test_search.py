"""The search against a real Optuna database and real fits, with its process killed for real."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from functools import cache

import optuna
import pytest

from glyphline import training, tuning
from glyphline.errors import SearchError, TrainingError
from glyphline.tuning.space import distributions
from glyphline.tuning.study import open_study
from glyphline.tuning.trial import run_trial
from tests.conftest import ROOT, changed, made_split

SMALL = {
    "model.filters": (4,),
    "model.dense_units": 8,
    "train.batch_size": 16,
    "tune.trials": 4,
    "tune.epochs": 2,
    "tune.startup_trials": 2,
}


class Watched:
    """Remembers what it is told."""

    def __init__(self):
        self.trials = {}

    def begin(self, number, values):
        told = self.trials[number] = {"values": dict(values), "epochs": [], "end": None}

        class Trial:
            def epoch(self, epoch, metrics):
                told["epochs"].append((epoch, metrics["val_loss"]))

            def end(self, state, value, reason):
                told["end"] = (state, value, reason)

        return Trial()


@pytest.fixture(scope="module")
def small(default_params):
    return changed(default_params, SMALL)


@pytest.fixture(scope="module")
def setting(small):
    @cache
    def made():
        return training.prepare(small, made_split("train", 66), made_split("val", 30, seed=1))

    return made


@pytest.fixture(scope="module")
def finished(small, setting, tmp_path_factory):
    database = tmp_path_factory.mktemp("study") / "optuna.db"
    watched = Watched()
    return tuning.search(small, "bars", database, watched, setting), watched, database


def test_trial_0_is_params_yaml(finished, small):
    _, watched, _ = finished
    flat = small.flat()
    assert watched.trials[0]["values"] == {key: flat[key] for key in small.tune.space}


def test_the_winner_has_the_lowest_loss_and_is_never_worse_than_params_yaml(finished):
    outcome, watched, _ = finished
    complete = [trial["end"][1] for trial in watched.trials.values() if trial["end"][0] == "COMPLETE"]
    assert outcome.val_loss == min(complete) <= watched.trials[0]["end"][1]
    assert outcome.values == watched.trials[outcome.number]["values"]


def test_the_budget_is_a_total_over_all_runs(finished, small, setting):
    outcome, _, database = finished
    assert outcome.complete + outcome.pruned + outcome.failed == 4

    def never():
        raise AssertionError("a finished search must not train")

    again = Watched()
    assert tuning.search(small, "bars", database, again, never) == outcome
    assert sorted(again.trials) == [0, 1, 2, 3]


def test_the_same_seed_searches_the_same(finished, small, setting, tmp_path):
    outcome, _, _ = finished
    assert tuning.search(small, "bars", tmp_path / "optuna.db", Watched(), setting).rows == outcome.rows


def test_a_search_in_two_parts_is_the_search_in_one(finished, small, setting, tmp_path):
    outcome, _, _ = finished
    tuning.search(changed(small, {"tune.trials": 2}), "bars", tmp_path / "optuna.db", Watched(), setting)
    assert tuning.search(small, "bars", tmp_path / "optuna.db", Watched(), setting).rows == outcome.rows


def diverging(params, values, setting, *, number, on_epoch):
    if number == 1:
        raise TrainingError("epoch 1: loss nan, val_loss nan", fix="lower train.learning_rate")
    return run_trial(params, values, setting, number=number, on_epoch=on_epoch)


def test_a_trial_that_diverges_is_failed_with_its_reason_and_the_search_goes_on(small, setting, tmp_path):
    watched = Watched()
    outcome = tuning.search(small, "bars", tmp_path / "optuna.db", watched, setting, objective=diverging)
    assert outcome.failed == 1
    assert watched.trials[1]["end"] == ("FAIL", None, "epoch 1: loss nan, val_loss nan")


def test_a_mistake_of_ours_is_recorded_and_raised(small, setting, tmp_path):
    def broken(params, values, setting, *, number, on_epoch):
        raise ZeroDivisionError

    watched = Watched()
    with pytest.raises(ZeroDivisionError):
        tuning.search(small, "bars", tmp_path / "optuna.db", watched, setting, objective=broken)
    assert watched.trials[0]["end"] == ("FAIL", None, "ZeroDivisionError()")


def test_a_search_without_a_finished_trial_says_why(small, setting, tmp_path):
    late = changed(small, {"tune.timeout_s": 1e-9})
    with pytest.raises(SearchError, match="none of 0 trials"):
        tuning.search(late, "bars", tmp_path / "optuna.db", Watched(), setting)


@pytest.mark.parametrize("content", [b"<html>not a database</html>" * 50, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_database_is_named(small, setting, tmp_path, content):
    (tmp_path / "optuna.db").write_bytes(content)
    with pytest.raises(SearchError, match=r"optuna\.db") as caught:
        tuning.search(small, "bars", tmp_path / "optuna.db", Watched(), setting)
    assert "move optuna.db away" in caught.value.fix


KILLED = """
import sys, time
from pathlib import Path
from glyphline import params, training, tuning
from tests.conftest import changed, made_split
from tests.integration.test_search import SMALL, Watched

small = changed(params.read(Path("params.yaml")), SMALL)
class Slow(Watched):
    def begin(self, number, values):
        told = super().begin(number, values)
        if number == 1:
            inner = told.epoch
            def epoch(e, metrics):
                inner(e, metrics)
                print("in trial 1", flush=True)
                time.sleep(600)
            told.epoch = epoch
        return told
setting = lambda: training.prepare(small, made_split("train", 66), made_split("val", 30, seed=1))
tuning.search(small, "bars", Path(sys.argv[1]), Slow(), setting)
"""


def test_a_search_killed_in_a_trial_ends_as_if_it_had_not_been(finished, small, setting, tmp_path):
    outcome, _, _ = finished
    database = tmp_path / "optuna.db"
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(database)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "in trial 1"
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with sqlite3.connect(database) as connection:
        assert connection.execute("select state from trials order by number").fetchall() == [
            ("COMPLETE",),
            ("RUNNING",),
        ]
    watched = Watched()
    resumed = tuning.search(small, "bars", database, watched, setting)
    assert resumed.rows == outcome.rows
    assert sorted(watched.trials) == [0, 1, 2, 3]


def test_a_trial_whose_process_died_twice_is_failed(finished, small, setting, tmp_path):
    database = tmp_path / "optuna.db"
    study = open_study(database, "bars", startup_trials=2)
    trial = study.ask(distributions(small))
    trial.set_user_attr("attempts", 2)
    outcome = tuning.search(small, "bars", database, Watched(), setting)
    assert outcome.failed == 1
    frozen = study.get_trials()[0]
    assert (frozen.state, frozen.user_attrs["reason"]) == (optuna.trial.TrialState.FAIL, "its process died 2 times")


def test_values_and_rows_can_be_written_as_json(finished):
    outcome, _, _ = finished
    assert json.loads(json.dumps(outcome.values)) == outcome.values
