"""Hundreds of SIGKILLs: at every statement that a search writes with, and at random moments; `make soak` runs them."""

import random
import signal
import subprocess
import sys
import time

import pytest

from glyphline import tuning
from tests.conftest import ROOT, environment
from tests.forks import forked
from tests.kills import killed_and_resumed, killed_at_random, resumed, states
from tests.searches import Death, check_journal, check_sound, light, recorded, run, trials, writes
from tests.waiting import until

PARAMS = light(finalists=2, seeds=2)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The search without a kill, and how many statements it writes with."""
    folder = tmp_path_factory.mktemp("unbroken")
    count = writes(lambda: run(PARAMS, folder / "optuna.db"))
    return run(PARAMS, folder / "optuna.db"), trials(folder / "optuna.db"), count


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("after", [False, True])
def test_a_search_killed_at_any_statement_ends_as_if_it_had_not_been(after, unbroken, tmp_path):
    result, ended, count = unbroken
    assert count > 100
    for at in range(count):
        folder = tmp_path / str(at)
        folder.mkdir()
        database = folder / "optuna.db"

        def doomed(database=database, at=at):
            Death(after=after, at=at).install()
            run(PARAMS, database)

        assert forked(doomed) == -signal.SIGKILL
        assert run(PARAMS, database) == result
        assert trials(database) == ended
    print(f"{count} SIGKILLs {'after' if after else 'before'} a statement")


@pytest.mark.timeout(3000)
def test_a_search_killed_again_and_again_meets_its_budget(tmp_path):
    rng, kills = random.Random(11), 0
    for lap in range(20):
        folder = tmp_path / str(lap)
        folder.mkdir()
        database = folder / "optuna.db"
        for _ in range(4):
            death = Death(after=rng.random() < 0.5, at=rng.randrange(3, 40))

            def doomed(death=death, database=database, folder=folder):
                death.install()
                recorded(light(trials=12), database, folder)

            before = trials(database)
            kills += forked(doomed) == -signal.SIGKILL
            assert len(trials(database)) >= len(before)
        resumed(light(trials=12), database, folder)
    assert kills >= 60
    print(f"{kills} SIGKILLs in 20 searches")


@pytest.mark.timeout(3000)
def test_processes_killed_at_random_moments_lose_nothing(tmp_path):
    rng, kills = random.Random(12), 0
    for lap in range(5):
        folder = tmp_path / str(lap)
        folder.mkdir()
        database, budget = folder / "optuna.db", 40
        for _ in range(6):
            kills += killed_at_random(database, folder, budget, 2, rng)
        resumed(light(trials=budget, workers=2), database, folder)
    assert kills >= 20
    print(f"{kills} SIGKILLs of a scheduler with two workers")


def test_a_journal_matches_after_a_kill_at_every_tenth_statement(tmp_path):
    for at in range(0, 80, 10):
        folder = tmp_path / str(at)
        folder.mkdir()
        killed_and_resumed(light(), folder / "optuna.db", folder, Death(after=True, at=at))


@pytest.mark.timeout(3000)
def test_a_shared_study_killed_at_random_statements_meets_its_budget(postgresql_server, tmp_path):
    rng, kills = random.Random(13), 0
    for lap in range(5):
        url = postgresql_server.new_database(f"soak{lap}")
        params = light(trials=12, storage=url)
        location = tuning.study_location(params, tmp_path / "optuna.db", {})
        folder = tmp_path / str(lap)
        folder.mkdir()
        recorded(light(trials=1, storage=url), location, folder)
        for _ in range(6):
            death = Death(after=rng.random() < 0.5, at=rng.randrange(20))

            def doomed(death=death, params=params, location=location, folder=folder):
                death.install()
                recorded(params, location, folder)

            kills += forked(doomed) == -signal.SIGKILL
        resumed(params, location, folder)
    assert kills >= 20
    print(f"{kills} SIGKILLs of schedulers of a PostgreSQL study")


FITS = """
import sys
from pathlib import Path
if __name__ == "__main__":
    from functools import partial
    from tests.integration.test_search_fits import SMALL, fit_context
    from tests.searches import light, recorded
    from tests.conftest import changed
    from glyphline.tuning.trial import fit_candidate
    database, folder, budget = sys.argv[1:]
    params = changed(light(), SMALL | {"tune.trials": int(budget), "tune.finalists": 0})
    recorded(params, Path(database), Path(folder), fit_candidate, partial(fit_context, params))
"""


@pytest.mark.timeout(3000)
def test_real_fits_killed_ten_times_end_as_if_they_had_not_been(tmp_path):
    rng, kills, budget = random.Random(14), 0, 12
    (tmp_path / "fits.py").write_text(FITS)
    database = tmp_path / "killed.db"

    def start(database):
        command = [sys.executable, str(tmp_path / "fits.py"), str(database), str(tmp_path), str(budget)]
        return subprocess.Popen(command, cwd=ROOT, env=environment())

    while kills < 10:
        process = start(database)
        # Every process ends at least one trial, and is killed in a later one: no trial is killed twice.
        ended = len([state for state in states(database) if state != "RUNNING"])
        until(
            lambda process=process, ended=ended: (
                process.poll() is not None or len([state for state in states(database) if state != "RUNNING"]) > ended
            ),
            300,
        )
        time.sleep(rng.random() * 0.3)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        kills += 1
    before = trials(database)
    assert start(database).wait() == 0
    check_sound(trials(database), before, budget)
    check_journal(tmp_path, trials(database))
    assert start(tmp_path / "unbroken.db").wait() == 0
    assert trials(database) == trials(tmp_path / "unbroken.db")
    print(f"{kills} SIGKILLs of real fits")
