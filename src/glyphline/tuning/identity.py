"""Which study a search belongs to, when a study is refused as another one, and the random streams of its trials."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from optuna.study import Study, StudyDirection

from glyphline import training
from glyphline.errors import SearchError
from glyphline.params import Params
from glyphline.training.fit import WITHOUT_EFFECT
from glyphline.tuning.space import KIND
from glyphline.values import flatten

IDENTITY = "identity"
SHOWN_DIFFERENCES = 6
# The fields that change a trial or how its values are drawn; the others say when to stop, where to run, and what to do
# with the best.
_TUNE_FIELDS = {
    "epochs",
    "startup_trials",
    "sampler",
    "pruner",
    "objectives",
    "max_parameters",
    "warm_start",
    "space",
}


def identity(params: Params, digests: Mapping[str, str], code: str) -> dict[str, Any]:
    """Dotted key -> value of all that the trials of a study depend on.

    Args:
        params: the parameters.
        digests: split name -> digest of the data.
        code: digest of the code that a trial runs.

    Raises:
        TrainingError: Keras cannot run on the backend that KERAS_BACKEND names.
    """
    parts: dict[str, Any] = {
        "seed": params.seed,
        "model": params.model.model_dump(mode="json"),
        "train": params.train.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "tune": params.tune.model_dump(mode="json", include=_TUNE_FIELDS),
        "data": {"dataset": params.data.dataset, **digests},
        "code": code,
    }
    if (backend := training.backend_name()) != training.DEFAULT_BACKEND:
        # Not for the default: studies from before this key stay what they are.
        parts["backend"] = backend
    return flatten(parts)


def study_name(params: Params, identity: Mapping[str, Any]) -> str:
    """`tune.study`, else a name that is the same exactly when every trial would do the same."""
    if params.tune.study is not None:
        return params.tune.study
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{params.data.dataset}-{digest[:12]}"


def check_is_ours(study: Study, objectives: Sequence[str], identity: Mapping[str, Any]) -> None:
    """Refuse a study whose trials were made from something else.

    Args:
        study: as the storage has it.
        objectives: names of the metrics that are minimised.
        identity: dotted key -> value of all that the trials of this search depend on.

    Raises:
        SearchError: the identities differ, or another program made the study.
    """
    name, stored = study.study_name, study.user_attrs.get(IDENTITY)
    if stored is None:
        if set(study.directions) != {StudyDirection.MINIMIZE} or study.get_trials(deepcopy=False):
            raise SearchError(
                f"the study {name} was made by another program",
                fix="give tune.study another name, or null for a name of its own; that study is not changed",
            )
    elif changes := differences(stored, identity):
        more = f"; and {len(changes) - SHOWN_DIFFERENCES} more" if len(changes) > SHOWN_DIFFERENCES else ""
        raise SearchError(
            f"the trials of study {name} were made from something else: {'; '.join(changes[:SHOWN_DIFFERENCES])}{more}",
            fix="give tune.study another name for a new study, or null for a name of its own; the old study stays",
        )
    if len(study.directions) != len(objectives):
        raise SearchError(
            f"the study {name} has {len(study.directions)} objectives, and tune.objectives {len(objectives)}",
            fix="give tune.study another name, or null for a name of its own",
        )


def trial_seed(seed: int, number: int) -> int:
    """A seed for one trial.

    From a spawned stream: seed + number would give trial 1 of seed 7 the stream of trial 0 of seed 8.
    """
    return _spawned_seed(seed, number)


def sampler_seed(seed: int, number: int) -> int:
    """A seed for the sampler that draws one trial's values.

    The storage does not keep a sampler's state. With a fresh sampler per trial, a resumed search draws what an
    uninterrupted one would have drawn.
    """
    return _spawned_seed(seed, 1, number)


def recheck_seed(seed: int, number: int) -> int:
    """A seed that no trial has had, the same for all finalists, so that they differ by their parameters alone.

    Args:
        seed: of params.yaml.
        number: from 0, below `tune.seeds`.
    """
    return _spawned_seed(seed, 2, number)


def code_digest(params: Params, project: Path | None = None) -> str:
    """Digest of the code that a trial runs.

    Args:
        params: `model.kind` and its choices in the space decide; the code of the user's own networks is included.
        project: folder in which such functions are looked for.

    Raises:
        TrainingError: the module of such a function is missing.
    """
    digest = hashlib.sha256(Path(__file__).with_name("trial.py").read_bytes())
    for kind in _kinds(params):
        digest.update(training.code_digest(kind, project).encode())
    return digest.hexdigest()


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Each key whose values differ, as `train.batch_size 32 there, 64 now`."""
    keys = [key for key in {**theirs, **ours} if theirs.get(key) != ours.get(key)]
    return [f"{key} {_short(theirs.get(key))} there, {_short(ours.get(key))} now" for key in keys]


def _kinds(params: Params) -> Iterable[str]:
    entry = params.tune.space.get(KIND)
    return dict.fromkeys((params.model.kind, *map(str, (entry.choices if entry else None) or ())))


def _spawned_seed(seed: int, *key: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
