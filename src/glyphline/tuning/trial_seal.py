"""The seal of an ended trial: a digest of what it was and how it went, so that a changed value is noticed.

SQLite notices a page that is malformed, and not a number in it that became another one. Trials without a seal, of
earlier releases or other programs, are read as they are.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from glyphline.tuning.storage import StudyDamagedError

SEAL = "seal"
"""Name of the user attribute."""


def trial_seal(trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> str:
    """The seal of a trial that ends.

    Args:
        trial: with all its attributes.
        state: in which it ends.
        values: of the objectives; None unless it is complete.
    """
    content = [
        trial.number,
        state.name,
        # Optuna gives a pruned trial the last value that it reported.
        [float(value) for value in values or ()] if state == TrialState.COMPLETE else None,
        sorted(trial.params.items()),
        sorted(trial.intermediate_values.items()),
        sorted(trial.constraints.items()),
        sorted((key, value) for key, value in trial.user_attrs.items() if key != SEAL),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what Optuna and SQLAlchemy raise for a state, a date or a text that is none into a StudyDamagedError.

    Args:
        what: is read.
    """
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise StudyDamagedError(f"a value of {what} cannot be read ({' '.join(str(error).split())[:120]})") from None


def check_trials(study: Study) -> None:
    """Refuse a study with an ended trial that was changed after it ended.

    Raises:
        StudyDamagedError: a seal does not fit, trials are missing, or a value cannot be read.
    """
    name = f"study {study.study_name}"
    with reading(name):
        trials = study.get_trials(deepcopy=False)
        # Read for their errors; what is in them is compared elsewhere.
        _ = study.user_attrs, study.directions
        changed = [
            trial.number
            for trial in trials
            if trial.state.is_finished()
            and SEAL in trial.user_attrs
            and trial.user_attrs[SEAL] != trial_seal(trial, trial.state, trial.values)
        ]
    if changed:
        raise StudyDamagedError(f"trial {changed[0]} of {name} is not what was recorded at its end")
    if [trial.number for trial in trials] != list(range(len(trials))):
        raise StudyDamagedError(f"trials of {name} are missing")
