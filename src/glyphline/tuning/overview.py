"""What there is to see of a study, running or finished, without touching it."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from glyphline.errors import SearchError
from glyphline.tuning.finalists import pareto_front
from glyphline.tuning.plan import searched_in
from glyphline.tuning.progress import summary
from glyphline.tuning.storage import StudyLocation, connect, refusals
from glyphline.tuning.study import SETTINGS
from glyphline.tuning.trial_store import REASON, SECONDS, TrialClaim, TrialStore, seconds_spent


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial.

    Attributes:
        number, state: as Optuna has them, the state in small letters.
        val_loss: the lowest so far, in nats; None before the first epoch.
        epochs: that it has had.
        seconds: of its last attempt; None while it runs.
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
        summary: the best value and what was lost.
        seconds: for how long it was worked on.
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


def names(place: StudyLocation) -> list[str]:
    """The studies that are there, in the order in which they were made; without those that re-check one of them."""
    if place.url is None and not place.database.exists():
        return []
    with refusals(place):
        found = optuna.get_all_study_names(connect(place))
    return [one for one in found if searched_in(one) not in found]


def study_overview(place: StudyLocation, name: str) -> StudyOverview:
    """Look at a study.

    Raises:
        SearchError: there is none of that name.
    """
    known = names(place)
    if name not in known:
        shown = f"there are {', '.join(known[-8:])}" if known else "there are none yet"
        raise SearchError(
            f"no study {name} in {place}: {shown}", fix="`glyphline tune` begins it; `glyphline study NAME` shows one"
        )
    with refusals(place):
        study = optuna.load_study(study_name=name, storage=connect(place))
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
