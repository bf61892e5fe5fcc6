"""What the figures of a study draw: its trials by their end, and the best of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import optuna
from optuna.trial import FrozenTrial, TrialState

from glyphline.tuning.finalists import pareto_front

LABELS = {"val_loss": "validation loss (nats)", "model_size": "parameters", "latency_ms": "latency (ms)"}
"""Objective -> what an axis is called."""


@dataclass(frozen=True, slots=True)
class DrawnStudy:
    """The trials of a study.

    Attributes:
        study: Optuna's own.
        objectives: their names.
        trials: all, by number.
        complete, pruned, failed: of them; a complete one has finite values.
        front: the best, lowest val_loss first; one with one objective, none when no trial is complete.
    """

    study: optuna.Study
    objectives: tuple[str, ...]
    trials: tuple[FrozenTrial, ...]
    complete: tuple[FrozenTrial, ...]
    pruned: tuple[FrozenTrial, ...]
    failed: tuple[FrozenTrial, ...]
    front: tuple[FrozenTrial, ...]

    @classmethod
    def of(cls, study: optuna.Study, objectives: Sequence[str]) -> Self:
        """The trials of Optuna's study."""
        trials = sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)
        ended = (
            tuple(trial for trial in trials if trial.state == state)
            for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        )
        complete, pruned, failed = ended
        complete = tuple(trial for trial in complete if all(map(math.isfinite, trial.values)))
        return cls(study, tuple(objectives), tuple(trials), complete, pruned, failed, tuple(pareto_front(study)))

    @property
    def best(self) -> FrozenTrial | None:
        """The trial with the lowest val_loss."""
        return self.front[0] if self.front else None

    @property
    def searched(self) -> tuple[str, ...]:
        """Dotted keys of the parameters that complete trials have, in the order of the first trial that has them."""
        return tuple(dict.fromkeys(key for trial in self.complete for key in trial.params))

    @property
    def counts(self) -> str:
        """As `17 complete, 2 pruned`."""
        numbers = {"complete": self.complete, "pruned": self.pruned, "failed": self.failed}
        return ", ".join(f"{len(trials)} {state}" for state, trials in numbers.items() if trials) or "none has ended"

    def label(self, objective: int = 0) -> str:
        """What the axis of an objective is called."""
        name = self.objectives[objective]
        return LABELS.get(name, name)
