"""What every launcher receives, and what it can do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from glyphline.params import Params
from glyphline.tuning.trial import Objective
from glyphline.tuning.trial_scheduler import TrialScheduler


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs besides the trials; it is sent to other processes.

    Attributes:
        params: what the candidates start from.
        prepare: returns device and data, called once per process; not called where no trial is run.
        objective: fits one candidate.
    """

    params: Params
    prepare: Callable[[], Any]
    objective: Objective


class Launcher(Protocol):
    """Runs trials; its workers stay warm from one call to the next."""

    def run(self, scheduler: TrialScheduler) -> None:
        """Run trials until the scheduler has none to start and all that were started have ended."""

    def kill_workers(self) -> None:
        """End the workers at once, in the middle of their trials."""
