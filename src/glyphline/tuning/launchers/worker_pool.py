"""The scheduler's side of a launcher with workers in other processes: one loop for every kind of worker."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from glyphline.errors import SearchError
from glyphline.tuning.launchers.worker import EpochReport, Message, Ready, SetupFailure, WorkerCrash, WorkerExit
from glyphline.tuning.trial import TrialSpec
from glyphline.tuning.trial_runner import TrialResult
from glyphline.tuning.trial_scheduler import TrialScheduler

# Other processes may die or release a trial at any time, and send no message about it.
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker is dead."""

    reason: str


class WorkerConnection(Protocol):
    """The connection to one worker.

    Attributes:
        name: of the worker, for people.
    """

    name: str

    def reply(self, content: Any) -> None:
        """Reply to the last message; does nothing when the worker is dead, which `receive` reports."""

    def kill(self) -> None:
        """End the worker at once."""


C = TypeVar("C", bound=WorkerConnection)


@dataclass
class _Worker(Generic[C]):
    connection: C
    slot: int
    spec: TrialSpec | None = None
    is_idle: bool = False
    was_ready: bool = False


class WorkerPool(ABC, Generic[C]):
    """A launcher with workers of one kind.

    Args:
        size: how many workers there should be.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._workers: list[_Worker[C]] = []
        self._failed_starts = 0

    @abstractmethod
    def start_worker(self, slot: int) -> C:
        """Start a worker; it will send `Ready`.

        Args:
            slot: from 0; no other living worker has the same.
        """

    @abstractmethod
    def receive(self, connections: Sequence[C], timeout_s: float) -> list[tuple[C, Message | WorkerLost]]:
        """The messages that arrived; empty when none arrived in time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill_workers()

    def run(self, scheduler: TrialScheduler) -> None:
        """Give out trials and record results, until there are no trials to start and all workers are idle."""
        while True:
            may_start_more = self._assign_trials(scheduler)
            if not may_start_more and not any(worker.spec for worker in self._workers):
                return
            connections = [worker.connection for worker in self._workers if not worker.is_idle]
            for connection, message in self.receive(connections, POLL_S):
                sender = next(worker for worker in self._workers if worker.connection is connection)
                self._handle(sender, message, scheduler)

    def kill_workers(self) -> None:
        """End all workers at once; the rest of their trials is lost."""
        for worker in self._workers:
            worker.connection.kill()
        self._workers.clear()

    def _assign_trials(self, scheduler: TrialScheduler) -> bool:
        """Give every idle worker a trial; true when a worker that is starting may still get one."""
        for worker in self._workers:
            if worker.is_idle:
                spec = scheduler.next_trial(worker.connection.name)
                if spec is None:
                    return False
                worker.spec, worker.is_idle = spec, False
                worker.connection.reply(spec)
        free_slots = sorted(set(range(self._size)) - {worker.slot for worker in self._workers})
        if free_slots and not scheduler.is_stopping() and not scheduler.is_done():
            self._workers += [_Worker(self.start_worker(slot), slot) for slot in free_slots]
        return not scheduler.is_stopping() and any(worker.spec is None for worker in self._workers)

    def _handle(self, worker: _Worker[C], message: Message | WorkerLost, scheduler: TrialScheduler) -> None:
        spec = worker.spec
        match message:
            case WorkerLost(reason):
                self._handle_loss(worker, reason, scheduler)
            case SetupFailure():
                raise message.error()
            case WorkerCrash(traceback):
                raise RuntimeError(f"a worker failed before its first trial:\n{traceback}")
            case EpochReport(epoch, metrics):
                assert spec is not None
                worker.connection.reply(scheduler.report(spec, epoch, metrics))
            case Ready():
                worker.is_idle, worker.was_ready = True, True
                self._failed_starts = 0
            case TrialResult():
                assert spec is not None
                # Idle first: `end` raises mistakes of this program, and the trial is over all the same.
                worker.spec, worker.is_idle = None, True
                scheduler.end(spec, message)
            case WorkerExit(result):
                assert spec is not None
                self._remove(worker)
                scheduler.end(spec, result)

    def _remove(self, worker: _Worker[C]) -> None:
        worker.connection.kill()
        self._workers.remove(worker)

    def _handle_loss(self, worker: _Worker[C], reason: str, scheduler: TrialScheduler) -> None:
        self._remove(worker)
        if worker.spec is not None:
            scheduler.worker_lost(worker.spec, reason)
        elif not worker.was_ready:
            self._failed_starts += 1
            if self._failed_starts > self._size:
                raise SearchError(
                    f"{self._failed_starts} workers died before their first trial, the last with {reason}",
                    fix="lower tune.workers if memory is short; tune.launcher=inline shows what is wrong",
                )


def thread_limits(threads: int) -> dict[str, str]:
    """The variables that limit a worker to its share of the cores; TensorFlow reads them when it is loaded."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    return dict.fromkeys(names, str(threads))
