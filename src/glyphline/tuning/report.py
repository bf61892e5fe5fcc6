"""The result of a search, and the tables that show it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from glyphline.csv_text import csv_text
from glyphline.errors import SearchError
from glyphline.tuning.finalists import RecheckedFinalist, usable, val_loss
from glyphline.tuning.trial_store import METRICS, REASON

Rows = tuple[dict[str, Any], ...]

TRIAL_COLUMNS = ("trial", "state", "best_val_loss", "epochs")
FINALIST_COLUMNS = (
    "trial",
    "first_val_loss",
    "mean_val_loss",
    "spread",
    "shrinkage",
    "mean_val_accuracy",
    "seeds",
    "failed",
)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        study: name of the study.
        number: of the winning trial.
        values: dotted key -> value of the winner.
        val_loss: of the winner in the search, in nats.
        complete, pruned, failed: numbers of trials of the search by their end.
        rows: one mapping per trial, for a table.
        front: the trials of the Pareto front in the same form; with one objective only the best.
        rechecked: the finalists, the winner first; empty when the parameters ask for none.
    """

    study: str
    number: int
    values: dict[str, Any]
    val_loss: float
    complete: int
    pruned: int
    failed: int
    rows: Rows
    front: Rows = ()
    rechecked: tuple[RecheckedFinalist, ...] = ()


def rows(trials: Iterable[FrozenTrial], other_objectives: Sequence[str] = ()) -> Rows:
    """One mapping per trial: number, state, best_val_loss, epochs, other objectives, then the searched parameters.

    No times: the table is an out of the stage, and the same search must give the same file.

    Args:
        trials: of a study.
        other_objectives: names of the objectives besides val_loss.
    """
    return tuple(
        {
            "trial": trial.number,
            "state": trial.state.name,
            "best_val_loss": min(trial.intermediate_values.values(), default=""),
            "epochs": len(trial.intermediate_values),
            **{name: trial.user_attrs.get(METRICS, {}).get(name, "") for name in other_objectives},
            **trial.params,
        }
        for trial in trials
    )


def finalist_rows(finalists: Iterable[RecheckedFinalist]) -> Rows:
    """One mapping per finalist: which trial, its first val_loss, mean, spread and shrinkage over fresh seeds."""
    return tuple(
        dict(
            zip(
                FINALIST_COLUMNS,
                (
                    one.finalist.number,
                    one.finalist.val_loss,
                    one.mean,
                    "" if one.spread is None else one.spread,
                    one.shrinkage,
                    fmean(one.accuracies) if one.accuracies else "",
                    len(one.losses),
                    one.failed,
                ),
                strict=True,
            )
        )
        for one in finalists
    )


def tables(result: SearchResult | None) -> dict[str, str]:
    """Name of a file -> its text: all trials, the Pareto front, the finalists.

    Args:
        result: None when there was no search; the files then have only their headings.
    """
    trials, front, finalists = (result.rows, result.front, finalist_rows(result.rechecked)) if result else ((), (), ())
    return {
        "trials.csv": _csv(trials, TRIAL_COLUMNS),
        "pareto.csv": _csv(front, TRIAL_COLUMNS),
        "finalists.csv": _csv(finalists, FINALIST_COLUMNS),
    }


def _csv(rows: Rows, columns: Sequence[str]) -> str:
    # A candidate of a conditional space lacks some parameters.
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
    return csv_text(names, ([row.get(name, "") for name in names] for row in rows))


def check_usable(trials: Sequence[FrozenTrial]) -> None:
    """Check that there is a trial to choose.

    Raises:
        SearchError: no trial was completed within the limits; with the most common reason.
    """
    if usable(trials):
        return
    if not trials:
        raise SearchError("none of 0 trials was completed", fix="raise tune.timeout_s")
    states = Counter(trial.state.name for trial in trials)
    counts = ", ".join(f"{number} {state.lower()}" for state, number in sorted(states.items()))
    reason, is_limit = _most_common_reason(trials)
    raise SearchError(
        f"none of {len(trials)} trials was completed ({counts}); {reason}",
        fix="raise tune.max_parameters, or search smaller networks"
        if is_limit
        else "remove that cause, for example with a lower range of train.learning_rate in tune.space; then search "
        "again with another seed or space",
    )


def check_rechecked(finalists: Sequence[RecheckedFinalist], trials: Sequence[FrozenTrial]) -> None:
    """Check that the first of the finalists has a result with fresh seeds.

    Args:
        finalists: the best first.
        trials: of their re-check.

    Raises:
        SearchError: no fit of any finalist was completed; with the most common reason.
    """
    if finalists and not finalists[0].losses:
        reason, _ = _most_common_reason(trials)
        raise SearchError(
            f"none of {len(trials)} fits of the finalists with fresh seeds was completed; {reason}",
            fix="remove that cause; `tune.finalists: 0` takes the best trial of the search unchecked",
        )


def _most_common_reason(trials: Sequence[FrozenTrial]) -> tuple[str, bool]:
    """The reason in words, and whether it is a limit that the candidates break."""
    reasons: dict[str, list[str]] = {}
    for trial in trials:
        reason = str(trial.user_attrs.get(REASON, trial.state.name.lower()))
        # Grouped by the limit: the reason of each candidate names another number.
        limit = next((name for name, surplus in trial.constraints.items() if surplus > 0), None)
        reasons.setdefault(limit or reason, []).append(reason)
    kind, texts = max(reasons.items(), key=lambda item: len(item[1]))
    limits = {name for trial in trials for name in trial.constraints}
    return f"most often ({len(texts)} times): {texts[0]}", kind in limits


def search_result(
    study: str,
    trials: Sequence[FrozenTrial],
    front: Sequence[FrozenTrial],
    rechecked: Sequence[RecheckedFinalist],
    other_objectives: Sequence[str],
) -> SearchResult:
    """The result of a search: the best finalist wins, or without finalists the trial with the lowest val_loss."""
    number = rechecked[0].finalist.number if rechecked else front[0].number
    best = next(trial for trial in trials if trial.number == number)
    states = Counter(trial.state for trial in trials)
    return SearchResult(
        study=study,
        number=number,
        values=dict(best.params),
        val_loss=val_loss(best),
        complete=states[TrialState.COMPLETE],
        pruned=states[TrialState.PRUNED],
        failed=states[TrialState.FAIL],
        rows=rows(trials, other_objectives),
        front=rows(front, other_objectives),
        rechecked=tuple(rechecked),
    )
