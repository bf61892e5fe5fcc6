"""The trials of a study as this program keeps them: Optuna's own records, with who runs a trial and since when."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

# Optuna's study cannot go on with a trial or give one back; its storage can, and has no public name.
# ruff: noqa: SLF001

CLAIM, REASON, SECONDS, MEASURED = "claim", "reason", "seconds", "measured"


@dataclass(frozen=True, slots=True)
class TrialClaim:
    """Who runs a trial. Written in one transaction, so that a kill leaves the one before or the one after.

    Attributes:
        owner: the process; None when it gave the trial back.
        attempt: how many times the trial was begun.
        began: when this attempt began, in seconds since 1970.
        worker: which of the owner's workers has it.
    """

    owner: str | None
    attempt: int
    began: float
    worker: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self | None:
        """The claim on a trial; None when it was begun by something else, such as Optuna's own command."""
        found = trial.user_attrs.get(CLAIM)
        return cls(**found) if isinstance(found, dict) else None


class TrialStore:
    """Reads and writes the trials of one study.

    Args:
        study: Optuna's, opened.
    """

    def __init__(self, study: optuna.Study) -> None:
        self.study = study
        self._storage = study._storage

    def trials(self) -> list[FrozenTrial]:
        """All trials, as they are now."""
        # Optuna keeps an older list for the length of a choice.
        self.study._thread_local.cached_all_trials = None
        return list(self.study.get_trials(deepcopy=False))

    def trial(self, number: int) -> FrozenTrial:
        """One trial, as it is now."""
        return self._storage.get_trial(self._id(number))

    def add(self, values: Mapping[str, Any], space: Mapping[str, BaseDistribution], owner: str, worker: str) -> int:
        """Begin a trial more; returns its number.

        One transaction: a kill leaves a trial with all its values and its owner, or none. Optuna's own `ask` writes
        value by value, and whoever goes on with a half-drawn candidate draws another one.
        """
        claim = TrialClaim(owner, 1, time.time(), worker)
        number = len(self.trials())
        self.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(values),
                distributions={key: space[key] for key in values},
                user_attrs={CLAIM: asdict(claim)},
            )
        )
        return number

    def take_up(self, number: int, owner: str, attempt: int, worker: str) -> None:
        """Begin a trial that waits, or that its owner has left, under its own number: it has its own random stream."""
        if self.trial(number).state == TrialState.WAITING:
            self._storage.set_trial_state_values(self._id(number), TrialState.RUNNING)
        self._set(number, CLAIM, asdict(TrialClaim(owner, attempt, time.time(), worker)))

    def report(self, number: int, epoch: int, value: float) -> None:
        """Note the loss of an epoch; a second attempt writes over the first."""
        self._storage.set_trial_intermediate_value(self._id(number), epoch, value)

    def should_prune(self, number: int, epoch: int) -> bool:
        """What the pruner thinks of a trial after an epoch."""
        frozen = self.trial(number)
        # A second attempt is judged where the first had come to: before that, the first has passed already.
        return frozen.last_step == epoch and bool(self.study.pruner.prune(self.study, frozen))

    def constrain(self, number: int, name: str, surplus: float) -> None:
        """Note how far a trial is from a limit: above 0 is beyond it."""
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
        measured: Mapping[str, float],
    ) -> None:
        """End a trial for good; all that is said of it is there before its state changes."""
        claim = TrialClaim.of(self.trial(number))
        if claim is not None:
            self._set(number, SECONDS, round(time.time() - claim.began, 3))
        if reason is not None:
            self._set(number, REASON, reason[:500])
        if measured:
            self._set(number, MEASURED, dict(measured))
        self.study.tell(number, values, state=state)

    def give_back(self, number: int, *, counts: bool) -> None:
        """Let somebody else run a trial.

        Args:
            number: of the trial.
            counts: the attempt was one; else it is as if the trial had not been begun.
        """
        claim = TrialClaim.of(self.trial(number))
        attempt = (claim.attempt - (not counts)) if claim else 0
        self._set(number, CLAIM, asdict(TrialClaim(None, attempt, time.time())))
        self._storage.set_trial_state_values(self._id(number), TrialState.WAITING)

    def _set(self, number: int, key: str, value: Any) -> None:
        self._storage.set_trial_user_attr(self._id(number), key, value)

    def _id(self, number: int) -> int:
        found: int = self._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        return found


def seconds_spent(trials: Iterable[FrozenTrial], now: float) -> float:
    """For how long at least one trial was run, over all runs and machines.

    Args:
        trials: of a study.
        now: seconds since 1970; trials that are not over count until then.
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
