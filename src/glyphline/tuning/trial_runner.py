"""Run one trial and say how it ended: what is a result, what is a failed candidate, what is a mistake of ours."""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from glyphline.errors import ParamsError, TrainingError
from glyphline.params import Params
from glyphline.tuning.trial import Objective, TooLargeError, TrialSpec

State = Literal["COMPLETE", "PRUNED", "FAIL"]

Report = Callable[[int, Mapping[str, float]], str | None]
"""Told of each epoch; returns the reason to stop the trial, or None to go on."""

# What Keras' backends raise when a device has no memory left; the classes differ, the words do not.
OUT_OF_MEMORY = ("ResourceExhausted", "RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended.

    Attributes:
        state: Optuna's name for it.
        measured: name -> value of a complete trial; empty for others.
        reason: why a trial was not completed.
        constraint, surplus: the limit that the candidate breaks, and by how much as a part of it.
        error, trace: of a mistake in this program, which stops the study; the exception stays in its process.
    """

    state: State
    measured: Mapping[str, float]
    reason: str | None = None
    constraint: str | None = None
    surplus: float = 0.0
    error: Exception | None = None
    trace: str | None = None

    def without_error(self) -> Self:
        """As it can be sent to another process."""
        return replace(self, error=None)


class _StopError(Exception):
    """The study does not want the rest of the trial."""


class _ReportError(Exception):
    """What `report` raised, on its way through the candidate: a full disk where the study lies is no fault of it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def run_recorded(objective: Objective, params: Params, setting: Any, job: TrialSpec, report: Report) -> TrialResult:
    """Run a trial to whatever end it has.

    Args:
        objective: fits one candidate.
        params: what the candidate starts from.
        setting: device and data.
        job: the candidate.
        report: told of each epoch.

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
            raise _StopError(reason)

    try:
        measured = dict(objective(params, job, setting, on_epoch=on_epoch))
    except _StopError as stop:
        return TrialResult("PRUNED", {}, str(stop))
    except _ReportError as failed:
        raise failed.error from None
    except TooLargeError as large:
        return TrialResult("PRUNED", {}, large.reason, large.constraint, large.surplus)
    except Exception as error:
        return _failed(error)
    unfit = [name for name, value in measured.items() if not math.isfinite(value)]
    if unfit:
        return TrialResult("FAIL", {}, f"{unfit[0]} is {measured[unfit[0]]}")
    return TrialResult("COMPLETE", measured)


def _failed(error: Exception) -> TrialResult:
    if isinstance(error, TrainingError | ParamsError):
        return TrialResult("FAIL", {}, error.problem)
    if is_out_of_memory(error):
        return TrialResult("FAIL", {}, f"out of memory: {_first_line(error)}")
    return TrialResult("FAIL", {}, repr(error), error=error, trace=traceback.format_exc())


def is_out_of_memory(error: Exception) -> bool:
    """True when a device or the machine had no memory left."""
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    return isinstance(error, MemoryError) or any(word in f"{names} {error}" for word in OUT_OF_MEMORY)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
