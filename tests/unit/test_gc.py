"""Which runs `glyphline gc` would take away."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from glyphline.commands.gc import planned
from glyphline.mlflow_sync.store_contents import StoredRun


def stored(number: int, experiment: str = "digits", parent: str | None = None, **fields) -> StoredRun:
    known = {"is_running": False, "folder": Path(f"/runs/{number}"), "models": ((f"m{number}", None),)}
    return StoredRun(run_id=f"r{number}", experiment=experiment, start_ms=number, parent=parent, **(known | fields))


def names(plan) -> set[str]:
    return {run.run_id for run in plan.runs}


NOBODY: frozenset[str] = frozenset()


def test_the_newest_of_each_experiment_stay():
    runs = [stored(n) for n in range(1, 5)] + [stored(9, "mnist")]
    assert names(planned(runs, NOBODY, NOBODY, keep=2)) == {"r1", "r2"}


def test_what_a_version_or_a_history_refers_to_stays_however_old():
    runs = [stored(n) for n in range(1, 5)]
    plan = planned(runs, frozenset({"r1"}), frozenset({"m2"}), keep=0)
    assert names(plan) == {"r3", "r4"}
    assert plan.kept_runs == 2


def test_trials_go_with_their_study_and_count_for_nothing():
    study, trials = stored(1, "digits/tuning"), [stored(n, "digits/tuning", parent="r1") for n in (2, 3)]
    assert names(planned([study, *trials], NOBODY, NOBODY, keep=1)) == set()
    assert names(planned([study, *trials], NOBODY, NOBODY, keep=0)) == {"r1", "r2", "r3"}


def test_histories_and_running_runs_stay():
    runs = [stored(1, "registry"), stored(2, is_running=True)]
    assert names(planned(runs, NOBODY, NOBODY, keep=0)) == set()


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.sampled_from(["a", "a/tuning", "registry"]), st.booleans()),
        unique_by=lambda made: made[0],
    ),
    st.frozensets(st.sampled_from([f"r{n}" for n in range(31)])),
    st.frozensets(st.sampled_from([f"m{n}" for n in range(31)])),
    st.integers(0, 5),
)
def test_nothing_that_is_referred_to_ever_goes(made, referred, models, keep):
    runs = [stored(number, experiment, is_running=running) for number, experiment, running in made]
    plan = planned(runs, referred, models, keep)
    assert not names(plan) & referred
    assert not {model for run in plan.runs for model, _ in run.models} & models
    assert all(run.experiment != "registry" and not run.is_running for run in plan.runs)


def test_a_study_that_runs_keeps_its_trials():
    study = stored(1, "digits/tuning", is_running=True)
    trials = [stored(number, "digits/tuning", parent="r1") for number in (2, 3)]
    assert names(planned([study, *trials], NOBODY, NOBODY, keep=0)) == set()


def test_a_study_one_of_whose_trials_is_referred_to_stays_with_all_its_trials():
    study = stored(1, "digits/tuning")
    trials = [stored(number, "digits/tuning", parent="r1") for number in (2, 3)]
    for referred, models in ((frozenset({"r2"}), NOBODY), (NOBODY, frozenset({"m2"}))):
        plan = planned([study, *trials], referred, models, keep=0)
        assert names(plan) == set()
        assert plan.kept_runs == 1


def test_a_trial_that_runs_stays_when_its_study_goes():
    study = stored(1, "digits/tuning")
    trials = [stored(2, "digits/tuning", parent="r1"), stored(3, "digits/tuning", parent="r1", is_running=True)]
    assert names(planned([study, *trials], NOBODY, NOBODY, keep=0)) == {"r1", "r2"}
