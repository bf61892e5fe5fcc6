"""Searches for tests: a light stand-in for the fit, a watcher that records, and processes that are really killed."""

import math
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import RDBStorage

from glyphline import journal, tuning
from glyphline import params as parameters
from glyphline.journal import journal_file
from glyphline.journal.trial_runs import TrialRuns
from glyphline.mlflow_sync.projector_launch import ProjectorHandle
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.tuning.report import SearchResult
from glyphline.tuning.trial_store import TrialClaim
from tests.conftest import ROOT, changed

BASE = parameters.read(ROOT / "params.yaml")
SPACE = {
    "train.learning_rate": {"low": 0.001, "high": 0.01, "log": True},
    "model.dense_units": {"choices": [64, 128, 256]},
    "model.dropout": {"low": 0.0, "high": 0.5},
}
LIGHT = {
    "tune.trials": 6,
    "tune.epochs": 3,
    "tune.startup_trials": 2,
    "tune.space": SPACE,
    "tune.finalists": 0,
    "train.epochs": 8,
    "train.patience": 8,
    "train.learning_rate": 0.005,
    "model.dense_units": 128,
    "model.dropout": 0.3,
}
IDENTITY = {"data.train": "a", "seed": 42}
STUDY = "bowls"


def light(**values: Any) -> Params:
    """Parameters of a search that needs no network; `trials=3` is short for `tune.trials`."""
    return changed(BASE, LIGHT | {f"tune.{name}": value for name, value in values.items()})


def nothing() -> None:
    """Device and data of the stand-in: it needs none."""


def bowl(params: Params, spec: tuning.TrialSpec, fit_context: Any, *, on_epoch: Any) -> dict[str, float]:
    """A loss with its lowest point within the space, some noise from the seed, and epochs that come near it."""
    values = params.flat() | dict(spec.values)
    rate, dropout = math.log10(values["train.learning_rate"]), values["model.dropout"]
    floor = (rate + 2.5) ** 2 + (dropout - 0.2) ** 2 + 10 / values["model.dense_units"]
    floor += 0.02 * np.random.default_rng(spec.seed).random()
    losses = []
    for epoch in range(spec.epochs or params.train.epochs):
        losses.append(floor + 0.5**epoch)
        on_epoch(epoch, {"loss": losses[-1], "val_loss": losses[-1], "val_accuracy": 1 / (1 + losses[-1])})
    size = float(values["model.dense_units"])
    return {"val_loss": min(losses), "val_accuracy": 0.9, "model_size": size, "latency_ms": size / 100}


def slow_bowl(params: Params, spec: tuning.TrialSpec, fit_context: Any, *, on_epoch: Any) -> dict[str, float]:
    """The same, with epochs that take a while."""

    def after(epoch: int, metrics: Mapping[str, float]) -> None:
        time.sleep(float(os.environ.get("BOWL_EPOCH_S", "0.05")))
        on_epoch(epoch, metrics)

    return bowl(params, spec, fit_context, on_epoch=after)


def leaking_bowl(params: Params, spec: tuning.TrialSpec, fit_context: Any, *, on_epoch: Any) -> dict[str, float]:
    """The same, and each trial leaks 300 MB, as TensorFlow leaks a few."""
    _leaked.append(b"\1" * 300_000_000)
    return bowl(params, spec, fit_context, on_epoch=on_epoch)


_leaked: list[bytes] = []


class Watched:
    """Records the calls that it receives."""

    def __init__(self) -> None:
        self.trials: dict[int, dict[str, Any]] = {}
        self.finalists: dict[int, dict[str, Any]] = {}

    def begin(self, name: str, number: int, values: Mapping[str, Any], worker: str) -> Any:
        record = {"values": dict(values), "epochs": [], "end": None, "worker": worker}
        records = {"trial": self.trials, "finalist": self.finalists}[name]
        assert number not in records, f"{name} {number} begins twice"
        records[number] = record

        class Trial:
            def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
                record["epochs"].append((epoch, metrics["val_loss"]))

            def end(self, state: str, metrics: Mapping[str, float], reason: str | None) -> None:
                assert record["end"] is None
                record["end"] = (state, metrics.get("val_loss"), reason)

        return Trial()


def run(
    params: Params,
    location: tuning.StudyLocation | Path,
    watcher: Any = None,
    objective: Any = bowl,
    *,
    prepare: Callable[[], Any] = nothing,
    identity: Mapping[str, Any] = IDENTITY,
) -> SearchResult:
    """A search in the study `bowls`."""
    location = tuning.StudyLocation(location) if isinstance(location, Path) else location
    watcher = watcher or Watched()
    return tuning.search(params, STUDY, location, watcher, prepare, identity=identity, objective=objective)


def recorded(
    params: Params,
    location: tuning.StudyLocation | Path,
    folder: Path,
    objective: Any = bowl,
    prepare: Callable[[], Any] = nothing,
) -> SearchResult:
    """A search whose trials are written to a journal, as the stage writes them."""
    paths = Paths(work=folder, home=folder)
    with journal.record(params, paths, stage="tune", environ={}, launch=lambda *_: ProjectorHandle()) as recorder:
        parent = recorder.start(experiment="bars/tuning", name=STUDY)
        result = run(params, location, TrialRuns(recorder, "bars/tuning", parent), objective, prepare=prepare)
        parent.end()
    return result


@dataclass(frozen=True)
class Trial:
    """A trial of the study, as plain values."""

    number: int
    state: str
    values: tuple[float, ...]
    params: tuple[tuple[str, Any], ...]
    curve: tuple[tuple[int, float], ...]
    owner: str | None = field(compare=False, default=None)
    attempt: int = field(compare=False, default=0)


def trials(location: tuning.StudyLocation | Path, name: str = STUDY) -> list[Trial]:
    """All trials that the storage holds; none when there is no study yet."""
    if isinstance(location, Path) and not location.exists():
        return []
    url = f"sqlite:///{location}" if isinstance(location, Path) else location.url
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = RDBStorage(url)
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        return [_plain(trial, TrialClaim.of(trial)) for trial in study.get_trials(deepcopy=False)]
    except KeyError:
        return []
    finally:
        # Who asks again and again would else use up the server's connections before they are collected.
        storage.engine.dispose()


def _plain(trial: Any, claim: TrialClaim | None) -> Trial:
    assert claim is not None
    assert claim.attempt <= 2
    return Trial(
        trial.number,
        trial.state.name,
        tuple(trial.values or ()),
        tuple(sorted(trial.params.items())),
        tuple(sorted(trial.intermediate_values.items())),
        claim.owner,
        claim.attempt,
    )


def finished(trials: list[Trial]) -> dict[int, Trial]:
    return {trial.number: trial for trial in trials if trial.state in {"COMPLETE", "PRUNED", "FAIL"}}


def check_sound(now: list[Trial], before: list[Trial], budget: int) -> None:
    """The study has exactly the budget of trials; no ended trial is lost, changed or doubled, and none is left open."""
    assert [trial.number for trial in now] == list(range(budget))
    assert {trial.state for trial in now} <= {"COMPLETE", "PRUNED", "FAIL"}
    ended = finished(now)
    for number, trial in finished(before).items():
        assert ended[number] == trial
    for trial in before:
        assert set(trial.params) <= set(ended[trial.number].params)


def check_journal(folder: Path, trials: list[Trial]) -> None:
    """The children of the last journal's parent are the trials of the study, one to one."""
    history = journal_file.read(Paths(work=folder, home=folder).journal("tune"))
    assert history is not None
    parent, *children = history.runs.values()
    assert parent[0].parent is None
    states = {"FINISHED": "COMPLETE", "KILLED": "PRUNED", "FAILED": "FAIL"}
    journaled = {}
    for events in children:
        assert events[0].parent == parent[0].run
        number = int(events[0].tags["glyphline.trial"])
        assert number not in journaled
        end = [event.status for event in events if event.kind == "end"]
        curve = tuple(
            (event.step - 1, event.values["val_loss"])
            for event in events
            if event.kind == "metrics" and "val_loss" in event.values
        )
        journaled[number] = (states[end[0]] if len(end) == 1 else end, curve)
    assert journaled == {trial.number: (trial.state, trial.curve) for trial in trials}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Death:
    """Kills its process at a statement to the database.

    Attributes:
        after: it has been executed, though not committed.
        at: the number of the statement among those that match; the first is 0.
        words: what the statement holds; by default, anything that writes.
        ask: words among its parameters.
    """

    after: bool
    at: int = 0
    words: str = ""
    ask: str = ""
    seen: int = 0

    def install(self) -> None:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        when = "after_cursor_execute" if self.after else "before_cursor_execute"
        event.listen(Engine, when, self._statement)

    def _statement(self, _connection, _cursor, statement, values, _context, _many) -> None:
        if statement.startswith(("INSERT", "UPDATE")) and self.words in statement and self.ask in str(values):
            if self.seen == self.at:
                die()
            self.seen += 1


def writes(work: Callable[[], Any]) -> int:
    """How many statements a piece of work writes with."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    count = Death(after=False, at=-1)
    event.listen(Engine, "before_cursor_execute", count._statement)
    try:
        work()
    finally:
        event.remove(Engine, "before_cursor_execute", count._statement)
    return count.seen
