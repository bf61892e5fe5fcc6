"""The state of a study, running or finished, read without changing it."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from glyphline.errors import SearchError
from glyphline.tuning.finalists import pareto_front
from glyphline.tuning.plan import rechecked_study
from glyphline.tuning.storage import StudyLocation, connect, storage_errors
from glyphline.tuning.study import SETTINGS
from glyphline.tuning.trial_progress import summary
from glyphline.tuning.trial_seal import check_trials, reading
from glyphline.tuning.trial_store import REASON, SECONDS, TrialClaim, TrialStore, seconds_spent


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial.

    Attributes:
        number, state: as Optuna has them, the state in small letters.
        val_loss: the lowest so far, in nats; None before the first epoch.
        epochs: how many it has run.
        seconds: of its last attempt; None while it is running.
        worker: host and process.
        values: dotted key -> value.
        reason: why it was not completed.
    """

    number: int
    state: str
    val_loss: float | None
    epochs: int
    seconds: float | None
    worker: str
    values: Mapping[str, Any]
    reason: str | None


@dataclass(frozen=True, slots=True)
class StudyOverview:
    """A study at one moment.

    Attributes:
        name: of the study.
        settings: of its sampler and pruner.
        states: state -> number of trials.
        summary: the best value, and how many trials were pruned or failed.
        seconds: in which at least one trial was running.
        rows: one per trial.
        front: numbers of the best trials: one, or with two objectives the Pareto front.
    """

    name: str
    settings: Mapping[str, Any]
    states: Mapping[str, int]
    summary: str
    seconds: float
    rows: tuple[TrialRow, ...]
    front: tuple[int, ...]


def study_names(location: StudyLocation) -> list[str]:
    """The studies in the order in which they were made, without those that re-check another study."""
    if location.url is None and not location.database.exists():
        return []
    with storage_errors(location), reading("a study"):
        names = optuna.get_all_study_names(connect(location))
    return [name for name in names if rechecked_study(name) not in names]


def study_overview(location: StudyLocation, name: str) -> StudyOverview:
    """Read a study.

    Raises:
        SearchError: there is no study of that name.
    """
    known = study_names(location)
    if name not in known:
        shown = f"there are {', '.join(known[-8:])}" if known else "there are none yet"
        raise SearchError(
            f"no study {name} in {location}: {shown}",
            fix="`glyphline tune` starts one; `glyphline study NAME` shows one",
        )
    with storage_errors(location):
        study = optuna.load_study(study_name=name, storage=connect(location))
        check_trials(study)
        trials = TrialStore(study).trials()
        return StudyOverview(
            name=name,
            settings=study.user_attrs.get(SETTINGS, {}),
            states=Counter(trial.state.name.lower() for trial in trials),
            summary=summary(trials),
            seconds=seconds_spent(trials, time.time()),
            rows=tuple(_row(trial) for trial in trials),
            front=tuple(trial.number for trial in pareto_front(study)),
        )


def _row(trial: FrozenTrial) -> TrialRow:
    claim = TrialClaim.of(trial)
    return TrialRow(
        number=trial.number,
        state=trial.state.name.lower(),
        val_loss=min(trial.intermediate_values.values(), default=None),
        epochs=len(trial.intermediate_values),
        seconds=trial.user_attrs.get(SECONDS),
        worker=claim.worker if claim else "",
        values=trial.params,
        reason=trial.user_attrs.get(REASON),
    )
