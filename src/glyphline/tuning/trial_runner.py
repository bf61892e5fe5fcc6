"""Run one trial and tell its ends apart: a result, a failed candidate, a mistake of this program."""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from glyphline.errors import ParamsError, TrainingError
from glyphline.params import Params
from glyphline.tuning.trial import Objective, TooLargeError, TrialSpec

EndState = Literal["COMPLETE", "PRUNED", "FAIL"]

Report = Callable[[int, Mapping[str, float]], str | None]
"""Receives each epoch; returns the reason to prune the trial, or None to continue it."""

# What Keras' backends raise when a device has no memory left; the classes differ, the words do not.
OUT_OF_MEMORY = ("ResourceExhausted", "RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended.

    Attributes:
        state: Optuna's name for it.
        metrics: name -> value of a complete trial; empty for others.
        reason: why a trial was not completed.
        constraint, surplus: the limit that the candidate breaks, and by how much as a part of it.
        error, traceback: of a mistake in this program, which stops the study; the exception stays in its process.
    """

    state: EndState
    metrics: Mapping[str, float]
    reason: str | None = None
    constraint: str | None = None
    surplus: float = 0.0
    error: Exception | None = None
    traceback: str | None = None

    def without_error(self) -> Self:
        """The result in a form that can be sent to another process."""
        return replace(self, error=None)


class _PrunedError(Exception):
    """The pruner stops the trial."""


class _ReportError(Exception):
    """Carries an error of `report` through the candidate's code, which is not to blame for a full disk at the study."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def run_trial(objective: Objective, params: Params, fit_context: Any, spec: TrialSpec, report: Report) -> TrialResult:
    """Run a trial, and turn whatever ends it into a result.

    Args:
        objective: fits one candidate.
        params: what the candidate starts from.
        fit_context: device and data.
        spec: the candidate.
        report: receives each epoch.

    Raises:
        Exception: whatever `report` raises; the trial has not ended then.
    """

    def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
        # KeyError on purpose: a pruner that watches a metric nobody reports would silently never prune.
        loss = metrics["val_loss"]
        if not math.isfinite(loss):
            raise TrainingError(f"epoch {epoch + 1}: val_loss {loss}", fix="lower train.learning_rate")
        try:
            reason = report(epoch, metrics)
        except Exception as error:
            raise _ReportError(error) from error
        if reason is not None:
            raise _PrunedError(reason)

    try:
        metrics = dict(objective(params, spec, fit_context, on_epoch=on_epoch))
    except _PrunedError as pruned:
        return TrialResult("PRUNED", {}, str(pruned))
    except _ReportError as failed:
        raise failed.error from None
    except TooLargeError as large:
        return TrialResult("PRUNED", {}, large.reason, large.constraint, large.surplus)
    except Exception as error:
        return _failure(error)
    not_finite = [name for name, value in metrics.items() if not math.isfinite(value)]
    if not_finite:
        return TrialResult("FAIL", {}, f"{not_finite[0]} is {metrics[not_finite[0]]}")
    return TrialResult("COMPLETE", metrics)


def _failure(error: Exception) -> TrialResult:
    if isinstance(error, TrainingError | ParamsError):
        return TrialResult("FAIL", {}, error.problem)
    if is_out_of_memory(error):
        return TrialResult("FAIL", {}, f"out of memory: {_first_line(error)}")
    return TrialResult("FAIL", {}, repr(error), error=error, traceback=traceback.format_exc())


def is_out_of_memory(error: Exception) -> bool:
    """True when a device or the machine had no memory left."""
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    return isinstance(error, MemoryError) or any(word in f"{names} {error}" for word in OUT_OF_MEMORY)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
