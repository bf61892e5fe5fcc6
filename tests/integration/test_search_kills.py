"""Searches killed for real: the quick part. `make soak` kills at every statement and hundreds of random moments."""

import dataclasses
import os
import random
import re
import signal
import sqlite3

import pytest

from glyphline.tuning.trial_store import TrialClaim
from tests.forks import forked
from tests.kills import (
    POINTS,
    RESTART,
    children,
    dies_first,
    killed_and_resumed,
    killed_at_random,
    start,
    states,
)
from tests.searches import check_journal, check_sound, light, recorded, run, trials
from tests.waiting import until


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    database = tmp_path_factory.mktemp("unbroken") / "optuna.db"
    run(light(), database)
    return trials(database)


@pytest.mark.parametrize("point", POINTS)
def test_a_search_killed_at_a_named_point_ends_as_if_it_had_not_been(point, unbroken, tmp_path):
    killed_and_resumed(light(), tmp_path / "optuna.db", tmp_path, dataclasses.replace(POINTS[point]))
    assert trials(tmp_path / "optuna.db") == unbroken


@pytest.mark.parametrize("after", [False, True])
def test_a_search_killed_while_a_dead_trial_is_restarted_counts_the_attempt_or_not_but_never_loses_it(
    after, unbroken, tmp_path
):
    database = tmp_path / "optuna.db"
    first = dataclasses.replace(POINTS["during a report"])
    second = dataclasses.replace(RESTART, after=after)
    for death in (first, second):

        def doomed(death=death):
            death.install()
            run(light(), database)

        assert forked(doomed) == -signal.SIGKILL
    before = trials(database)
    run(light(), database)
    check_sound(trials(database), before, 6)
    assert trials(database) == unbroken


def test_a_trial_whose_process_died_twice_is_failed_and_the_search_goes_on(tmp_path):
    database = tmp_path / "optuna.db"
    for _ in range(2):

        def doomed():
            dataclasses.replace(POINTS["during a report"], at=0).install()
            run(light(), database)

        assert forked(doomed) == -signal.SIGKILL
    result = run(light(), database)
    assert (result.rows[0]["state"], result.failed) == ("FAIL", 1)
    with sqlite3.connect(database) as connection:
        reasons = connection.execute("SELECT value_json FROM trial_user_attributes WHERE key = 'reason'").fetchall()
    assert ('"its process died 2 times"',) in reasons


def test_a_worker_that_dies_costs_one_attempt_of_one_trial(tmp_path, monkeypatch):
    monkeypatch.setenv("BOWL_MARKS", str(tmp_path))
    database = tmp_path / "optuna.db"
    result = recorded(light(workers=2, pruner="none"), database, tmp_path, dies_first)
    ended = trials(database)
    check_sound(ended, [], 6)
    check_journal(tmp_path, ended)
    attempts = [len(list(tmp_path.glob(f"{number}-*"))) for number in range(6)]
    assert attempts == [1, 2, 1, 2, 1, 2]
    assert [row["trial"] for row in result.rows if row["state"] == "FAIL"] == [3]


def test_workers_do_not_outlive_a_killed_scheduler_and_the_next_run_meets_the_budget(tmp_path):
    database, rng = tmp_path / "optuna.db", random.Random(3)
    deaths = sum(killed_at_random(database, tmp_path, 8, 2, rng) for _ in range(2))
    assert deaths
    before = trials(database)
    recorded(light(trials=8), database, tmp_path)
    check_sound(trials(database), before, 8)
    check_journal(tmp_path, trials(database))


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_lets_running_trials_end_and_begins_no_more(tmp_path, workers):
    database = tmp_path / "optuna.db"
    process = start(database, tmp_path, 30, workers, BOWL_EPOCH_S="0.2")
    until(lambda: states(database).count("RUNNING") == workers)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=30)[1]
    assert process.returncode in {1, 130, -signal.SIGINT}
    # The search itself raises it, after its trials have ended; nothing else went wrong in any process.
    assert error.count("Traceback (most recent call last)") == 1
    assert re.search(
        r'tuning/interrupt\.py", line \d+, in \w+\n +raise KeyboardInterrupt\nKeyboardInterrupt\n\Z', error
    )
    assert "RUNNING" not in states(database)
    assert "WAITING" not in states(database)
    before = trials(database)
    assert 0 < len(before) < 30
    run(light(trials=len(before) + 2), database)
    check_sound(trials(database), before, len(before) + 2)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_or_sigterm_stops_at_once_and_releases_the_trials(tmp_path, first):
    database = tmp_path / "optuna.db"
    process = start(database, tmp_path, 30, 2, BOWL_EPOCH_S="30")
    until(lambda: states(database).count("RUNNING") == 2)
    os.killpg(process.pid, first)
    if first == signal.SIGINT:
        assert process.stderr is not None
        while "Ctrl-C again" not in process.stderr.readline():
            pass
        os.killpg(process.pid, first)
    process.communicate(timeout=5)
    until(lambda: not children(process), 5)
    assert states(database) == ["WAITING", "WAITING"]
    assert [trial.state for trial in trials(database)] == ["WAITING", "WAITING"]
    run(light(trials=3), database)
    assert {trial.state for trial in trials(database)} <= {"COMPLETE", "PRUNED"}
    import optuna

    kept = optuna.load_study(study_name="bowls", storage=f"sqlite:///{database}").get_trials()
    assert [TrialClaim.of(trial).attempt for trial in kept] == [1, 1, 1]
