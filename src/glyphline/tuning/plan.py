"""Which trials a study is to have: those of the search, and those that check its best once more."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna

from glyphline.params import Params
from glyphline.tuning.identity import recheck_seed, trial_seed
from glyphline.tuning.space import Space
from glyphline.tuning.study import sampler
from glyphline.tuning.trial import TrialSpec

RECHECK = "-finalists-"


def searched_in(study: str) -> str | None:
    """The study whose finalists the study of this name would check; None when no such study has this name."""
    search, separator, _ = study.rpartition(RECHECK)
    return search if separator else None


class SearchPlan:
    """First params.yaml itself, then the best of an earlier study, then what the sampler draws.

    Args:
        params: section `tune` counts.
        space: what is searched.
        warm: candidates to try after params.yaml.
    """

    name = "trial"

    def __init__(self, params: Params, space: Space, warm: Sequence[Mapping[str, Any]] = ()) -> None:
        self.total, self.timeout_s = params.tune.trials, params.tune.timeout_s
        self.objectives: Sequence[str] = params.tune.objectives
        self.prunes = params.tune.pruner != "none" and len(self.objectives) == 1
        self._params, self.space = params, space
        self._fixed = [space.hand_set(), *warm]

    def values(self, study: optuna.Study, number: int) -> Mapping[str, Any]:
        """Those of params.yaml, then those of an earlier study, then what a fresh sampler draws."""
        if number < len(self._fixed):
            return self._fixed[number]
        tune, seed = self._params.tune, self._params.seed
        return self.space.draw(study, sampler(tune, seed, number, self.space), number)

    def job(self, number: int, values: Mapping[str, Any]) -> TrialSpec:
        """A short fit with a seed of its own."""
        return TrialSpec(number, values, trial_seed(self._params.seed, number), self._params.tune.epochs)


@dataclass(frozen=True, slots=True)
class Finalist:
    """One of the best of a search.

    Attributes:
        number: in the search.
        values: dotted key -> value.
        val_loss: of the search, in nats.
    """

    number: int
    values: Mapping[str, Any]
    val_loss: float


class RecheckPlan:
    """Each finalist at full length with every fresh seed; seed by seed, so that an early end has them all once.

    Args:
        params: `tune.seeds` counts.
        space: that the finalists come from.
        finalists: best first.
    """

    name = "finalist"
    timeout_s = None
    objectives = ("val_loss",)
    prunes = False

    def __init__(self, params: Params, space: Space, finalists: Sequence[Finalist]) -> None:
        self._seeds = params.tune.seeds
        self.total = len(finalists) * self._seeds
        self._params, self.space, self._finalists = params, space, finalists

    def values(self, _study: optuna.Study, number: int) -> Mapping[str, Any]:
        """The finalist's."""
        return self.finalist(number).values

    def job(self, number: int, values: Mapping[str, Any]) -> TrialSpec:
        """A fit as the train stage's."""
        return TrialSpec(number, values, recheck_seed(self._params.seed, number // len(self._finalists)), None)

    @property
    def identity(self) -> dict[str, Any]:
        """What the re-check depends on beside what the search does."""
        return {"finalists": [finalist.number for finalist in self._finalists], "seeds": self._seeds}

    def study_name(self, search: str) -> str:
        """Another name for other finalists, which a longer search may have."""
        digest = hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()
        return f"{search}{RECHECK}{digest[:6]}"

    def finalist(self, number: int) -> Finalist:
        """Whose trial it is."""
        return self._finalists[number % len(self._finalists)]
