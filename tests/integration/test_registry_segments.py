"""A history that takes several runs of MLflow, over a real SQLite store."""

import contextlib
import json
import shutil
import sqlite3
import threading

import pytest

from glyphline.commands import gc
from glyphline.errors import RegistryError
from glyphline.params import overlay
from glyphline.registry import RegistryLocation, open_session, promotion, register_run
from glyphline.registry import log_events as kinds
from glyphline.registry.log import Log, find
from glyphline.registry.log_events import AliasAssigned
from glyphline.registry.segment import EXPERIMENT, create
from tests.registered import DyingClient, Killed, Runs

NAME = "shapes"
CAPACITY = 3
# The experiment is there already: that write is refused, and not counted.
WRITES_OF_A_CHANGE = ("create_run", "set_terminated", "log_param of the link", "log_param of the entry")


@pytest.fixture
def client(tmp_path, migrated_store):
    from mlflow.tracking import MlflowClient

    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    return MlflowClient(uri, uri)


@pytest.fixture
def first(client) -> str:
    """The run of a log without entries."""
    return create(client, NAME)


def entry(seq: int, alias: str = "canary") -> AliasAssigned:
    return AliasAssigned(seq=seq, alias=alias, version=seq, forced=False, reason="")


def filled(client, run_id: str, count: int, capacity: int = CAPACITY) -> Log:
    """A log that was opened, with so many entries more."""
    log = Log(client, run_id, NAME, capacity)
    for _ in range(count):
        seq = len(log.read().events) + 1
        assert log.append(entry(seq))
        assert log.note_shown(seq, "me")
    return log


def places(log: Log) -> list[int]:
    return [event.seq for event in log.read().events]


def runs(client) -> dict[str, str]:
    """Id -> name of all runs of histories that nobody has deleted."""
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    return {run.info.run_id: run.info.run_name for run in client.search_runs([experiment])}


class CountingClient:
    """Notes the runs that it is asked for."""

    def __init__(self, client):
        self.client, self.asked = client, []

    def __getattr__(self, name):
        return getattr(self.client, name)

    def get_run(self, run_id):
        self.asked.append(run_id)
        return self.client.get_run(run_id)


class InterruptedClient:
    """Lets another process do something just before it makes a run."""

    def __init__(self, client, other):
        self.client, self.other = client, other

    def __getattr__(self, name):
        return getattr(self.client, name)

    def create_run(self, *values, **named):
        self.other()
        return self.client.create_run(*values, **named)


def test_a_full_run_is_followed_by_another_and_the_history_stays_one(client, first):
    log = filled(client, first, 2 * CAPACITY + 1)
    again = Log(client, first, NAME, CAPACITY)
    assert places(again) == list(range(1, 2 * CAPACITY + 2))
    assert again.read() == log.read()
    assert again.run_ids == log.run_ids
    assert [runs(client)[run_id] for run_id in again.run_ids] == [
        "history of shapes",
        "history of shapes, from entry 4",
        "history of shapes, from entry 7",
    ]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM params WHERE key = 'event.00000003'",
        (
            "UPDATE params SET value = (SELECT value FROM params WHERE key = 'event.00000002')"
            " WHERE key = 'event.00000003'"
        ),
    ],
)
@pytest.mark.parametrize("is_read_before", [True, False])
def test_entries_that_are_gone_or_in_another_place_are_damage(client, first, tmp_path, damage, is_read_before):
    log = filled(client, first, 3)
    if is_read_before:
        assert places(log) == [1, 2, 3]
    else:
        log = Log(client, first, NAME, CAPACITY)
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        assert database.execute(damage).rowcount == 1
        value = database.execute("SELECT value FROM params WHERE key = 'event.00000003'").fetchone()
    if value is None and not is_read_before:
        # Nobody can know of an entry that was the last one and is gone; versions and aliases are compared elsewhere.
        assert places(log) == [1, 2]
    elif value is not None and is_read_before:
        # What was read is not read again.
        assert places(log) == [1, 2, 3]
    else:
        with pytest.raises(RegistryError, match="missing or not in their places"):
            log.read()


def test_news_cost_one_request_for_the_last_run_however_long_the_history(client, first):
    filled(client, first, 3 * CAPACITY + 1)
    counting = CountingClient(client)
    log = Log(counting, first, NAME, CAPACITY)
    log.read()
    assert len(counting.asked) == 4
    filled(client, first, 1)
    counting.asked.clear()
    assert places(log) == list(range(1, 3 * CAPACITY + 3))
    assert counting.asked == [log.run_ids[-1]]


def test_a_writer_whose_view_is_old_does_not_get_into_a_run_that_is_closed(client, first):
    # As a release with another idea of what a run takes would try.
    filled(client, first, CAPACITY)
    generous = Log(client, first, NAME, capacity=1000)
    generous.read()
    filled(client, first, 1)
    assert not generous.append(entry(CAPACITY + 1, "late"))
    assert places(generous) == list(range(1, CAPACITY + 2))
    assert generous.append(entry(CAPACITY + 2, "late"))
    assert Log(client, first, NAME, CAPACITY).read() == generous.read()


def test_of_two_that_go_over_to_a_new_run_at_once_one_wins_and_the_other_leaves_nothing(client, first):
    filled(client, first, CAPACITY)
    winner = Log(client, first, NAME, CAPACITY)
    winner.read()
    interrupted = InterruptedClient(client, lambda: winner.append(entry(CAPACITY + 1, "winner")))
    loser = Log(interrupted, first, NAME, CAPACITY)
    loser.read()
    assert not loser.append(entry(CAPACITY + 1, "loser"))
    assert loser.read().events[-1].alias == "winner"
    assert loser.append(entry(CAPACITY + 2, "loser"))
    assert set(runs(client)) == set(loser.run_ids)
    assert len(loser.run_ids) == 2


def test_many_that_write_at_once_lose_no_entry_and_write_none_twice(client, first):
    written: list[str] = []

    def write():
        log = Log(client, first, NAME, CAPACITY)
        mine = 0
        while mine < 4:
            event = entry(len(log.read().events) + 1)
            if log.append(event):
                written.append(event.id)
                mine += 1

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = Log(client, first, NAME, CAPACITY)
    assert places(log) == list(range(1, 17))
    assert sorted(event.id for event in log.read().events) == sorted(written)
    assert set(runs(client)) == set(log.run_ids)


@pytest.mark.parametrize("done", range(len(WRITES_OF_A_CHANGE) + 1))
def test_a_process_killed_on_its_way_to_a_new_run_leaves_a_history_that_goes_on(client, first, done):
    filled(client, first, CAPACITY)
    dying = Log(DyingClient(client, done), first, NAME, CAPACITY)
    dying.read()
    with contextlib.suppress(Killed):
        dying.append(entry(CAPACITY + 1))
    log = filled(client, first, 2)
    assert places(log)[: CAPACITY + 2] == list(range(1, CAPACITY + 3))
    assert len(log.run_ids) == 2
    # A run that no link names has no entry, and carries the tag by which it can be told.
    for run_id in set(runs(client)) - set(log.run_ids):
        left = client.get_run(run_id)
        assert left.data.params == {}
        assert left.data.tags["glyphline.history_of"] == NAME


def test_a_long_history_in_one_run_is_read_and_continued_in_another(client, first):
    filled(client, first, 4 * CAPACITY, capacity=1000)
    log = filled(client, first, 2)
    assert places(log) == list(range(1, 4 * CAPACITY + 3))
    assert len(log.run_ids) == 2


def test_a_release_that_knows_no_links_refuses_the_history_and_does_not_fork_it(client, first):
    filled(client, first, CAPACITY + 1)
    link = client.get_run(first).data.params[f"event.{CAPACITY + 1:08}"]
    assert json.loads(link).keys() == {"continued_in"}
    with pytest.raises(ValueError, match="kind"):
        kinds.decode(link)


@pytest.mark.parametrize("which", [0, 1])
def test_a_deleted_run_of_the_history_is_named_and_can_be_restored(client, first, which):
    log = filled(client, first, CAPACITY + 1)
    run_id = log.run_ids[which]
    client.delete_run(run_id)
    with pytest.raises(RegistryError, match=f"run {run_id}, which holds a part of it, is deleted"):
        Log(client, first, NAME, CAPACITY).read()
    client.restore_run(run_id)
    assert len(places(Log(client, first, NAME, CAPACITY))) == CAPACITY + 1


def test_commands_go_through_several_runs_and_cleaning_takes_none_of_them(project, default_params):
    from mlflow.tracking import MlflowClient

    params = overlay(default_params, {"registry.name": NAME})
    uri = f"sqlite:///{project.store}"
    client = MlflowClient(uri, uri)
    to = RegistryLocation(uri, NAME, 5, project.mlruns / "registry.lock", entries_per_run=2)
    made = Runs(client, project.mlruns)
    for correct in (950, 965, 985):
        assert register_run(made.make(correct), to, params.registry).promoted
    with open_session(to) as session:
        promotion.roll_back(session, None, "because", params.registry)
        promotion.force(session, 3, "because", params.registry)
        before = session.updater.log.read()
        runs_before = session.updater.log.run_ids
    assert [event.kind for event in before.events] == ["judged"] * 3 + ["rolled_back", "pointed"]
    assert len(runs_before) == 3
    assert {version.tags["history"] for version in client.search_model_versions(f"name = '{NAME}'")} == {runs_before[0]}
    gc.run(params, project, 0, dry=False)
    assert find(client, NAME) == runs_before[0]
    with open_session(to) as session:
        assert session.reconcile().state.champion == 3
        assert session.updater.log.read() == before
