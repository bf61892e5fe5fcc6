"""Open a study: made when it is missing, refused when it is another one of the same name."""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.study import StudyDirection

from glyphline.errors import SearchError
from glyphline.params import Params
from glyphline.params.tune import TuneParams
from glyphline.tuning.identity import differences, sampler_seed
from glyphline.tuning.space import Space

IDENTITY, SETTINGS = "identity", "settings"
REDUCTION_FACTOR, HALVES = 3, 2
SHOWN_DIFFERENCES = 6


def open_study(
    storage: RDBStorage,
    name: str,
    *,
    objectives: Sequence[str],
    pruner: BasePruner,
    identity: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> optuna.Study:
    """The study `name`, made when it is missing.

    Args:
        storage: where it is.
        name: of the study.
        objectives: what is made small.
        pruner: stops hopeless trials.
        identity: dotted key -> value of all that its trials depend on.
        settings: of sampler and pruner, kept with a new study.

    Raises:
        SearchError: a study of this name is there, and its trials depend on something else, or another program made it.
            Nothing has been written to it then.
    """
    study = optuna.create_study(
        study_name=name, storage=storage, directions=["minimize"] * len(objectives), pruner=pruner, load_if_exists=True
    )
    there = study.user_attrs
    if IDENTITY in there:
        _refuse_other(name, there[IDENTITY], identity)
    elif set(study.directions) != {StudyDirection.MINIMIZE} or study.get_trials(deepcopy=False):
        raise SearchError(
            f"the study {name} is another program's",
            fix="give tune.study another name, or null for a name of its own; the other one stays as it is",
        )
    if len(study.directions) != len(objectives):
        raise SearchError(
            f"the study {name} has {len(study.directions)} objectives, and tune.objectives {len(objectives)}",
            fix="give tune.study another name, or null for a name of its own",
        )
    if IDENTITY not in there:
        study.set_user_attr(SETTINGS, dict(settings))
        study.set_user_attr(IDENTITY, dict(identity))
    return study


def beginning(study: optuna.Study, count: int) -> optuna.Study:
    """The study with its first trials alone: what a search of so many would have left.

    Args:
        study: all of whose trials have ended.
        count: how many trials are kept; they have their numbers.
    """
    trials = study.get_trials(deepcopy=False)
    if len(trials) <= count:
        return study
    first = optuna.create_study(study_name=study.study_name, directions=study.directions, pruner=study.pruner)
    first.add_trials(trials[:count])
    return first


def _refuse_other(name: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    found = differences(theirs, ours)
    if found:
        more = f"; and {len(found) - SHOWN_DIFFERENCES} more" if len(found) > SHOWN_DIFFERENCES else ""
        raise SearchError(
            f"the study {name} is another one: {'; '.join(found[:SHOWN_DIFFERENCES])}{more}",
            fix="give tune.study another name for a new study, or null for a name of its own; the old one stays",
        )


def sampler(tune: TuneParams, seed: int, number: int, space: Space) -> BaseSampler:
    """A fresh sampler for one trial.

    Args:
        tune: sampler and startup_trials count.
        seed: of params.yaml.
        number: of the trial.
        space: that is searched.
    """
    drawn = sampler_seed(seed, number)
    if tune.sampler == "random":
        return RandomSampler(seed=drawn)
    if tune.sampler == "gp":
        # scikit-learn and SciPy take a second to import.
        from glyphline.tuning.gaussian_process import GaussianProcessSampler

        return GaussianProcessSampler(drawn, tune.startup_trials, space.distributions, space.existing)
    return TPESampler(
        seed=drawn,
        n_startup_trials=tune.startup_trials,
        # Optuna 5's defaults, written out: its next version may have others, and the study would not be the same.
        multivariate=True,
        # Parameters together only where they occur together.
        group=space.is_conditional,
        constant_liar=True,
    )


def pruner(params: Params) -> BasePruner:
    """What stops hopeless trials; with two objectives nothing does, because "worse" is not defined."""
    tune = params.tune
    if tune.pruner == "none" or len(tune.objectives) > 1:
        return NopPruner()
    if tune.pruner == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=tune.epochs, reduction_factor=REDUCTION_FACTOR)
    silent = _silent_epochs(params)
    if tune.pruner == "halving":
        return SuccessiveHalvingPruner(min_resource=max(silent, 1), reduction_factor=HALVES)
    return MedianPruner(n_startup_trials=tune.startup_trials, n_warmup_steps=silent)


def _silent_epochs(params: Params) -> int:
    """Epochs whose loss says little about the last one: the learning rate has not come to its peak.

    Of 56 candidates of nine epochs on MNIST, the rank after the first and second epoch and the final one correlate with
    0.52 and 0.59; after the third, the first one after the warm-up, with 0.75 (docs/experiments.md).
    """
    if params.train.schedule == "constant":
        return 0
    return max(math.ceil(params.train.warmup * params.tune.epochs) - 1, 0)


def settings(params: Params, space: Space) -> dict[str, Any]:
    """What sampler and pruner are, for the record."""
    tune = params.tune
    found: dict[str, Any] = {
        "optuna": optuna.__version__,
        "sampler": tune.sampler,
        "seed": params.seed,
        "pruner": tune.pruner if len(tune.objectives) == 1 else "none",
    }
    if tune.sampler == "tpe":
        found |= {
            "startup_trials": tune.startup_trials,
            "multivariate": True,
            "group": space.is_conditional,
            "constant_liar": True,
        }
    if tune.sampler == "gp":
        found |= {"startup_trials": tune.startup_trials, "scikit-learn": version("scikit-learn")}
    if found["pruner"] == "halving":
        found |= {"min_resource": max(_silent_epochs(params), 1), "reduction_factor": HALVES}
    if found["pruner"] == "median":
        found |= {"startup_trials": tune.startup_trials, "warmup_steps": _silent_epochs(params)}
    if found["pruner"] == "hyperband":
        found |= {"min_resource": 1, "max_resource": tune.epochs, "reduction_factor": REDUCTION_FACTOR}
    return found
