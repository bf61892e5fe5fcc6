"""The best trials, looked at again: which of them is good, and which was lucky."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import optuna
from optuna.trial import FrozenTrial, TrialState

from glyphline.tuning.plan import Finalist, RecheckPlan
from glyphline.tuning.trial_store import MEASURED


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What fresh seeds say of a finalist.

    Attributes:
        finalist: who it is.
        losses: val_loss of each fresh seed, in nats; without those that failed.
        accuracies: val_accuracy of each, as fractions.
        failed: fresh seeds that gave no result.
    """

    finalist: Finalist
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    failed: int

    @property
    def mean(self) -> float:
        """Mean val_loss in nats; infinite when no seed gave one."""
        return fmean(self.losses) if self.losses else float("inf")

    @property
    def spread(self) -> float | None:
        """Standard deviation of val_loss over the seeds, in nats; None for fewer than two."""
        return stdev(self.losses) if len(self.losses) > 1 else None

    @property
    def shrinkage(self) -> float:
        """Mean minus the val_loss that made it a finalist, in nats: above 0, it looked better than it is."""
        return self.mean - self.finalist.val_loss


def usable(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Trials that were completed and break no limit; of another program's study none."""
    return [
        trial
        for trial in trials
        if trial.state == TrialState.COMPLETE
        and MEASURED in trial.user_attrs
        and all(surplus <= 0 for surplus in trial.constraints.values())
    ]


def pareto_front(study: optuna.Study) -> list[FrozenTrial]:
    """The usable trials that no other is better than in every objective, lowest val_loss first."""
    found = usable(study.best_trials) if len(study.directions) > 1 else usable(study.get_trials(deepcopy=False))
    ordered = sorted(found, key=lambda trial: (val_loss(trial), trial.number))
    return ordered if len(study.directions) > 1 else ordered[:1]


def finalists(trials: Iterable[FrozenTrial], count: int) -> list[Finalist]:
    """The `count` best candidates by val_loss, best first; the same values count once."""
    found: list[Finalist] = []
    for trial in sorted(usable(trials), key=lambda trial: (val_loss(trial), trial.number)):
        if len(found) < count and all(trial.params != one.values for one in found):
            found.append(Finalist(trial.number, dict(trial.params), val_loss(trial)))
    return found


def val_loss(trial: FrozenTrial) -> float:
    """Of a complete trial, in nats."""
    return float(trial.user_attrs[MEASURED]["val_loss"])


def rechecked(plan: RecheckPlan, of: Sequence[Finalist], trials: Iterable[FrozenTrial]) -> list[Rechecked]:
    """The finalists with what their fresh seeds gave: fewest failed seeds first, then the lowest mean val_loss.

    A mean over the seeds that went well says nothing of a candidate that diverges with most.

    Args:
        plan: tells whose a trial is.
        of: the finalists.
        trials: of the re-check.
    """
    mine: dict[int, list[FrozenTrial]] = {finalist.number: [] for finalist in of}
    for trial in trials:
        mine[plan.finalist(trial.number).number].append(trial)
    found = [_rechecked(finalist, mine[finalist.number]) for finalist in of]
    return sorted(found, key=lambda one: (one.failed, one.mean, one.finalist.number))


def _rechecked(finalist: Finalist, trials: Sequence[FrozenTrial]) -> Rechecked:
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return Rechecked(
        finalist=finalist,
        losses=tuple(map(val_loss, complete)),
        accuracies=tuple(float(trial.user_attrs[MEASURED].get("val_accuracy", float("nan"))) for trial in complete),
        failed=len(trials) - len(complete),
    )
