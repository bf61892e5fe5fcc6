"""The search against a real Optuna database, with a light stand-in for the fit."""

import json
import os
import signal
import sqlite3
import time
from contextlib import closing

import optuna
import pytest

from glyphline import tuning
from glyphline.errors import SearchError, TrainingError
from glyphline.tuning.launchers import WorkerSetup, choose_launcher
from glyphline.tuning.overview import study_names, study_overview
from glyphline.tuning.storage import storage_errors
from tests.searches import STUDY, Watched, bowl, leaking_bowl, light, nothing, run, trials


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    database = tmp_path_factory.mktemp("study") / "optuna.db"
    watched = Watched()
    return run(light(), database, watched), watched, database


def test_trial_0_is_params_yaml(finished):
    _, watched, _ = finished
    flat = light().flat()
    assert watched.trials[0]["values"] == {key: flat[key] for key in light().tune.space}


def test_the_winner_has_the_lowest_loss_and_is_never_worse_than_params_yaml(finished):
    result, watched, _ = finished
    complete = [trial["end"][1] for trial in watched.trials.values() if trial["end"][0] == "COMPLETE"]
    assert result.val_loss == min(complete) <= watched.trials[0]["end"][1]
    assert result.values == watched.trials[result.number]["values"]


def test_a_worker_that_has_grown_is_replaced_between_two_trials(finished, tmp_path):
    result, _, _ = finished
    watched = Watched()
    again = run(light(launcher="processes"), tmp_path / "optuna.db", watched, leaking_bowl)
    workers = [trial["worker"] for trial in watched.trials.values()]
    # Each leaves after its third trial: 600 MB more than after its first.
    assert [workers.index(name) for name in workers] == [0, 0, 0, 3, 3, 3]
    assert again.rows == result.rows
    assert {trial.attempt for trial in trials(tmp_path / "optuna.db")} == {1}


@pytest.mark.parametrize(
    ("values", "kind"),
    [({"trials": 50}, "Inline"), ({"trials": 51}, "ProcessWorkers"), ({"workers": 2}, "ProcessWorkers")],
)
def test_a_long_search_runs_in_another_process_because_this_one_would_grow(values, kind):
    assert type(choose_launcher(WorkerSetup(light(), nothing, bowl), light(**values).tune)).__name__ == kind


def never():
    raise AssertionError("a finished search must not train")


def test_the_budget_is_a_total_over_all_runs(finished):
    result, _, database = finished
    assert result.complete + result.pruned + result.failed == 6
    again = Watched()
    assert run(light(), database, again, prepare=never) == result
    assert sorted(again.trials) == list(range(6))
    assert {trial["end"][0] for trial in again.trials.values()} == {"COMPLETE", "PRUNED"}


def test_the_same_seed_searches_the_same(finished, tmp_path):
    result, _, _ = finished
    assert run(light(), tmp_path / "optuna.db").rows == result.rows


def test_a_search_in_parts_is_the_search_in_one(finished, tmp_path):
    result, _, _ = finished
    for budget in (1, 3, 5):
        run(light(trials=budget), tmp_path / "optuna.db")
    assert run(light(), tmp_path / "optuna.db").rows == result.rows


# Of the twelve pairs those that differ: a sampler that learns meets every way of pruning that leaves it other trials.
@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [
        *(("tpe", pruner) for pruner in ("median", "halving", "hyperband", "none")),
        *(("gp", pruner) for pruner in ("median", "halving")),
        ("random", "hyperband"),
    ],
)
def test_every_sampler_and_pruner_gives_the_same_search_in_parts(sampler, pruner, tmp_path):
    values = {"sampler": sampler, "pruner": pruner, "trials": 14, "epochs": 9}
    watched = Watched()
    whole = run(light(**values), tmp_path / "whole.db", watched)
    run(light(**values | {"trials": 8}), tmp_path / "parts.db")
    assert run(light(**values), tmp_path / "parts.db").rows == whole.rows
    assert bool(whole.pruned) == (pruner != "none")
    lengths = {len(trial["epochs"]) for trial in watched.trials.values() if trial["end"][0] == "PRUNED"}
    assert max(lengths, default=0) < 9, "a trial that has had its last epoch is a whole one"


@pytest.mark.parametrize("values", [{}, {"finalists": 2, "seeds": 2}, {"objectives": ("val_loss", "model_size")}])
def test_a_lower_budget_chooses_among_its_own_trials(values, tmp_path):
    run(light(trials=14, **values), tmp_path / "optuna.db")
    small = light(trials=4, **values)
    assert run(small, tmp_path / "optuna.db") == run(small, tmp_path / "fresh.db")


def test_two_workers_meet_the_budget_and_say_which_of_them_ran_a_trial(tmp_path):
    watched = Watched()
    result = run(light(workers=2, trials=8), tmp_path / "optuna.db", watched)
    assert result.complete + result.pruned == 8
    assert len({trial["worker"] for trial in watched.trials.values()} - {""}) in {1, 2}


def diverging(params, spec, fit_context, *, on_epoch):
    if spec.number == 1:
        raise TrainingError("epoch 1: loss nan, val_loss nan", fix="lower train.learning_rate")
    if spec.number == 2:
        raise MemoryError
    return bowl(params, spec, fit_context, on_epoch=on_epoch)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_candidate_that_diverges_or_needs_too_much_memory_is_failed_and_the_search_goes_on(workers, tmp_path):
    watched = Watched()
    result = run(light(workers=workers), tmp_path / "optuna.db", watched, diverging)
    assert (result.failed, result.complete + result.pruned) == (2, 4)
    assert watched.trials[1]["end"] == ("FAIL", None, "epoch 1: loss nan, val_loss nan")
    assert watched.trials[2]["end"] == ("FAIL", None, "out of memory: MemoryError")


def broken(params, spec, fit_context, *, on_epoch):
    raise ZeroDivisionError("ours")


@pytest.mark.parametrize(("workers", "error"), [(1, ZeroDivisionError), (2, RuntimeError)])
def test_a_mistake_of_ours_is_recorded_and_raised_with_its_traceback(workers, error, tmp_path):
    watched = Watched()
    with pytest.raises(error, match="ours"):
        run(light(workers=workers), tmp_path / "optuna.db", watched, broken)
    ends = {number: trial["end"] for number, trial in watched.trials.items()}
    failed = [number for number, end in ends.items() if end == ("FAIL", None, "ZeroDivisionError('ours')")]
    # Of two workers, either may be the first whose trial fails; the other trial is given back.
    assert failed == [0] or (workers == 2 and failed == [1])
    states = [trial.state for trial in trials(tmp_path / "optuna.db")]
    assert states.count("FAIL") == 1
    assert "RUNNING" not in states


class FullDisk(Watched):
    """A watcher whose disk is full at the second epoch of trial 1."""

    def begin(self, name, number, values, worker):
        watched = super().begin(name, number, values, worker)
        if number == 1:
            write = watched.epoch

            def epoch(epoch, metrics):
                if epoch == 1:
                    raise OSError(28, "No space left on device")
                write(epoch, metrics)

            watched.epoch = epoch
        return watched


@pytest.mark.parametrize("workers", [1, 2])
def test_a_trial_is_not_lost_when_it_cannot_be_written_down(workers, tmp_path):
    with pytest.raises(OSError, match="No space left"):
        run(light(workers=workers), tmp_path / "optuna.db", FullDisk())
    assert trials(tmp_path / "optuna.db")[1].state == "WAITING"
    assert run(light(), tmp_path / "optuna.db").failed == 0
    assert {trial.attempt for trial in trials(tmp_path / "optuna.db")} == {1}


def dying_after_ctrl_c(params, spec, fit_context, *, on_epoch):
    if spec.number == 1 and "BOWL_SCHEDULER" in os.environ:
        os.kill(int(os.environ["BOWL_SCHEDULER"]), signal.SIGINT)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return bowl(params, spec, fit_context, on_epoch=on_epoch)


def test_a_trial_whose_worker_dies_after_ctrl_c_is_not_left_open(tmp_path, monkeypatch):
    monkeypatch.setenv("BOWL_SCHEDULER", str(os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        run(light(launcher="processes"), tmp_path / "optuna.db", objective=dying_after_ctrl_c)
    assert [trial.state for trial in trials(tmp_path / "optuna.db")] == ["COMPLETE", "WAITING"]
    monkeypatch.delenv("BOWL_SCHEDULER")
    whole = run(light(), tmp_path / "optuna.db", objective=dying_after_ctrl_c)
    assert whole.failed == 0
    assert [trial.attempt for trial in trials(tmp_path / "optuna.db")] == [1, 2, 1, 1, 1, 1]


def refusing():
    raise TrainingError("train.precision=bfloat16, and there is none", fix="set train.precision to auto")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_machine_that_cannot_train_is_shown_as_raised_and_costs_no_trial(workers, tmp_path):
    with pytest.raises(TrainingError, match="bfloat16") as caught:
        run(light(workers=workers), tmp_path / "optuna.db", prepare=refusing)
    assert caught.value.fix == "set train.precision to auto"
    assert run(light(), tmp_path / "optuna.db").failed == 0


def failing_prepare():
    raise ZeroDivisionError("ours")


def test_a_mistake_before_the_first_trial_is_raised_with_the_workers_traceback(tmp_path):
    with pytest.raises(RuntimeError, match="ours"):
        run(light(workers=2), tmp_path / "optuna.db", prepare=failing_prepare)


def test_time_is_a_total_over_all_runs_too(tmp_path):
    assert len(run(light(timeout_s=1e-9), tmp_path / "optuna.db").rows) == 1
    assert len(run(light(timeout_s=1e-9), tmp_path / "optuna.db", prepare=never).rows) == 1


def never_finite(params, spec, fit_context, *, on_epoch):
    raise TrainingError("too wide" if spec.number == 2 else "the fit diverged", fix="")


def test_when_all_trials_fail_the_error_gives_the_most_common_reason(tmp_path):
    with pytest.raises(SearchError, match=r"none of 6 trials .*6 fail.*5 times\): the fit diverged"):
        run(light(), tmp_path / "optuna.db", objective=never_finite)


def too_large(params, spec, fit_context, *, on_epoch):
    size = params.flat() | dict(spec.values)
    if size["model.dense_units"] > params.tune.max_parameters:
        surplus = size["model.dense_units"] / params.tune.max_parameters - 1
        raise tuning.TooLargeError("tune.max_parameters", surplus, "too many parameters")
    return bowl(params, spec, fit_context, on_epoch=on_epoch)


def test_a_limit_is_kept_by_the_winner_and_learnt_by_the_sampler(tmp_path):
    result = run(light(max_parameters=64, trials=20), tmp_path / "optuna.db", objective=too_large)
    assert result.values["model.dense_units"] == 64
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    beyond = [trial for trial in study.trials if trial.constraints.get("tune.max_parameters", 0) > 0]
    assert beyond
    # The sampler draws the sizes that are too large less often than blindly, two times in three.
    assert len([trial for trial in beyond if trial.number >= 8]) < 8


def test_nothing_within_a_limit_names_the_limit(tmp_path):
    with pytest.raises(SearchError, match="too many parameters") as caught:
        run(light(max_parameters=1), tmp_path / "optuna.db", objective=too_large)
    assert "tune.max_parameters" in caught.value.fix


def test_two_objectives_give_a_front_whose_points_no_other_beats(tmp_path):
    result = run(light(objectives=("val_loss", "model_size"), trials=15), tmp_path / "optuna.db")
    assert result.pruned == 0
    points = [(row["best_val_loss"], row["model_size"]) for row in result.front]
    assert len(points) > 1
    assert points == sorted(points)
    assert [size for _, size in points] == sorted((size for _, size in points), reverse=True)
    assert result.val_loss == points[0][0]
    everything = [(row["best_val_loss"], row["model_size"]) for row in result.rows]
    assert not [p for p in points if any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in everything)]


@pytest.mark.parametrize("workers", [1, 2])
def test_finalists_are_fitted_again_with_the_same_fresh_seeds_at_full_length(workers, tmp_path):
    watched = Watched()
    result = run(light(finalists=2, seeds=3, workers=workers), tmp_path / "optuna.db", watched)
    assert len(watched.finalists) == 6
    assert {len(trial["epochs"]) for trial in watched.finalists.values()} == {light().train.epochs}
    first, second = result.rechecked
    assert (first.mean, first.finalist.number) <= (second.mean, second.finalist.number)
    assert result.number == first.finalist.number
    assert first.shrinkage == first.mean - first.finalist.val_loss
    assert first.spread > 0
    again = Watched()
    assert run(light(finalists=2, seeds=3), tmp_path / "optuna.db", again, prepare=never) == result
    assert sorted(again.finalists) == list(range(6))


def lucky(params, spec, fit_context, *, on_epoch):
    """Trial 1 looks best in the search, and is not with other seeds."""
    values = bowl(params, spec, fit_context, on_epoch=on_epoch)
    is_search = spec.epochs is not None
    return values | {"val_loss": 0.0} if is_search and spec.number == 1 else values


def test_a_lucky_trial_does_not_win_against_its_own_re_check(tmp_path):
    plain = run(light(), tmp_path / "a.db", objective=lucky)
    checked = run(light(finalists=3, seeds=2), tmp_path / "b.db", objective=lucky)
    assert plain.number == 1
    assert checked.number != 1
    assert next(one for one in checked.rechecked if one.finalist.number == 1).shrinkage > 0.1


def test_the_best_of_an_earlier_study_are_tried_after_params_yaml(finished, tmp_path):
    earlier, _, database = finished
    target = tmp_path / "optuna.db"
    with sqlite3.connect(database) as source, sqlite3.connect(target) as copy:
        source.backup(copy)
    params = light(warm_start=STUDY, trials=4)
    result = tuning.search(
        params, "next", tuning.StudyLocation(target), Watched(), never_needed, identity={}, objective=bowl
    )
    best = sorted((row for row in earlier.rows if row["state"] == "COMPLETE"), key=lambda row: row["best_val_loss"])[:2]
    tried = [{key: row[key] for key in params.tune.space} for row in result.rows]
    assert tried[1:3] == [{key: row[key] for key in params.tune.space} for row in best]


def never_needed():
    """The stand-in needs no device."""


def test_the_error_for_a_missing_earlier_study_lists_the_existing_ones(tmp_path):
    run(light(trials=1), tmp_path / "optuna.db")
    params = light(warm_start="nobody")
    with pytest.raises(SearchError, match="no study of that name") as caught:
        tuning.search(params, "n", tuning.StudyLocation(tmp_path / "optuna.db"), Watched(), never, identity={})
    assert STUDY in caught.value.fix


def test_a_study_of_the_same_name_and_other_data_is_refused_with_the_difference(finished):
    _, _, database = finished
    with pytest.raises(SearchError, match=r'data\.train "a" there, "b" now') as caught:
        run(light(), database, identity={"data.train": "b", "seed": 42})
    assert "another name" in caught.value.fix


@pytest.fixture(params=[("minimize", 1), ("maximize", 0), ("maximize", 2)], ids=str)
def foreign(tmp_path, request):
    """A database with a study of another program's, of the same name as ours; its direction and number of trials."""
    direction, count = request.param
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    study = optuna.create_study(study_name=STUDY, storage=url, direction=direction)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=count)
    return tmp_path / "optuna.db", url


def test_another_programs_study_is_refused_and_left_as_it_is(foreign):
    database, url = foreign
    with pytest.raises(SearchError, match="another program") as caught:
        run(light(), database)
    assert "tune.study" in caught.value.fix
    assert optuna.load_study(study_name=STUDY, storage=url).user_attrs == {}


def test_another_programs_study_is_no_warm_start(foreign):
    database, _ = foreign
    with pytest.raises(SearchError, match=rf"tune\.warm_start={STUDY}.* another program"):
        tuning.search(light(warm_start=STUDY), "next", tuning.StudyLocation(database), Watched(), never, identity={})


def test_another_programs_study_is_shown_without_a_winner(foreign):
    database, _ = foreign
    assert study_overview(tuning.StudyLocation(database), STUDY).front == ()


def test_more_objectives_than_a_study_has_are_refused_before_anything_is_written(tmp_path):
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    optuna.create_study(study_name=STUDY, storage=url)
    with pytest.raises(SearchError, match=r"has 1 objectives, and tune\.objectives 2"):
        run(light(objectives=("val_loss", "model_size")), tmp_path / "optuna.db")
    assert optuna.load_study(study_name=STUDY, storage=url).user_attrs == {}


def test_a_study_with_the_word_of_a_re_check_in_its_name_is_shown(tmp_path):
    location = tuning.StudyLocation(tmp_path / "optuna.db")
    names_given = ("mnist-finalists-only", "b-finalists-abcdef")
    for name in names_given:
        tuning.search(light(trials=1, finalists=1), name, location, Watched(), nothing, identity={}, objective=bowl)
    assert study_names(location) == list(names_given)
    assert study_overview(location, names_given[0]).states == {"complete": 1}


def test_the_settings_of_the_sampler_are_kept_with_the_study(finished):
    _, _, database = finished
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{database}")
    assert study.user_attrs["settings"] == {
        "optuna": optuna.__version__,
        "sampler": "tpe",
        "seed": 42,
        "pruner": "median",
        "startup_trials": 2,
        "multivariate": True,
        "group": False,
        "constant_liar": True,
        "warmup_steps": 0,
    }


@pytest.mark.parametrize("content", [b"<html>not a database</html>" * 50, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_database_is_named(tmp_path, content):
    (tmp_path / "optuna.db").write_bytes(content)
    with pytest.raises(SearchError, match=r"optuna\.db") as caught:
        run(light(), tmp_path / "optuna.db")
    assert "move optuna.db away" in caught.value.fix


@pytest.fixture
def ended(tmp_path):
    """The file of a study whose trials have ended."""
    database = tmp_path / "optuna.db"
    run(light(trials=3), database)
    return database


def changed(database, statement):
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement).rowcount


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial_values SET value = value / 2 WHERE trial_id = 2",
        "UPDATE trial_params SET param_value = param_value / 2 WHERE trial_id = 2 AND param_name = 'model.dropout'",
        "UPDATE trial_intermediate_values SET intermediate_value = 0.001 WHERE trial_id = 2 AND step = 1",
        "UPDATE trial_user_attributes SET value_json = replace(value_json, '0.9', '0.8') WHERE key = 'measured'",
        "UPDATE trial_user_attributes SET value_json = '{0.8' WHERE key = 'measured'",
        "UPDATE trial_user_attributes SET value_json = CAST(x'7bff' AS TEXT) WHERE key = 'measured'",
        "UPDATE trials SET state = 'COMPLETF' WHERE trial_id = 2",
        "UPDATE trials SET number = 3 WHERE trial_id = 2",
        "UPDATE trials SET datetime_complete = '2026-13-30' WHERE trial_id = 2",
        "UPDATE study_user_attributes SET value_json = '{' WHERE key = 'identity'",
    ],
)
def test_a_changed_value_of_an_ended_trial_is_named_and_used_by_nothing(ended, statement):
    changed(ended, statement)
    named = rf"optuna\.db cannot be used: (.* of (a study|study {STUDY})|Could not decode)"
    for use in (lambda: run(light(trials=4), ended), lambda: study_overview(tuning.StudyLocation(ended), STUDY)):
        with pytest.raises(SearchError, match=named) as caught:
            use()
        assert caught.value.fix == "move optuna.db away; the search then starts from the beginning"


def test_a_study_of_a_release_without_seals_goes_on(ended):
    before = trials(ended)
    changed(ended, "DELETE FROM trial_user_attributes WHERE key = 'seal'")
    assert run(light(trials=4), ended).complete + run(light(trials=4), ended).pruned
    assert trials(ended)[:3] == before


def test_an_index_that_differs_from_its_table_is_noticed(ended):
    changed(ended, "UPDATE studies SET study_name = 'spheres'")
    content = ended.read_bytes()
    # Once in the table and once in the index.
    assert content.count(b"spheres") == 2
    ended.write_bytes(content.replace(b"spheres", b"sphares", 1))
    with pytest.raises(SearchError, match="index"):
        run(light(trials=4), ended)


def test_a_sound_database_that_refuses_is_not_to_be_moved_away(tmp_path):
    database = tmp_path / "optuna.db"
    run(light(trials=1), database)
    reader = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    with (
        closing(reader),
        pytest.raises(SearchError, match="readonly") as caught,
        storage_errors(tuning.StudyLocation(database)),
    ):
        reader.execute("DELETE FROM trials")
    assert "away" not in caught.value.fix
    assert "nothing of the study is lost" in caught.value.fix


@pytest.mark.parametrize("folder", ["50%20off", "what?#x"])
def test_a_project_may_lie_in_a_folder_with_signs_of_an_address(folder, tmp_path):
    database = tmp_path / folder / "optuna.db"
    first = run(light(trials=1), database)
    assert database.exists()
    assert run(light(trials=1), database, prepare=never) == first


@pytest.mark.parametrize("name", ["mnist/a", "\u00e4" * 200])
def test_a_study_may_have_a_name_that_no_file_can_have(name, tmp_path):
    location = tuning.StudyLocation(tmp_path / "optuna.db")
    result = tuning.search(light(trials=1), name, location, Watched(), nothing, identity={}, objective=bowl)
    assert result.study == name


def test_another_programs_database_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "optuna.db") as database:
        database.execute("CREATE TABLE experiments (id INTEGER)")
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
    with pytest.raises(SearchError, match="another program's tables") as caught:
        run(light(), tmp_path / "optuna.db")
    assert "of their own" in caught.value.fix
    with sqlite3.connect(tmp_path / "optuna.db") as database:
        assert database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (2,)


def test_the_error_for_an_older_schema_gives_the_command_that_upgrades_it(tmp_path):
    database = tmp_path / "optuna.db"
    run(light(trials=1), database)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v3.0.0.d'")
    with pytest.raises(SearchError, match=r"v3\.0\.0\.d") as caught:
        run(light(), database)
    assert "optuna storage upgrade" in caught.value.fix


@pytest.mark.parametrize(
    "storage",
    ["mysql://ann:secret@host/db", "ann:secret@host/db", "postgresql:/ann:secret@host", "host/db", "sqlite:///x.db"],
)
def test_a_storage_that_is_no_postgresql_is_refused_without_its_password(storage, tmp_path):
    with pytest.raises(SearchError, match="no PostgreSQL") as caught:
        tuning.study_location(light(storage=storage), tmp_path / "optuna.db", {})
    assert "secret" not in f"{caught.value.problem}{caught.value.fix}"


@pytest.mark.parametrize(
    "storage",
    [
        "postgresql://ann:secret@localhost:abc/db",
        "postgresql://ann:p@ss:secret@localhost/db",
        "postgresql://ann:p@secret@localhost/db",
        "postgresql://ann:p secret@localhost/db",
        "postgresql://ann:p@secret\n",
    ],
)
def test_a_storage_that_cannot_be_read_is_refused_without_its_password(storage, tmp_path):
    with pytest.raises(SearchError, match="cannot be read") as caught:
        tuning.study_location(light(), tmp_path / "optuna.db", {"GLYPHLINE_STUDY_URL": storage})
    assert "secret" not in f"{caught.value.problem}{caught.value.fix}"
    assert "%40" in caught.value.fix
    assert caught.value.__context__ is None


@pytest.mark.parametrize("password", ["s3cr/et", "s3cr%2Fet", "s3cr'et", 's3cr"et', "<s3cr>et", "s3cr:et", "s3cr?et"])
def test_a_password_with_signs_in_it_is_not_shown(password, tmp_path):
    location = tuning.study_location(
        light(storage=f"postgresql://ann:{password}@localhost:1/db"), tmp_path / "optuna.db", {}
    )
    with pytest.raises(SearchError, match="cannot be used") as caught:
        run(light(), location)
    assert "s3cr" not in f"{caught.value.problem}{caught.value.fix}{location}{location!r}"
    assert str(location) == "postgresql://***@localhost:1/db"


def test_values_and_rows_can_be_written_as_json(finished):
    result, _, _ = finished
    assert json.loads(json.dumps(result.values)) == result.values
    assert "trial,state,best_val_loss,epochs,train.learning_rate" in tuning.tables(result)["trials.csv"]
