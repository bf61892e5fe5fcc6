"""The desk's side of a launcher with workers elsewhere: one loop, whatever carries the messages."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from glyphline.errors import SearchError
from glyphline.tuning.launchers.worker import Epoch, Message, Ready, Refused, WorkerCrash, WorkerRestart
from glyphline.tuning.trial import TrialSpec
from glyphline.tuning.trial_runner import TrialResult
from glyphline.tuning.trial_scheduler import TrialScheduler

log = logging.getLogger(__name__)

# Others may die or leave a trial at any time, and tell nobody.
LOOK_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker is dead."""

    reason: str


class WorkerConnection(Protocol):
    """The line to one worker.

    Attributes:
        name: of the worker, for people.
    """

    name: str

    def answer(self, content: Any) -> None:
        """Answer its last message; nothing happens when it is dead, which its line will say."""

    def hang_up(self) -> None:
        """End the worker at once."""


class WorkerTransport(Protocol):
    """Begins workers and listens to them."""

    def hire(self, place: int) -> WorkerConnection:
        """Begin a worker; it will say `Ready`.

        Args:
            place: its own among the places of living workers, from 0.
        """

    def listen(
        self, lines: Iterable[WorkerConnection], timeout_s: float
    ) -> list[tuple[WorkerConnection, Message | WorkerLost]]:
        """What workers said; empty when nobody said anything for so long."""


@dataclass
class _Worker:
    line: WorkerConnection
    place: int
    job: TrialSpec | None = None
    is_idle: bool = False
    was_ready: bool = False


class WorkerPool:
    """Some workers of one kind.

    Args:
        exchange: reaches them.
        size: how many there should be.
    """

    def __init__(self, exchange: WorkerTransport, size: int) -> None:
        self._exchange, self._size = exchange, size
        self._workers: list[_Worker] = []
        self._stillborn = 0

    def run(self, desk: TrialScheduler) -> None:
        """Hand jobs out and take results in, until there are no jobs and all workers are idle."""
        while True:
            has_more = self._hand_out(desk)
            if not has_more and not any(worker.job for worker in self._workers):
                return
            lines = [worker.line for worker in self._workers if not worker.is_idle]
            for line, message in self._exchange.listen(lines, LOOK_AGAIN_S):
                self._hear(next(worker for worker in self._workers if worker.line is line), message, desk)

    def close(self) -> None:
        """End all workers at once; what they were at is lost."""
        for worker in self._workers:
            worker.line.hang_up()
        self._workers.clear()

    def _hand_out(self, desk: TrialScheduler) -> bool:
        """Give every idle worker a job; true when a worker that is on its way may still get one."""
        for worker in self._workers:
            if worker.is_idle:
                job = desk.take(worker.line.name)
                if job is None:
                    return False
                worker.job, worker.is_idle = job, False
                worker.line.answer(job)
        free = sorted(set(range(self._size)) - {worker.place for worker in self._workers})
        if free and not desk.is_stopping() and not desk.is_done():
            self._workers += [_Worker(self._exchange.hire(place), place) for place in free]
        return not desk.is_stopping() and any(worker.job is None for worker in self._workers)

    def _hear(self, worker: _Worker, message: Message | WorkerLost, desk: TrialScheduler) -> None:
        job = worker.job
        match message:
            case WorkerLost(reason):
                self._bury(worker, reason, desk)
            case Refused():
                raise message.error()
            case WorkerCrash(trace):
                raise RuntimeError(f"a worker failed as it began:\n{trace}")
            case Epoch(epoch, metrics):
                assert job is not None
                worker.line.answer(desk.epoch(job, epoch, metrics))
            case Ready():
                worker.is_idle, worker.was_ready = True, True
                self._stillborn = 0
            case TrialResult():
                assert job is not None
                # Idle first: a mistake of ours is raised here, and the job is over nevertheless.
                worker.job, worker.is_idle = None, True
                desk.end(job, message)
            case WorkerRestart(ended):
                assert job is not None
                self._dismiss(worker)
                desk.end(job, ended)

    def _dismiss(self, worker: _Worker) -> None:
        worker.line.hang_up()
        self._workers.remove(worker)

    def _bury(self, worker: _Worker, reason: str, desk: TrialScheduler) -> None:
        self._dismiss(worker)
        if worker.job is not None:
            desk.lost(worker.job, reason)
        elif not worker.was_ready:
            self._stillborn += 1
            if self._stillborn > self._size:
                raise SearchError(
                    f"{self._stillborn} workers died before they could begin, the last with {reason}",
                    fix="lower tune.workers if memory is short; tune.launcher=inline shows what is wrong",
                )
