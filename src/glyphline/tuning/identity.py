"""Which study a search belongs to, and the random streams of its trials."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glyphline import training
from glyphline.params import Params
from glyphline.training.fit import WITHOUT_EFFECT

# What the best trial depends on; `trials` and `timeout_s` only say when to stop.
_TUNE_FIELDS = {"epochs", "startup_trials", "space"}


def study_name(params: Params, digests: Mapping[str, str], code: str) -> str:
    """The same name exactly when every trial would do the same.

    Args:
        params: the parameters.
        digests: split name -> digest of the data.
        code: digest of the code that a trial runs.
    """
    parts: dict[str, Any] = {
        "seed": params.seed,
        "model": params.model.model_dump(mode="json"),
        "train": params.train.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "tune": params.tune.model_dump(mode="json", include=_TUNE_FIELDS),
        "data": dict(digests),
        "code": code,
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"{params.data.dataset}-{digest[:12]}"


def trial_seed(seed: int, number: int) -> int:
    """A seed for one trial.

    Spawned: seed + number would give trial 1 of seed 7 the stream of trial 0 of seed 8.
    """
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1)[0])


def sampler_seed(seed: int, number: int) -> int:
    """A seed for the choice of one trial's parameters.

    The sampler's state is not in the storage. A fresh sampler per trial makes a resumed search draw what an
    uninterrupted one would have drawn.
    """
    return int(np.random.SeedSequence(seed, spawn_key=(1, number)).generate_state(1)[0])


def code_digest(kind: str = "cnn", project: Path | None = None) -> str:
    """Digest of the code that a trial runs.

    Args:
        kind: `model.kind`; a function of the user's own is part of the code.
        project: folder in which that function is looked for.

    Raises:
        TrainingError: there is no such function's module.
    """
    own = Path(__file__).with_name("trial.py").read_bytes()
    return hashlib.sha256(training.code_digest(kind, project).encode() + own).hexdigest()
