"""The trials of a study: Optuna's own records, with the process that runs a trial and since when."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from glyphline.tuning.trial_seal import SEAL, trial_seal

# Optuna's study can neither restart a trial nor return one to the queue; its storage can, and has no public name.
# ruff: noqa: SLF001

CLAIM, REASON, SECONDS, METRICS = "claim", "reason", "seconds", "measured"
"""Names of the user attributes of a trial."""

ENQUEUED = "fixed_params"
"""The system attribute in which Optuna's `enqueue_trial` keeps the values that are asked for."""


@dataclass(frozen=True, slots=True)
class TrialClaim:
    """Which process runs a trial. Written in one transaction: a kill leaves the old claim or the new one, whole.

    Attributes:
        owner: the process; None when it released the trial.
        attempt: how many times the trial was started.
        began: when this attempt started, in seconds since 1970.
        worker: the worker of the owner that runs the trial.
    """

    owner: str | None
    attempt: int
    began: float
    worker: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self | None:
        """The claim on a trial; None when another program started the trial, such as Optuna's own command."""
        claim = trial.user_attrs.get(CLAIM)
        return cls(**claim) if isinstance(claim, dict) else None


class TrialStore:
    """Reads and writes the trials of one study.

    Args:
        study: an open study of Optuna.
    """

    def __init__(self, study: optuna.Study) -> None:
        self.study = study
        self._storage = study._storage

    def trials(self) -> list[FrozenTrial]:
        """All trials, as they are now."""
        # Optuna caches an older list while a sampler draws.
        self.study._thread_local.cached_all_trials = None
        return list(self.study.get_trials(deepcopy=False))

    def trial(self, number: int) -> FrozenTrial:
        """One trial, as it is now."""
        return self._storage.get_trial(self._id(number))

    def add(self, values: Mapping[str, Any], space: Mapping[str, BaseDistribution], owner: str, worker: str) -> int:
        """Start a new trial; return its number.

        One transaction: a kill leaves a trial with all its values and its owner, or no trial. Optuna's own `ask` writes
        value by value, and a resumed search would draw other values for the rest of the candidate.
        """
        claim = TrialClaim(owner, 1, time.time(), worker)
        trial = create_trial(
            state=TrialState.RUNNING,
            params=dict(values),
            distributions={key: space[key] for key in values},
            user_attrs={CLAIM: asdict(claim)},
        )
        # Not `add_trial`, which does not return the number: another program may enqueue a trial at the same moment.
        trial_id = self._storage.create_new_trial(self.study._study_id, template_trial=trial)
        return int(self._storage.get_trial(trial_id).number)

    def asked(self, number: int) -> dict[str, Any]:
        """The values that another program asked for when it put the trial into the study."""
        trial = self.trial(number)
        return {**trial.params, **trial.system_attrs.get(ENQUEUED, {})}

    def set_values(self, number: int, values: Mapping[str, Any], space: Mapping[str, BaseDistribution]) -> None:
        """Give a waiting trial its values; a second call, after a kill, writes the same ones."""
        for key, value in values.items():
            self._storage.set_trial_param(self._id(number), key, space[key].to_internal_repr(value), space[key])

    def restart(self, number: int, owner: str, attempt: int, worker: str) -> None:
        """Start a waiting or abandoned trial under its old number, which decides its random stream."""
        if self.trial(number).state == TrialState.WAITING:
            self._storage.set_trial_state_values(self._id(number), TrialState.RUNNING)
        self._set(number, CLAIM, asdict(TrialClaim(owner, attempt, time.time(), worker)))

    def report(self, number: int, epoch: int, value: float) -> None:
        """Record the loss of an epoch; a second attempt overwrites the first."""
        self._storage.set_trial_intermediate_value(self._id(number), epoch, value)

    def should_prune(self, number: int, epoch: int) -> bool:
        """True when the pruner would stop the trial after this epoch."""
        frozen = self.trial(number)
        # A second attempt is judged from the last epoch of the first on: the first was not pruned before it.
        return frozen.last_step == epoch and bool(self.study.pruner.prune(self.study, frozen))

    def set_constraint(self, number: int, name: str, surplus: float) -> None:
        """Record how far a trial is beyond a limit; 0 or less is within it."""
        trial = Trial(self.study, self._id(number))
        if name not in trial.constraints:
            trial.set_constraint(name, surplus)

    def end(
        self,
        number: int,
        state: TrialState,
        values: list[float] | None,
        *,
        reason: str | None,
        metrics: Mapping[str, float],
    ) -> None:
        """End a trial for good; its attributes are written before its state changes."""
        claim = TrialClaim.of(self.trial(number))
        if claim is not None:
            self._set(number, SECONDS, round(time.time() - claim.began, 3))
        if reason is not None:
            self._set(number, REASON, reason[:500])
        if metrics:
            self._set(number, METRICS, dict(metrics))
        self._set(number, SEAL, trial_seal(self.trial(number), state, values))
        self.study.tell(number, values, state=state)

    def release(self, number: int, *, counts: bool) -> None:
        """Return a trial to the queue, for any process to start.

        Args:
            number: of the trial.
            counts: this attempt counts; otherwise the trial is as if it had not been started.
        """
        claim = TrialClaim.of(self.trial(number))
        attempt = (claim.attempt - (not counts)) if claim else 0
        self._set(number, CLAIM, asdict(TrialClaim(None, attempt, time.time())))
        self._storage.set_trial_state_values(self._id(number), TrialState.WAITING)

    def _set(self, number: int, key: str, value: Any) -> None:
        self._storage.set_trial_user_attr(self._id(number), key, value)

    def _id(self, number: int) -> int:
        trial_id: int = self._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        return trial_id


def seconds_spent(trials: Iterable[FrozenTrial], now: float) -> float:
    """Seconds in which at least one trial was running, over all runs and machines.

    Args:
        trials: of a study.
        now: seconds since 1970; a running trial counts until then.
    """
    spans = sorted(span for trial in trials if (span := _span(trial, now)))
    total, reached = 0.0, float("-inf")
    for begin, end in spans:
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _span(trial: FrozenTrial, now: float) -> tuple[float, float] | None:
    claim = TrialClaim.of(trial)
    if claim is None or claim.owner is None:
        return None
    seconds = trial.user_attrs.get(SECONDS)
    return claim.began, now if seconds is None else claim.began + float(seconds)
