"""What every launcher is given, and what it can do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from glyphline.params import Params
from glyphline.tuning.trial import Objective
from glyphline.tuning.trial_scheduler import TrialScheduler


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs beside the jobs; it is sent to other processes.

    Attributes:
        params: what the candidates start from.
        prepare: gives device and data, once per process; not called where nothing is run.
        objective: fits one candidate.
    """

    params: Params
    prepare: Callable[[], Any]
    objective: Objective


class Launcher(Protocol):
    """Runs trials; its workers stay warm from one call to the next."""

    def run(self, desk: TrialScheduler) -> None:
        """Take jobs and run them until the desk has none and all that were taken are over."""

    def drop(self) -> None:
        """End the workers at once, whatever they are at."""
