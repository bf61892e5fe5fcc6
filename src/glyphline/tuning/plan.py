"""Which trials a study is to have: those of the search, or those that check its best candidates again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import optuna

from glyphline.params import Params
from glyphline.tuning.identity import recheck_seed, trial_seed
from glyphline.tuning.space import Space
from glyphline.tuning.study import sampler
from glyphline.tuning.trial import TrialSpec

RECHECK = "-finalists-"


class TrialPlan(Protocol):
    """Which trials a study is to have.

    Attributes:
        name: of one trial, for people: `trial` or `finalist`.
        total: how many trials there are to be.
        timeout_s: seconds of work after which no new trial is started; None for no limit.
        objectives: names of the metrics that are minimised.
        prunes: a hopeless trial may be stopped.
        space: of the candidates.
    """

    name: str
    total: int
    timeout_s: float | None
    objectives: Sequence[str]
    prunes: bool
    space: Space

    def values(self, study: optuna.Study, number: int, /) -> Mapping[str, Any]:
        """The candidate of a new trial."""

    def requested(self, study: optuna.Study, number: int, asked: Mapping[str, Any], /) -> Mapping[str, Any]:
        """The candidate of a trial that another program put into the study with some values.

        Raises:
            ValueError: the trial cannot be run with them; the message says why.
        """

    def spec(self, number: int, values: Mapping[str, Any]) -> TrialSpec:
        """What the process that runs the trial needs to know of it."""


def rechecked_study(study: str) -> str | None:
    """The study whose finalists the study of this name would check; None when it is no name of a re-check."""
    search, separator, _ = study.rpartition(RECHECK)
    return search if separator else None


class SearchPlan:
    """First params.yaml itself, then the best of an earlier study, then what the sampler draws.

    Args:
        params: its section `tune` says how many trials, and which sampler.
        space: what is searched.
        warm_start: candidates to try after params.yaml.
    """

    name = "trial"

    def __init__(self, params: Params, space: Space, warm_start: Sequence[Mapping[str, Any]] = ()) -> None:
        self.total, self.timeout_s = params.tune.trials, params.tune.timeout_s
        self.objectives: Sequence[str] = params.tune.objectives
        self.prunes = params.tune.pruner != "none" and len(self.objectives) == 1
        self._params, self.space = params, space
        self._given = [space.current_values(), *warm_start]

    def values(self, study: optuna.Study, number: int) -> Mapping[str, Any]:
        """The values of params.yaml, then those of an earlier study, then what a fresh sampler draws."""
        if number < len(self._given):
            return self._given[number]
        tune, seed = self._params.tune, self._params.seed
        return self.space.draw(study, sampler(tune, seed, number, self.space), number)

    def requested(self, study: optuna.Study, number: int, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values that are asked for; the others are those that the trial of this number has anyway."""
        return self.space.completed(asked, self.values(study, number))

    def spec(self, number: int, values: Mapping[str, Any]) -> TrialSpec:
        """A short fit with its own seed."""
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
    """Each finalist at full length with every fresh seed.

    Seed by seed: a search that ends early has fitted every finalist equally often, or nearly so.

    Args:
        params: `tune.seeds` says how many fits each finalist gets.
        space: of the candidates.
        finalists: best first.
    """

    name = "finalist"
    timeout_s: float | None = None
    objectives: Sequence[str] = ("val_loss",)
    prunes = False

    def __init__(self, params: Params, space: Space, finalists: Sequence[Finalist]) -> None:
        self._seeds = params.tune.seeds
        self.total = len(finalists) * self._seeds
        self._params, self.space, self._finalists = params, space, finalists

    def values(self, _study: optuna.Study, number: int) -> Mapping[str, Any]:
        """The values of the finalist whose turn it is."""
        return self.finalist(number).values

    def requested(self, _study: optuna.Study, _number: int, _asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Each fit has its finalist."""
        raise ValueError("a re-check fits the finalists and nothing else; enqueue trials in the study of the search")

    def spec(self, number: int, values: Mapping[str, Any]) -> TrialSpec:
        """A fit like that of the train stage."""
        return TrialSpec(number, values, recheck_seed(self._params.seed, number // len(self._finalists)), None)

    @property
    def identity(self) -> dict[str, Any]:
        """What the re-check depends on, besides what the search depends on."""
        return {"finalists": [finalist.number for finalist in self._finalists], "seeds": self._seeds}

    def study_name(self, search: str) -> str:
        """Name of the study of the re-check; another one for other finalists, which a longer search may have.

        Args:
            search: name of the study of the search.
        """
        digest = hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()
        return f"{search}{RECHECK}{digest[:6]}"

    def finalist(self, number: int) -> Finalist:
        """The finalist that a trial of the re-check fits."""
        return self._finalists[number % len(self._finalists)]
