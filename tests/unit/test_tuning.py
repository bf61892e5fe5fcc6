"""The parts of the search that need no fit."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.tuning.identity import sampler_seed, study_name, trial_seed
from glyphline.tuning.report import rows
from glyphline.tuning.space import distributions, hand_set
from tests.conftest import changed

DIGESTS = {"train": "a", "val": "b"}


def test_a_range_of_a_whole_number_parameter_is_whole(default_params):
    params = changed(default_params, {"tune.space": {"model.dense_units": {"low": 8, "high": 64, "step": 8}}})
    assert distributions(params) == {
        "model.dense_units": optuna.distributions.IntDistribution(8, 128, step=8),
    }


def test_the_space_reaches_out_to_the_hand_set_value(default_params):
    params = changed(default_params, {"train.learning_rate": 0.05, "train.batch_size": 48})
    space = distributions(params)
    assert space["train.learning_rate"].high == 0.05
    assert space["train.batch_size"].choices == (32, 64, 48)
    assert all(
        space[key]._contains(space[key].to_internal_repr(value)) for key, value in hand_set(params, space).items()
    )


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 8},
        {"train.learning_rate": 0.002},
        {"model.filters": (8,)},
        {"tune.epochs": 2},
        {"data.dataset": "mnist"},
        {"train.augment.shift": 0.1},
        {"train.precision": "float32"},
    ],
)
def test_what_changes_a_trial_changes_the_study(default_params, values):
    assert study_name(changed(default_params, values), DIGESTS, "c") != study_name(default_params, DIGESTS, "c")


@pytest.mark.parametrize(
    "values",
    [
        {"tune.trials": 9},
        {"tune.timeout_s": 1.0},
        {"registry.min_accuracy": 0.1},
        {"train.memory_mb": 1},
        {"train.gpu_memory_mb": 512},
    ],
)
def test_what_changes_no_trial_keeps_the_study(default_params, values):
    assert study_name(changed(default_params, values), DIGESTS, "c") == study_name(default_params, DIGESTS, "c")


def test_other_data_or_other_code_is_another_study(default_params):
    names = {study_name(default_params, {"train": d, "val": "b"}, c) for d in "xy" for c in "cd"}
    assert len(names) == 4


@given(st.integers(0, 2**32 - 1), st.integers(0, 10_000))
def test_seeds_of_neighbours_differ(seed, number):
    own, next_trial, next_seed = trial_seed(seed, number), trial_seed(seed, number + 1), (seed + 1) % 2**32
    drawn = {own, next_trial, trial_seed(next_seed, number), sampler_seed(seed, number)}
    assert len(drawn) == 4
    assert all(0 <= one < 2**32 for one in drawn)


def test_rows_hold_no_times():
    study = optuna.create_study()
    trial = study.ask({"train.learning_rate": optuna.distributions.FloatDistribution(0.1, 0.1)})
    trial.report(0.5, 0)
    trial.report(0.25, 1)
    study.tell(trial, 0.25)
    assert rows(study.get_trials()) == (
        {"trial": 0, "state": "COMPLETE", "val_loss": 0.25, "epochs": 2, "train.learning_rate": 0.1},
    )
