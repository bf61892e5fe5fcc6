"""A worker's side of a launcher: jobs come in, epochs and ends go out, and after each epoch it is told to go on."""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from glyphline.errors import PipelineError
from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.trial import TrialSpec
from glyphline.tuning.trial_runner import TrialResult, run_recorded

# TensorFlow never gives back what a compiled function took, 9 MB for a small CNN (docs/experiments.md); to begin anew
# costs the seconds of its import.
GROWTH_MB = 512.0


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker waits for a job."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch ended; the worker waits for the reason to stop, or None."""

    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class WorkerRestart:
    """A trial ended, and the worker has grown too large for another."""

    ended: TrialResult


@dataclass(frozen=True, slots=True)
class Refused:
    """The worker cannot work here, and the person can do something about it."""

    kind: type[PipelineError]
    problem: str
    fix: str

    def error(self) -> PipelineError:
        """As it was raised."""
        return self.kind(self.problem, fix=self.fix)


@dataclass(frozen=True, slots=True)
class WorkerCrash:
    """The worker cannot work here, and it is a mistake of this program."""

    trace: str


Message = Ready | Epoch | TrialResult | WorkerRestart | Refused | WorkerCrash

Ask = Callable[[Message], Any]
"""Sends a message and waits for its answer."""


def serve(work: WorkerSetup, ask: Ask) -> None:
    """Work until the answer to `Ready` is None, or until this process has grown by `GROWTH_MB` since its first trial.

    Args:
        work: what a trial needs.
        ask: the line to the desk.
    """
    try:
        setting = work.prepare()
    except PipelineError as error:
        ask(Refused(type(error), error.problem, error.fix))
        return
    except Exception:
        ask(WorkerCrash(traceback.format_exc()))
        return
    message: Message = Ready()
    limit = math.inf
    while not isinstance(message, WorkerRestart):
        job: TrialSpec | None = ask(message)
        if job is None:
            return
        ended = run_recorded(
            work.objective, work.params, setting, job, lambda epoch, metrics: ask(Epoch(epoch, metrics))
        )
        size = psutil.Process().memory_info().rss / 2**20
        limit = min(limit, size + GROWTH_MB)
        message = ended.without_error() if size < limit else WorkerRestart(ended.without_error())
    ask(message)
