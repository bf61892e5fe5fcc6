"""The sampler that learns from few trials, pruned and failed ones among them."""

import math

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from glyphline.tuning.gaussian_process import FITTED, GaussianProcessSampler, _Observations, _position, _value
from glyphline.tuning.space import Space
from tests.conftest import changed

DISTRIBUTIONS = (
    FloatDistribution(0.001, 0.1, log=True),
    FloatDistribution(0.0, 0.5),
    FloatDistribution(0.0, 0.5, step=0.1),
    FloatDistribution(2.0, 2.0),
    IntDistribution(1, 128, log=True),
    IntDistribution(8, 64, step=8),
    CategoricalDistribution((256, 64, 128)),
    CategoricalDistribution(("adamw", "sgd")),
    CategoricalDistribution((True,)),
)
SPACE = {"rate": DISTRIBUTIONS[0], "dropout": DISTRIBUTIONS[1], "units": DISTRIBUTIONS[6]}
ONE = np.ones(1)


def loss(values):
    return (math.log10(values["rate"]) + 1.7) ** 2 + (values["dropout"] - 0.1) ** 2 + 10 / values["units"]


def ended(values, value=None, *, state=TrialState.COMPLETE, space=SPACE, curve=()):
    return create_trial(
        state=state,
        params=values,
        distributions={key: space[key] for key in values},
        value=value if state == TrialState.COMPLETE else None,
        intermediate_values=dict(enumerate(curve)),
    )


def drawn(study, seed, space=SPACE, active_values=dict, startup_trials=3):
    sampler = GaussianProcessSampler(seed, startup_trials, space, active_values)
    trial = create_trial(state=TrialState.RUNNING)
    return sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))


def random_values(number):
    sampler, study = optuna.samplers.RandomSampler(seed=number), optuna.create_study()
    trial = create_trial(state=TrialState.RUNNING)
    return {key: sampler.sample_independent(study, trial, key, one) for key, one in SPACE.items()}


@given(st.sampled_from(DISTRIBUTIONS), st.floats(0, 1))
def test_every_position_is_a_value_and_every_value_has_its_position(distribution, position):
    value = _value(distribution, position)
    assert distribution._contains(distribution.to_internal_repr(value))
    assert 0 <= _position(distribution, value) <= 1 + 1e-9
    again = _value(distribution, min(_position(distribution, value), 1.0))
    assert again == pytest.approx(value) if isinstance(value, float) else again == value


def test_numbers_lie_by_their_size_whatever_their_order():
    positions = [_position(CategoricalDistribution((256, 64, 128)), value) for value in (64, 128, 256)]
    assert positions == [0, 0.5, 1]


def test_it_draws_at_random_until_there_are_enough_trials():
    study = optuna.create_study()
    study.add_trials([ended(random_values(number), 1.0) for number in range(2)])
    study.add_trial(ended(random_values(2), state=TrialState.FAIL))
    assert drawn(study, 0) == {}
    study.add_trial(ended(random_values(3), 1.0))
    assert set(drawn(study, 0)) == set(SPACE)


def test_the_same_seed_and_trials_draw_the_same():
    study = optuna.create_study()
    study.add_trials([ended(values := random_values(number), loss(values)) for number in range(6)])
    assert drawn(study, 1) == drawn(study, 1) != drawn(study, 2)


def test_fifteen_trials_find_what_a_hundred_random_ones_do_not():
    by_chance = [min(loss(random_values(100 * run + number)) for number in range(100)) for run in range(10)]
    best = []
    for run in range(10):
        study = optuna.create_study()
        for number in range(15):
            values = drawn(study, 1000 * run + number) or random_values(1000 * run + number)
            study.add_trial(ended(values, loss(values)))
        best.append(study.best_value)
    assert np.median(best) < np.median(by_chance)


def test_a_pruned_trial_counts_as_if_it_had_gone_on_as_the_others():
    values = random_values(0)
    trials = [
        ended(values, 0.3, curve=(0.9, 0.3)),
        ended(values, 0.5, curve=(1.1, 0.5)),
        ended(values, state=TrialState.PRUNED, curve=(1.0,)),
    ]
    complete, other, pruned = _Observations(trials, ONE).losses
    assert pruned == pytest.approx((complete + other) / 2)


def test_a_pruned_trial_is_not_taken_for_better_than_the_best():
    values = random_values(0)
    # At its second epoch the only whole one was worse than it had been; what it gained after that says little.
    trials = [
        ended(values, 0.3, curve=(0.6, 0.9, 0.3)),
        ended(values, state=TrialState.PRUNED, curve=(0.6, 0.7)),
        ended(values, state=TrialState.PRUNED, curve=(0.6, 2.0)),
    ]
    complete, promising, hopeless = _Observations(trials, ONE).losses
    assert complete == promising < hopeless


def test_what_was_pruned_early_goes_on_as_those_that_were_pruned_late():
    values = random_values(0)
    trials = [
        ended(values, 0.1, curve=(0.9, 0.5, 0.1)),
        ended(values, state=TrialState.PRUNED, curve=(1.0, 0.8)),
        ended(values, state=TrialState.PRUNED, curve=(1.1, 0.9)),
        ended(values, state=TrialState.PRUNED, curve=(1.2,)),
    ]
    _, late, other, early = _Observations(trials, ONE).losses
    # Steps of -0.4, -0.2 and -0.2 to the second epoch: from 1.2 to 1.0.
    assert early - other == pytest.approx(other - late)


def test_a_failed_trial_counts_as_the_worst_and_one_that_diverged_does_not_hide_the_rest():
    values = random_values(0)
    trials = [ended(values, value) for value in (0.1, 0.2, 0.3, 0.4, 1e9)]
    trials.append(ended(values, state=TrialState.FAIL))
    losses = _Observations(trials, ONE).losses
    assert losses[-1] == losses[-2] == max(losses)
    assert losses[1] - losses[0] > 0.2


def test_one_pruned_at_a_loss_that_is_no_number_says_nothing():
    values = random_values(0)
    trials = [ended(values, 0.1, curve=(0.2,)), ended(values, state=TrialState.PRUNED, curve=(math.nan,))]
    assert len(_Observations(trials, ONE).losses) == 1


def test_equal_losses_and_equal_candidates_are_no_obstacle():
    study = optuna.create_study()
    study.add_trials([ended(random_values(0), 0.5) for _ in range(5)])
    assert set(drawn(study, 0)) == set(SPACE)


def test_workers_at_the_same_time_get_other_candidates():
    study = optuna.create_study()
    study.add_trials([ended(values := random_values(number), loss(values)) for number in range(8)])
    first = drawn(study, 0)
    study.add_trial(ended(first, state=TrialState.RUNNING))
    second = drawn(study, 0)
    apart = [abs(_position(SPACE[key], first[key]) - _position(SPACE[key], second[key])) for key in SPACE]
    assert max(apart) > 0.02


def test_many_trials_are_learned_from_without_fitting_the_kernel_to_all(monkeypatch):
    study = optuna.create_study()
    study.add_trials([ended(values := random_values(number), loss(values)) for number in range(FITTED + 50)])
    best = np.mean([loss(drawn(study, seed)) for seed in range(5)])
    assert best < np.median([trial.value for trial in study.trials])


def test_two_objectives_are_weighed_anew_for_each_draw():
    study = optuna.create_study(directions=["minimize", "minimize"])
    for number in range(10):
        values = random_values(number)
        both = [loss(values) + 200 / values["units"], float(values["units"])]
        study.add_trial(create_trial(params=values, distributions=SPACE, values=both))
    assert len({drawn(study, seed)["units"] for seed in range(12)}) > 1


def test_a_candidate_has_only_the_values_of_its_kind(default_params):
    searched = {
        "model.kind": {"choices": ["cnn", "resnet"]},
        "model.dense_units": {"choices": [32, 64, 128], "kinds": ["cnn"]},
        "train.learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    }
    space = Space(changed(default_params, {"tune.space": searched}))
    study = optuna.create_study()
    for number in range(12):
        values = space.draw(study, optuna.samplers.RandomSampler(seed=number), number)
        study.add_trial(ended(values, float(number), space=space.distributions))
    for seed in range(8):
        values = space.draw(study, GaussianProcessSampler(seed, 3, space.distributions, space.active_values), 12)
        assert ("model.dense_units" in values) == (values["model.kind"] == "cnn")
        assert {"model.kind", "train.learning_rate"} <= set(values)
