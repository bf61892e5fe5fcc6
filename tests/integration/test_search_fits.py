"""The search with real fits, inline and in warm workers."""

import logging
from contextlib import contextmanager
from functools import partial

import pytest

from glyphline import training, tuning
from glyphline.tuning.trial import fit_candidate
from tests.conftest import changed, made_split
from tests.searches import Watched, run, trials

SMALL = {
    "model.filters": (4,),
    "model.dense_units": 8,
    "train.batch_size": 16,
    "train.epochs": 3,
    "train.patience": 3,
    "tune.trials": 4,
    "tune.epochs": 2,
    "tune.startup_trials": 2,
    "tune.finalists": 1,
    "tune.seeds": 2,
}


def fit_context(params):
    return training.prepare(params, made_split("train", 66), made_split("val", 30, seed=1))


@pytest.fixture(scope="module")
def small(default_params):
    return changed(default_params, SMALL)


@pytest.fixture(scope="module")
def finished(small, tmp_path_factory):
    database = tmp_path_factory.mktemp("study") / "optuna.db"
    return run(small, database, Watched(), fit_candidate, prepare=partial(fit_context, small)), database


def test_a_search_of_fits_in_two_parts_is_the_search_in_one(finished, small, tmp_path):
    result, _ = finished
    database = tmp_path / "optuna.db"
    run(changed(small, {"tune.trials": 2}), database, Watched(), fit_candidate, prepare=partial(fit_context, small))
    again = run(small, database, Watched(), fit_candidate, prepare=partial(fit_context, small))
    assert (again.rows, again.values, again.rechecked[0].losses) == (
        result.rows,
        result.values,
        result.rechecked[0].losses,
    )


def test_warm_workers_run_many_fits_and_leave_nothing_behind(small, tmp_path):
    watched = Watched()
    params = changed(small, {"tune.workers": 2, "tune.trials": 6})
    result = run(params, tmp_path / "optuna.db", watched, fit_candidate, prepare=partial(fit_context, params))
    assert result.failed == 0
    assert len({trial["worker"] for trial in watched.trials.values()}) <= 2
    assert {trial.state for trial in trials(tmp_path / "optuna.db")} <= {"COMPLETE", "PRUNED"}


def test_many_fits_in_one_process_bring_no_warnings_of_tensorflow(small, tmp_path, caplog):
    params = changed(small, {"tune.trials": 12, "tune.epochs": 1, "tune.finalists": 0, "tune.pruner": "none"})
    with tensorflow_captured(caplog):
        run(params, tmp_path / "optuna.db", Watched(), fit_candidate, prepare=partial(fit_context, params))
    assert [record.getMessage() for record in caplog.records if record.name == "tensorflow"] == []


@contextmanager
def tensorflow_captured(caplog):
    """TensorFlow's logger does not hand its messages on."""
    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    yield
    logger.removeHandler(caplog.handler)


def test_a_network_beyond_max_parameters_is_not_fitted(small):
    params = changed(small, {"tune.max_parameters": 100, "model.dense_units": 64})
    with pytest.raises(tuning.TooLargeError, match="100"):
        fit_candidate(params, tuning.TrialSpec(0, {}, 1, 1), fit_context(params), on_epoch=lambda *_: None)


def test_size_and_latency_are_measured(small):
    params = changed(small, {"tune.objectives": ("val_loss", "latency_ms")})
    metrics = fit_candidate(params, tuning.TrialSpec(0, {}, 1, 1), fit_context(params), on_epoch=lambda *_: None)
    assert set(metrics) == {"val_loss", "val_accuracy", "model_size", "latency_ms"}
    assert metrics["model_size"] > 100
    assert metrics["latency_ms"] > 0
