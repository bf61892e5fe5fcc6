"""Many processes register, promote and roll back at once, each as if on a machine of its own, some of them killed.

`make soak` runs the same with 32 processes and 20 rounds.
"""

import json
import math
import os
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from glyphline.errors import PipelineError
from glyphline.registry import RegistryLocation, open_session, promotion, register_run
from glyphline.registry.log_events import ChampionRolledBack, VersionJudged
from glyphline.registry.state import fold
from tests import forks
from tests.registered import Runs
from tests.servers import mlflow_server

SEED = 17
# Processes x rounds, as in GLYPHLINE_SOAK=32x20.
IS_SOAK = "GLYPHLINE_SOAK" in os.environ
PROCESSES, ROUNDS = map(int, os.environ.get("GLYPHLINE_SOAK", "4x4").split("x"))
# A lease shorter than a change takes on a busy server has everybody do everybody's work.
PATIENCE_S = 10.0 if IS_SOAK else 3.0
# Counted, not timed: a slow machine is asked as much as a fast one.
KILLS = 1000 if IS_SOAK else 16
LIMIT_S = 3000 if IS_SOAK else 400
# Few enough that the history goes through several runs.
ENTRIES_PER_RUN = 64 if IS_SOAK else 5
pytestmark = pytest.mark.timeout(LIMIT_S + 200)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request, tmp_path_factory, migrated_store):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        shutil.copy(migrated_store, folder / "mlflow.db")
        with mlflow_server(f"sqlite:///{folder / 'mlflow.db'}", folder) as uri:
            yield uri
        return
    database = request.getfixturevalue("postgresql_server").new_database(folder.name)
    with mlflow_server(database, folder) as uri:
        yield uri


@pytest.fixture
def crowd(server, tmp_path, request):
    name = request.node.originalname
    lock = tmp_path / "own.lock"
    return RegistryLocation(server, name, 120, lock, lease_s=PATIENCE_S, entries_per_run=ENTRIES_PER_RUN)


def work(to: RegistryLocation, folder: Path, number: int, start: int, *, rules, rounds: int) -> None:
    """The process of a machine, started for the nth time: register models of random quality; promote and roll back."""
    from mlflow.tracking import MlflowClient

    luck = random.Random(f"{SEED}-{number}-{start}")
    own = replace(to, lock=folder / f"machine-{number}.lock")
    runs = Runs(MlflowClient(to.uri, to.uri), folder / f"runs-{number}-{start}", experiment=to.name)
    said = (folder / f"said-{number}-{start}.jsonl").open("a")
    for _ in range(rounds):
        decided = register_run(runs.make(luck.randrange(940, 1000)), own, rules)
        print(json.dumps({"version": decided.version, "promoted": decided.promoted}), file=said, flush=True)
        try:
            with open_session(own) as session:
                if luck.random() < 0.7:
                    promotion.promote(session, luck.randint(1, decided.version), rules)
                elif luck.random() < 0.5:
                    promotion.roll_back(session, None, "luck", rules)
        except PipelineError:
            # Refused, never evaluated, nothing to go back to: answers, not faults.
            continue


def prepared(to: RegistryLocation) -> None:
    # Parallel first use would race for the experiment, which is not what is tested here.
    from mlflow.tracking import MlflowClient

    MlflowClient(to.uri, to.uri).create_experiment(to.name)


@pytest.fixture
def started(crowd, tmp_path, default_params):
    """Starts the process of a machine: `started(number, rounds)`."""
    starts = Counter()

    def start(number, rounds):
        starts[number] += 1
        rules = default_params.registry
        return forks.started(partial(work, crowd, tmp_path, number, starts[number], rules=rules, rounds=rounds))

    print(f"seed {SEED}")
    return start


def checked(to: RegistryLocation, folder: Path) -> list:
    """The invariants, after one more command has repaired what was left undone."""
    with open_session(replace(to, unfinished_s=0.1)) as session:
        state = session.updater.reconcile()
        log = session.updater.log.read().events
        runs = session.updater.log.run_ids
        aliases, known = session.model.aliases(), session.model.versions()
    assert state.aliases == aliases
    # One more where a process was killed between the link to a run and the first entry in it.
    assert len(runs) - math.ceil(len(log) / ENTRIES_PER_RUN) in {0, 1}, "a run of the history is not full, or too long"
    assert set(known) <= set(state.judgements), "a version without a verdict"
    assert state.judgement(state.champion).promoted or any(isinstance(event, ChampionRolledBack) for event in log)
    for place, event in enumerate(log):
        before = fold(log[:place])
        if isinstance(event, VersionJudged) and event.promoted and before.champion not in {None, event.version}:
            assert event.champion == before.champion, "decided against a champion of the past"
            assert event.p_value <= event.level
            assert event.accuracy > event.champion_accuracy
        if isinstance(event, ChampionRolledBack):
            assert event.version in before.champions
        after = fold(log[: place + 1])
        assert after.champion is not None or before.champion is None, "the champion was lost"
    comparisons = [(event.test_digest, event.comparison) for event in log if isinstance(event, VersionJudged)]
    numbers = sorted({number for _, number in comparisons if number is not None})
    assert numbers == list(range(1, len(numbers) + 1)), "a comparison was not counted"
    judged = {(event.version, event.promoted) for event in log if isinstance(event, VersionJudged)}
    for path in folder.glob("said-*.jsonl"):
        for line in path.read_text().splitlines():
            told = json.loads(line)
            assert (told["version"], told["promoted"]) in judged, "an acknowledged decision is lost"
    return list(log)


def test_all_at_once_leave_one_history_that_agrees_with_every_answer(crowd, started, tmp_path):
    prepared(crowd)
    processes = [started(number, ROUNDS) for number in range(PROCESSES)]
    for process in processes:
        process.join(LIMIT_S)
        assert process.exitcode == 0
    log = checked(crowd, tmp_path)
    registered = {event.version for event in log if isinstance(event, VersionJudged)}
    assert len(registered) == PROCESSES * ROUNDS


def test_whoever_is_killed_leaves_a_state_that_the_next_command_repairs(crowd, started, tmp_path):
    prepared(crowd)
    luck = random.Random(SEED)
    processes = {number: started(number, 10_000) for number in range(PROCESSES)}
    for _ in range(KILLS):
        time.sleep(luck.uniform(0.2, 1.5) * 4 / PROCESSES)
        number = luck.choice(list(processes))
        os.kill(processes[number].pid, signal.SIGKILL)
        processes[number].join()
        processes[number] = started(number, 10_000)
    for process in processes.values():
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    # Older than `unfinished_s` in the check: the versions that the dead made and nobody judged.
    time.sleep(0.2)
    checked(crowd, tmp_path)
