"""Open a study: it is made when it is missing, and refused when its trials were made from other parameters."""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage

from glyphline.params import Params
from glyphline.params.tune import TuneParams
from glyphline.tuning.identity import IDENTITY, check_is_ours, sampler_seed
from glyphline.tuning.space import Space
from glyphline.tuning.trial_seal import check_trials

SETTINGS = "settings"
REDUCTION_FACTOR, HALVES = 3, 2
PRUNERS: dict[str, type[BasePruner]] = {
    "median": MedianPruner,
    "halving": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
    "none": NopPruner,
}


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
        storage: of the studies.
        name: of the study.
        objectives: names of the metrics that are minimised.
        pruner: stops hopeless trials.
        identity: dotted key -> value of all that its trials depend on.
        settings: of sampler and pruner, stored with a new study.

    Raises:
        SearchError: the study of this name depends on something else, or another program made it. Nothing has been
            written to it then.
        StudyDamagedError: it is not what was written to it.
    """
    study = optuna.create_study(
        study_name=name, storage=storage, directions=["minimize"] * len(objectives), pruner=pruner, load_if_exists=True
    )
    check_trials(study)
    check_is_ours(study, objectives, identity)
    if IDENTITY not in study.user_attrs:
        study.set_user_attr(SETTINGS, dict(settings))
        study.set_user_attr(IDENTITY, dict(identity))
    return study


def first_trials(study: optuna.Study, count: int) -> optuna.Study:
    """The study with only its first trials: what a search of so many would have left.

    Args:
        study: all its trials have ended.
        count: how many trials are kept, with their numbers.
    """
    trials = study.get_trials(deepcopy=False)
    if len(trials) <= count:
        return study
    shorter = optuna.create_study(study_name=study.study_name, directions=study.directions, pruner=study.pruner)
    shorter.add_trials(trials[:count])
    return shorter


def sampler(tune: TuneParams, seed: int, number: int, space: Space) -> BaseSampler:
    """A fresh sampler for one trial.

    Args:
        tune: its sampler and startup_trials.
        seed: of params.yaml.
        number: of the trial.
        space: that is searched.
    """
    trial_seed = sampler_seed(seed, number)
    if tune.sampler == "random":
        return RandomSampler(seed=trial_seed)
    if tune.sampler == "gp":
        # scikit-learn and SciPy take a second to import.
        from glyphline.tuning.gaussian_process import GaussianProcessSampler

        return GaussianProcessSampler(trial_seed, tune.startup_trials, space.distributions, space.active_values)
    return TPESampler(seed=trial_seed, **_tpe_options(tune, space))


def _tpe_options(tune: TuneParams, space: Space) -> dict[str, Any]:
    return {
        "n_startup_trials": tune.startup_trials,
        # Optuna 5's defaults, written out: its next version may have others, and the study would not be the same.
        "multivariate": True,
        # Parameters are drawn together only where they occur together.
        "group": space.is_conditional,
        "constant_liar": True,
    }


def pruner(params: Params) -> BasePruner:
    """Stops hopeless trials; with two objectives it stops none, because "worse" is not defined."""
    return PRUNERS[_pruner_kind(params.tune)](**_pruner_options(params))


def _pruner_kind(tune: TuneParams) -> str:
    return tune.pruner if len(tune.objectives) == 1 else "none"


def _pruner_options(params: Params) -> dict[str, Any]:
    tune, warm_up = params.tune, _warm_up_epochs(params)
    return {
        "median": {"n_startup_trials": tune.startup_trials, "n_warmup_steps": warm_up},
        "halving": {"min_resource": max(warm_up, 1), "reduction_factor": HALVES},
        "hyperband": {"min_resource": 1, "max_resource": tune.epochs, "reduction_factor": REDUCTION_FACTOR},
        "none": {},
    }[_pruner_kind(tune)]


def _warm_up_epochs(params: Params) -> int:
    """First epochs whose loss says little about the last one, because the learning rate still rises.

    Of 56 candidates of nine epochs on MNIST, the rank after the first and second epoch and the final one correlate with
    0.52 and 0.59; after the third, the first one after the warm-up, with 0.75 (docs/experiments.md).
    """
    if params.train.schedule == "constant":
        return 0
    return max(math.ceil(params.train.warmup * params.tune.epochs) - 1, 0)


def settings(params: Params, space: Space) -> dict[str, Any]:
    """The sampler and the pruner with their options, to be stored with the study."""
    tune = params.tune
    options = _tpe_options(tune, space) if tune.sampler == "tpe" else {}
    if tune.sampler == "gp":
        options = {"startup_trials": tune.startup_trials, "scikit-learn": version("scikit-learn")}
    return {
        "optuna": optuna.__version__,
        "sampler": tune.sampler,
        "seed": params.seed,
        "pruner": _pruner_kind(tune),
        **{name.removeprefix("n_"): value for name, value in {**options, **_pruner_options(params)}.items()},
    }
