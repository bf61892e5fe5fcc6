"""A worker's side of a launcher: jobs come in, epochs and ends go out, and after each epoch it is told to go on."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from glyphline.errors import PipelineError
from glyphline.tuning.conduct import Ended, conduct
from glyphline.tuning.launchers.work import Work
from glyphline.tuning.trial import Job


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker waits for a job."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch ended; the worker waits for the reason to stop, or None."""

    epoch: int
    metrics: Mapping[str, float]


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
class Broken:
    """The worker cannot work here, and it is a mistake of this program."""

    trace: str


Message = Ready | Epoch | Ended | Refused | Broken

Ask = Callable[[Message], Any]
"""Sends a message and waits for its answer."""


def serve(work: Work, ask: Ask) -> None:
    """Work until the answer to `Ready` is None.

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
        ask(Broken(traceback.format_exc()))
        return
    message: Message = Ready()
    while True:
        job: Job | None = ask(message)
        if job is None:
            return
        ended = conduct(work.objective, work.params, setting, job, lambda epoch, metrics: ask(Epoch(epoch, metrics)))
        message = ended.without_error()
