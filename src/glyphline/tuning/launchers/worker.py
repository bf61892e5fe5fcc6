"""What a worker does: it receives trials, sends their epochs and results, and after each epoch waits for the reply."""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from glyphline.errors import PipelineError
from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.trial import TrialSpec
from glyphline.tuning.trial_runner import TrialResult, run_trial

# TensorFlow never frees what a compiled function took, 9 MB for a small CNN (docs/experiments.md); a new worker costs
# the seconds of its import.
GROWTH_MB = 512.0


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker waits for a trial."""


@dataclass(frozen=True, slots=True)
class EpochReport:
    """An epoch ended; the worker waits for the reason to prune the trial, or None."""

    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """A trial ended, and the worker exits, because it has grown too large for another."""

    result: TrialResult


@dataclass(frozen=True, slots=True)
class SetupFailure:
    """The worker cannot run trials here, and the person can act on it."""

    kind: type[PipelineError]
    problem: str
    fix: str

    def error(self) -> PipelineError:
        """The error as it was raised in the worker."""
        return self.kind(self.problem, fix=self.fix)


@dataclass(frozen=True, slots=True)
class WorkerCrash:
    """The worker cannot run trials here because of a mistake in this program."""

    traceback: str


Message = Ready | EpochReport | TrialResult | WorkerExit | SetupFailure | WorkerCrash

Request = Callable[[Message], Any]
"""Sends a message and waits for its reply."""


def serve(setup: WorkerSetup, request: Request) -> None:
    """Run trials until the reply to `Ready` is None, or this process has grown by `GROWTH_MB` since its first trial.

    Args:
        setup: what a trial needs.
        request: reaches the process that has the scheduler.
    """
    try:
        fit_context = setup.prepare()
    except PipelineError as error:
        request(SetupFailure(type(error), error.problem, error.fix))
        return
    except Exception:
        request(WorkerCrash(traceback.format_exc()))
        return
    message: Message = Ready()
    limit = math.inf
    while not isinstance(message, WorkerExit):
        spec: TrialSpec | None = request(message)
        if spec is None:
            return
        result = run_trial(
            setup.objective,
            setup.params,
            fit_context,
            spec,
            lambda epoch, metrics: request(EpochReport(epoch, metrics)),
        ).without_error()
        size = psutil.Process().memory_info().rss / 2**20
        limit = min(limit, size + GROWTH_MB)
        message = result if size < limit else WorkerExit(result)
    request(message)
