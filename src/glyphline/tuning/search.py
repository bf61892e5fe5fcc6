"""A search that is picked up where it was left."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from glyphline import files
from glyphline.errors import SearchError, TrainingError
from glyphline.params import Params
from glyphline.training import Setting
from glyphline.tuning.identity import sampler_seed
from glyphline.tuning.report import rows
from glyphline.tuning.space import distributions, hand_set
from glyphline.tuning.study import open_study
from glyphline.tuning.trial import run_trial
from glyphline.values import EpochHook

log = logging.getLogger(__name__)

# A trial whose process died is begun again once: the machine may have been switched off. A second death is its own.
ATTEMPTS = 2


class Objective(Protocol):
    """`run_trial`, or something of its shape."""

    def __call__(
        self, params: Params, values: Mapping[str, Any], setting: Setting, *, number: int, on_epoch: EpochHook
    ) -> float:
        """Fit one candidate; return its val_loss in nats."""


class TrialWatcher(Protocol):
    """Whoever follows one trial."""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch ended."""

    def end(self, state: str, value: float | None, reason: str | None) -> None:
        """The trial ended as COMPLETE, PRUNED or FAIL."""


class Watcher(Protocol):
    """Whoever follows a search."""

    def begin(self, number: int, values: Mapping[str, Any]) -> TrialWatcher:
        """A trial begins, or one that ended in an earlier run of the stage is told again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found.

    Attributes:
        study: name of the study.
        number: of the best trial.
        values: dotted key -> value of the best trial.
        val_loss: of the best trial, in nats.
        complete, pruned, failed: trials by how they ended.
        rows: one mapping per trial, for a table.
    """

    study: str
    number: int
    values: dict[str, Any]
    val_loss: float
    complete: int
    pruned: int
    failed: int
    rows: tuple[dict[str, Any], ...]


def search(
    params: Params,
    name: str,
    database: Path,
    watcher: Watcher,
    setting: Callable[[], Setting],
    *,
    objective: Objective = run_trial,
) -> Outcome:
    """Run what is missing of `tune.trials` trials and choose the best.

    Args:
        params: parameters with the search space; trial 0 is params.yaml itself.
        name: of the study.
        database: SQLite file of the study.
        watcher: told of every trial.
        setting: gives device and data; called only when a trial has to be run.
        objective: fits one candidate and returns its val_loss.

    Raises:
        SearchError: no trial was completed.
    """
    study = open_study(database, name, startup_trials=params.tune.startup_trials)
    # One process at a time: whatever is RUNNING once the lock is held belongs to a process that is dead.
    with files.exclusive(database.with_name(f".{name}.lock")):
        _Search(params, study, watcher, setting, objective).run()
    return _outcome(study)


class _Search:
    def __init__(
        self,
        params: Params,
        study: optuna.Study,
        watcher: Watcher,
        setting: Callable[[], Setting],
        objective: Objective,
    ) -> None:
        self.params = params
        self.study = study
        self.watcher = watcher
        self.setting = setting
        self.objective = objective
        self.space = distributions(params)

    def run(self) -> None:
        ended = [trial for trial in self._trials() if trial.state.is_finished()]
        if ended:
            log.info("study %s: %d trials are there already", self.study.study_name, len(ended))
        for frozen in ended:
            self._tell_again(frozen)
        deadline = None if self.params.tune.timeout_s is None else time.monotonic() + self.params.tune.timeout_s
        while (trial := self._next(deadline)) is not None:
            self._run(trial)

    def _trials(self) -> list[FrozenTrial]:
        return list(self.study.get_trials(deepcopy=False))

    def _next(self, deadline: float | None) -> Trial | None:
        trials = self._trials()
        for frozen in trials:
            if not frozen.state.is_finished() and (again := self._again(frozen)) is not None:
                return again
        if len(trials) >= self.params.tune.trials or (deadline is not None and time.monotonic() > deadline):
            return None
        # Before the trial begins: what no trial could run with is no fault of its values.
        self.setting()
        number = len(trials)
        if number == 0:
            self.study.enqueue_trial(hand_set(self.params, self.space), skip_if_exists=True)
        self.study.sampler = TPESampler(
            seed=sampler_seed(self.params.seed, number), n_startup_trials=self.params.tune.startup_trials
        )
        return self.study.ask(self.space)

    def _again(self, frozen: FrozenTrial) -> Trial | None:
        """The trial of a dead process, under its own number, so that it draws its own random stream."""
        if frozen.state == TrialState.WAITING:
            return self.study.ask(self.space)
        trial = Trial(self.study, frozen._trial_id)  # noqa: SLF001  (Optuna has no public way back to a running trial)
        attempts = int(frozen.user_attrs.get("attempts", 1))
        if attempts >= ATTEMPTS or set(frozen.params) != set(self.space):
            reason = f"its process died {attempts} times" if attempts >= ATTEMPTS else "its process died as it began"
            self._end(trial, TrialState.FAIL, reason=reason)
            return None
        trial.set_user_attr("attempts", attempts + 1)
        log.warning("trial %d was interrupted; it is begun again", frozen.number)
        return trial

    def _run(self, trial: Trial) -> None:
        values = dict(trial.params)
        watched = self.watcher.begin(trial.number, values)
        done = set(self._frozen(trial).intermediate_values)

        def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
            watched.epoch(epoch, metrics)
            # KeyError on purpose: a pruner that watches a metric nobody reports would silently never prune.
            if epoch not in done:
                trial.report(metrics["val_loss"], step=epoch)
            if trial.should_prune():
                raise optuna.TrialPruned(f"epoch {epoch + 1}: val_loss {metrics['val_loss']:.4f}")

        try:
            value = self.objective(self.params, values, self.setting(), number=trial.number, on_epoch=on_epoch)
        except optuna.TrialPruned as pruned:
            self._end(trial, TrialState.PRUNED, reason=str(pruned), watched=watched)
        except TrainingError as error:
            self._end(trial, TrialState.FAIL, reason=error.problem, watched=watched)
        except Exception as error:
            # Recorded and raised: a mistake of this program must not look like a bad candidate.
            self._end(trial, TrialState.FAIL, reason=repr(error), watched=watched)
            raise
        else:
            self._end(trial, TrialState.COMPLETE, value=value, watched=watched)

    def _end(
        self,
        trial: Trial,
        state: TrialState,
        *,
        value: float | None = None,
        reason: str | None = None,
        watched: TrialWatcher | None = None,
    ) -> None:
        if reason is not None:
            trial.set_user_attr("reason", reason[:500])
        self.study.tell(trial, value if state == TrialState.COMPLETE else None, state=state)
        if watched is not None:
            watched.end(state.name, value, reason)
        seen = self._frozen(trial).intermediate_values
        shown = min(seen.values()) if seen else float("nan")
        log.info(
            "trial %d of %d: %s, val_loss %.4f, best %s",
            trial.number + 1,
            self.params.tune.trials,
            state.name.lower(),
            shown,
            _best(self.study),
        )

    def _frozen(self, trial: Trial) -> FrozenTrial:
        return self.study._storage.get_trial(trial._trial_id)  # noqa: SLF001

    def _tell_again(self, frozen: FrozenTrial) -> None:
        watched = self.watcher.begin(frozen.number, frozen.params)
        for epoch, val_loss in sorted(frozen.intermediate_values.items()):
            watched.epoch(epoch, {"val_loss": val_loss})
        watched.end(frozen.state.name, frozen.value, frozen.user_attrs.get("reason"))


def _best(study: optuna.Study) -> str:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return f"{min(trial.value for trial in complete if trial.value is not None):.4f}" if complete else "none yet"


def _outcome(study: optuna.Study) -> Outcome:
    trials = study.get_trials(deepcopy=False)
    states = [trial.state for trial in trials]
    if TrialState.COMPLETE not in states:
        reasons = "; ".join(f"trial {t.number}: {t.user_attrs.get('reason', t.state.name)}" for t in trials[:3])
        raise SearchError(
            f"none of {len(trials)} trials was completed ({reasons})",
            fix="lower train.learning_rate or its range in tune.space, or raise tune.timeout_s",
        )
    best = study.best_trial
    return Outcome(
        study=study.study_name,
        number=best.number,
        values=dict(best.params),
        val_loss=float(best.value if best.value is not None else "nan"),
        complete=states.count(TrialState.COMPLETE),
        pruned=states.count(TrialState.PRUNED),
        failed=states.count(TrialState.FAIL),
        rows=rows(trials),
    )
