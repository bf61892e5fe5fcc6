"""Processes of several machines that share one study in a real PostgreSQL server."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from glyphline import tuning
from glyphline.errors import SearchError
from tests.conftest import ROOT, environment
from tests.searches import Watched, check_journal, check_sound, light, recorded, run, trials
from tests.servers import PASSWORD
from tests.waiting import until

PROGRAM = """
import os, sys
from pathlib import Path
if __name__ == "__main__":
    from tests.searches import STUDY, light, recorded, slow_bowl
    from glyphline import tuning
    folder, budget, workers = sys.argv[1:]
    params = light(trials=int(budget), workers=int(workers), storage=os.environ["BOWL_URL"])
    recorded(params, tuning.study_location(params, Path(folder) / "optuna.db"), Path(folder), slow_bowl)
"""


@pytest.fixture
def location(postgresql_server, tmp_path, request):
    name = f"study-{abs(hash(request.node.nodeid))}"
    url = postgresql_server.new_database(name)
    return tuning.study_location(light(storage=url), tmp_path / "optuna.db", {})


@pytest.fixture
def machine(tmp_path, location):
    """Starts a search in a folder of its own, as another machine would: `machine("a", budget=20)`."""
    started = []

    def start(name, budget, workers=1, epoch_s=0.02):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "program.py").write_text(PROGRAM)
        process = subprocess.Popen(
            [sys.executable, str(folder / "program.py"), str(folder), str(budget), str(workers)],
            cwd=ROOT,
            env=environment(BOWL_URL=location.url.replace("+psycopg", ""), BOWL_EPOCH_S=str(epoch_s)),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, folder

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_two_machines_share_one_budget_and_run_no_trial_twice(machine, location):
    # Slow epochs: on a busy machine the other process may begin seconds later.
    (one, first), (two, second) = (machine(name, 24, workers, epoch_s=0.2) for name, workers in (("a", 2), ("b", 1)))
    for process in (one, two):
        assert process.wait(120) == 0, process.stderr.read()
    ended = trials(location)
    check_sound(ended, [], 24)
    owners = [trial.owner for trial in ended]
    assert len(set(owners)) == 2
    # Each journal has the whole study, whichever process ran a trial.
    check_journal(first, ended)
    check_journal(second, ended)


def test_a_machine_that_is_lost_costs_no_trial(machine, location, tmp_path):
    doomed, _ = machine("a", 12, workers=2, epoch_s=0.5)
    until(lambda: len(trials(location)) >= 2)
    before = trials(location)
    os.killpg(doomed.pid, signal.SIGKILL)
    survivor, folder = machine("b", 12)
    assert survivor.wait(120) == 0, survivor.stderr.read()
    check_sound(trials(location), before, 12)
    check_journal(folder, trials(location))


def test_a_machine_that_is_slow_is_not_taken_for_dead(machine, location):
    slow, _ = machine("a", 4, epoch_s=1.0)
    # In the middle of an epoch: one that stops while it writes to the study holds up the others.
    until(lambda: any(trial.curve for trial in trials(location)))
    time.sleep(0.3)
    os.killpg(slow.pid, signal.SIGSTOP)
    quick, _ = machine("b", 4)
    until(lambda: [trial.state for trial in trials(location)].count("RUNNING") == 1 and len(trials(location)) == 4)
    time.sleep(3)
    assert quick.poll() is None
    assert trials(location)[0].state == "RUNNING"
    os.killpg(slow.pid, signal.SIGCONT)
    assert slow.wait(60) == quick.wait(60) == 0
    assert {trial.attempt for trial in trials(location)} == {1}


def test_one_machine_gets_the_same_result_as_with_a_file(location, tmp_path):
    assert run(light(finalists=1, seeds=2), location) == run(light(finalists=1, seeds=2), tmp_path / "file.db")


def test_a_trial_that_others_took_over_is_not_ended_twice(location, postgresql_server):
    """The server drops the connection that stands for a process: others take its trials, and it must not end them."""
    from glyphline.tuning.process_lease import postgres_lease

    def dropped(params, spec, fit_context, *, on_epoch):
        if spec.number == 0:
            with postgres_lease(location.url, "x") as other:
                trial = trials(location)[0]
                postgresql_server.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                    f"AND pid <> pg_backend_pid() AND objid <> 0 AND pid <> {other._query('SELECT pg_backend_pid()')}"
                )
                until(lambda: other.is_dead(trial.owner))
        return {"val_loss": 1.0}

    with pytest.raises(SearchError, match="cannot be used"):
        run(light(), location, objective=dropped)
    check = run(light(), location)
    assert check.failed == 0
    check_sound(trials(location), [], 6)


def test_the_password_is_in_no_log_no_journal_and_no_error(location, tmp_path, caplog, capfd):
    with caplog.at_level("DEBUG"):
        recorded(light(storage=location.url.replace("+psycopg", "")), location, tmp_path)
    output = caplog.text + "".join(path.read_text() for path in tmp_path.rglob("*.jsonl")) + "".join(capfd.readouterr())
    assert PASSWORD not in output + repr(location) + str(location)


@pytest.mark.parametrize("change", [("127.0.0.1", "127.0.0.2"), (PASSWORD, "wr0ng-word"), ("/study-", "/nowhere-")])
def test_a_server_that_cannot_be_used_is_reported_without_the_password(location, change, caplog):
    broken = tuning.StudyLocation(location.database, location.url.replace(*change))
    with pytest.raises(SearchError, match="cannot be used") as caught:
        run(light(), broken)
    text = f"{caught.value.problem}\n{caught.value.fix}\n{caplog.text}{caught.value.__cause__}"
    assert PASSWORD not in text
    assert "wr0ng" not in text
    assert "tune.storage" in caught.value.fix
    assert caught.value.__suppress_context__


def test_another_programs_database_is_left_alone(location, postgresql_server):
    name = location.url.rpartition("/")[2]
    postgresql_server.query("CREATE TABLE experiments (id int)", name)
    with pytest.raises(SearchError, match="another program's tables"):
        run(light(), location)
    assert postgresql_server.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == "1"


def test_many_processes_may_make_the_tables_at_once(location):
    errors = []

    def begin():
        try:
            run(light(trials=3), location, Watched())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    check_sound(trials(location), [], 3)
