"""The best trials, fitted again with fresh seeds: which of them are good, and which were lucky."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import optuna
from optuna.trial import FrozenTrial, TrialState

from glyphline.tuning.plan import Finalist, RecheckPlan
from glyphline.tuning.trial_store import METRICS


@dataclass(frozen=True, slots=True)
class RecheckedFinalist:
    """A finalist and its results with fresh seeds.

    Attributes:
        finalist: as the search left it.
        losses: val_loss of each fresh seed whose fit was completed, in nats.
        accuracies: val_accuracy of the same fits, as fractions.
        failed: number of fresh seeds without a result.
    """

    finalist: Finalist
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    failed: int

    @property
    def mean(self) -> float:
        """Mean val_loss in nats; infinite when no fit was completed."""
        return fmean(self.losses) if self.losses else float("inf")

    @property
    def spread(self) -> float | None:
        """Standard deviation of val_loss over the seeds, in nats; None for fewer than two."""
        return stdev(self.losses) if len(self.losses) > 1 else None

    @property
    def shrinkage(self) -> float:
        """Mean minus the val_loss in the search, in nats: above 0, the search flattered the finalist."""
        return self.mean - self.finalist.val_loss


def usable(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The complete trials that break no limit; none of a study that another program made."""
    return [
        trial
        for trial in trials
        if trial.state == TrialState.COMPLETE
        and METRICS in trial.user_attrs
        and all(surplus <= 0 for surplus in trial.constraints.values())
    ]


def pareto_front(study: optuna.Study) -> list[FrozenTrial]:
    """The usable trials that no other is better than in every objective, lowest val_loss first."""
    trials = study.best_trials if len(study.directions) > 1 else study.get_trials(deepcopy=False)
    ordered = sorted(usable(trials), key=lambda trial: (val_loss(trial), trial.number))
    return ordered if len(study.directions) > 1 else ordered[:1]


def finalists(trials: Iterable[FrozenTrial], count: int) -> list[Finalist]:
    """The `count` best candidates by val_loss, best first; the same values count once."""
    best: list[Finalist] = []
    for trial in sorted(usable(trials), key=lambda trial: (val_loss(trial), trial.number)):
        if len(best) < count and all(trial.params != one.values for one in best):
            best.append(Finalist(trial.number, dict(trial.params), val_loss(trial)))
    return best


def val_loss(trial: FrozenTrial) -> float:
    """The val_loss of a complete trial, in nats."""
    return float(trial.user_attrs[METRICS]["val_loss"])


def recheck_results(
    plan: RecheckPlan, finalists: Sequence[Finalist], trials: Iterable[FrozenTrial]
) -> list[RecheckedFinalist]:
    """The finalists with their results with fresh seeds: fewest failed seeds first, then the lowest mean val_loss.

    A candidate that diverges with most seeds may have the lowest mean over the others, and is not the best.

    Args:
        plan: says which finalist a trial fitted.
        finalists: of the search.
        trials: of the re-check.
    """
    fits: dict[int, list[FrozenTrial]] = {finalist.number: [] for finalist in finalists}
    for trial in trials:
        fits[plan.finalist(trial.number).number].append(trial)
    results = [_rechecked(finalist, fits[finalist.number]) for finalist in finalists]
    return sorted(results, key=lambda result: (result.failed, result.mean, result.finalist.number))


def _rechecked(finalist: Finalist, trials: Sequence[FrozenTrial]) -> RecheckedFinalist:
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return RecheckedFinalist(
        finalist=finalist,
        losses=tuple(map(val_loss, complete)),
        accuracies=tuple(float(trial.user_attrs[METRICS].get("val_accuracy", float("nan"))) for trial in complete),
        failed=len(trials) - len(complete),
    )
