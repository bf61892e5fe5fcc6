"""Hundreds of SIGKILLs: at every statement that a search writes with, and at random moments; `make soak` runs them."""

import random
import signal

import pytest

from tests.kills import killed_and_resumed, killed_at_random
from tests.searches import Death, check_journal, check_sound, forked, light, recorded, run, trials, writes

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
    outcome, found, count = unbroken
    assert count > 100
    for at in range(count):
        folder = tmp_path / str(at)
        folder.mkdir()
        database = folder / "optuna.db"

        def doomed(database=database, at=at):
            Death(after=after, at=at).install()
            run(PARAMS, database)

        assert forked(doomed) == -signal.SIGKILL
        assert run(PARAMS, database) == outcome
        assert trials(database) == found
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

            before = trials(database) if database.exists() else []
            kills += forked(doomed) == -signal.SIGKILL
            assert len(trials(database)) >= len(before)
        before = trials(database)
        recorded(light(trials=12), database, folder)
        check_sound(trials(database), before, 12)
        check_journal(folder, trials(database))
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
        before = trials(database) if database.exists() else []
        recorded(light(trials=budget, workers=2), database, folder)
        check_sound(trials(database), before, budget)
        check_journal(folder, trials(database))
    assert kills >= 20
    print(f"{kills} SIGKILLs of a desk with two workers")


def test_a_journal_matches_after_a_kill_at_every_tenth_statement(tmp_path):
    for at in range(0, 80, 10):
        folder = tmp_path / str(at)
        folder.mkdir()
        killed_and_resumed(light(), folder / "optuna.db", folder, Death(after=True, at=at))
