"""Trials that Optuna's own client puts into a study of ours: run as they were asked for, or refused in words."""

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from glyphline.tuning.trial_store import CLAIM, REASON
from tests import searches
from tests.searches import STUDY, Watched, light, run


@pytest.fixture
def database(tmp_path):
    """A study of ours with two trials."""
    run(light(trials=2), tmp_path / "optuna.db")
    return tmp_path / "optuna.db"


def client(database):
    return optuna.load_study(study_name=STUDY, storage=f"sqlite:///{database}")


def test_an_enqueued_trial_runs_with_the_values_asked_for_and_draws_the_rest(database):
    client(database).enqueue_trial({"train.learning_rate": 0.00123, "model.dense_units": 256})
    watched = Watched()
    result = run(light(trials=4), database, watched)
    values = watched.trials[2]["values"]
    assert (values["train.learning_rate"], values["model.dense_units"]) == (0.00123, 256)
    assert 0 <= values["model.dropout"] <= 0.5
    trials = searches.trials(database)
    assert [trial.state in {"COMPLETE", "PRUNED"} for trial in trials] == [True] * 4
    assert dict(trials[2].params) == values
    assert result.complete + result.pruned == 4


def test_a_waiting_trial_that_was_added_with_its_parameters_runs_with_them(database):
    study = client(database)
    first = study.trials[0]
    params = {**first.params, "model.dropout": 0.0625}
    study.add_trial(create_trial(state=TrialState.WAITING, params=params, distributions=first.distributions))
    watched = Watched()
    run(light(trials=3), database, watched)
    assert watched.trials[2]["values"] == params


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"train.learning_rate": 0.9}, "train.learning_rate=0.9 lies outside of tune.space"),
        ({"model.dense_units": 100}, "model.dense_units=100 lies outside of tune.space"),
        ({"learning_rate": 0.003}, "learning_rate is not in tune.space"),
        ({"train.learning_rate": "high"}, "train.learning_rate='high' lies outside of tune.space"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_values_that_are_none_of_the_space_fail_the_trial_with_the_reason(database, asked, reason, caplog):
    client(database).enqueue_trial(asked)
    watched = Watched()
    run(light(trials=4), database, watched)
    refused = client(database).trials[2]
    assert (refused.state, refused.user_attrs[REASON]) == (TrialState.FAIL, reason)
    assert any(reason in line for line in caplog.messages)
    assert watched.trials[2]["end"] == ("FAIL", None, reason)
    assert watched.trials[3]["end"][0] in {"COMPLETE", "PRUNED"}


def test_a_trial_enqueued_beyond_the_budget_waits_for_a_larger_one_and_that_is_said(database, caplog):
    client(database).enqueue_trial({"model.dropout": 0.03125})
    run(light(trials=2), database)
    assert client(database).trials[2].state == TrialState.WAITING
    assert any("enqueued beyond the 2 trials" in line for line in caplog.messages)
    watched = Watched()
    run(light(trials=3), database, watched)
    assert watched.trials[2]["values"]["model.dropout"] == 0.03125


def test_a_trial_that_another_program_runs_is_not_taken_over_with_values_that_it_never_had(database, caplog):
    client(database).ask()
    run(light(trials=4), database)
    foreign = client(database).trials[2]
    assert foreign.state == TrialState.FAIL
    assert "another program started it" in foreign.user_attrs[REASON]
    assert "enqueue" in foreign.user_attrs[REASON]


def test_a_trial_that_is_enqueued_while_another_one_is_started_does_not_change_its_number(database):
    from glyphline.tuning.trial_store import TrialStore

    study = client(database)
    store = TrialStore(study)
    count = len(store.trials())
    original = study._storage.create_new_trial

    class Interfering:
        """Enqueues a trial just before each that is made."""

        def __getattr__(self, name):
            return getattr(study._storage, name)

        def create_new_trial(self, *arguments, **named):
            client(database).enqueue_trial({"model.dropout": 0.25})
            return original(*arguments, **named)

    store._storage = Interfering()
    values, distributions = study.trials[0].params, study.trials[0].distributions
    number = store.add(values, distributions, "me", "worker")
    assert number == count + 1
    assert study.get_trials()[number].user_attrs[CLAIM]["owner"] == "me"
