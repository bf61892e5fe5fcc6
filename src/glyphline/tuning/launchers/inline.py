"""One trial after the other, in this process."""

from functools import cache, partial
from types import TracebackType
from typing import Self

from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.process_lease import new_owner
from glyphline.tuning.trial_runner import run_recorded
from glyphline.tuning.trial_scheduler import TrialScheduler


class Inline:
    """The smallest launcher.

    Args:
        work: what a trial needs.
    """

    def __init__(self, work: WorkerSetup) -> None:
        self._work = work
        self._setting = cache(work.prepare)
        self._name = new_owner().rpartition("/")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is left behind."""

    def drop(self) -> None:
        """There is nobody to send home."""

    def run(self, desk: TrialScheduler) -> None:
        """Take jobs and run them until there are none."""
        if desk.is_done():
            return
        # Before a trial begins: what no trial could run with is no fault of its values.
        setting = self._setting()
        while (job := desk.take(self._name)) is not None:
            report = partial(desk.epoch, job)
            desk.end(job, run_recorded(self._work.objective, self._work.params, setting, job, report))
