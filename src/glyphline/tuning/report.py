"""The trials of a study as the rows of a table."""

from collections.abc import Iterable
from typing import Any

from optuna.trial import FrozenTrial


def rows(trials: Iterable[FrozenTrial]) -> tuple[dict[str, Any], ...]:
    """One mapping per trial: number, state, val_loss, epochs, then the searched parameters.

    No times: the table is an out of the stage, and the same search must give the same file.
    """
    return tuple(
        {
            "trial": trial.number,
            "state": trial.state.name,
            "val_loss": min(trial.intermediate_values.values(), default=""),
            "epochs": len(trial.intermediate_values),
            **trial.params,
        }
        for trial in trials
    )
