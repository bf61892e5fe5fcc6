"""One trial after the other, in this process."""

from functools import cache, partial
from types import TracebackType
from typing import Self

from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.process_lease import new_owner
from glyphline.tuning.trial_runner import run_trial
from glyphline.tuning.trial_scheduler import TrialScheduler


class Inline:
    """A launcher without workers.

    Args:
        setup: what a trial needs.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._prepare = cache(setup.prepare)
        self._name = new_owner().rpartition("/")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """There is nothing to clean up."""

    def kill_workers(self) -> None:
        """There are no workers to end."""

    def run(self, scheduler: TrialScheduler) -> None:
        """Run trials until there are none to start."""
        if scheduler.is_done():
            return
        # Before a trial starts: an error here would stop every trial, so it is no fault of a trial's values.
        fit_context = self._prepare()
        while (spec := scheduler.next_trial(self._name)) is not None:
            report = partial(scheduler.report, spec)
            scheduler.end(spec, run_trial(self._setup.objective, self._setup.params, fit_context, spec, report))
