"""One trial after the other, in this process."""

from functools import cache, partial
from types import TracebackType
from typing import Self

from glyphline.tuning.conduct import conduct
from glyphline.tuning.desk import Desk
from glyphline.tuning.launchers.work import Work
from glyphline.tuning.seat import new_owner


class Inline:
    """The smallest launcher.

    Args:
        work: what a trial needs.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._setting = cache(work.prepare)
        self._name = new_owner().rpartition("/")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is left behind."""

    def drop(self) -> None:
        """There is nobody to send home."""

    def run(self, desk: Desk) -> None:
        """Take jobs and run them until there are none."""
        if desk.is_done():
            return
        # Before a trial begins: what no trial could run with is no fault of its values.
        setting = self._setting()
        while (job := desk.take(self._name)) is not None:
            report = partial(desk.epoch, job)
            desk.end(job, conduct(self._work.objective, self._work.params, setting, job, report))
