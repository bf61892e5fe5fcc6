"""Warm processes on this machine: each loads Keras once and runs many trials with its share of the cores."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Iterable, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from glyphline import environment
from glyphline.preload_process import deaf_to_interrupts, live_as_child
from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.launchers.worker import Message, serve
from glyphline.tuning.launchers.worker_pool import WorkerConnection, WorkerLost, WorkerPool
from glyphline.tuning.trial_scheduler import TrialScheduler

# A worker has nothing to lose: its trial is begun again, and its files are whole.
END_S = 5.0


class ProcessWorkers:
    """Workers in processes of their own.

    Args:
        work: what a trial needs; it must be picklable.
        workers: how many.
        threads: cores for each.
        gpus: for each worker, what CUDA_VISIBLE_DEVICES is to be; empty leaves it as it is.
    """

    def __init__(self, work: WorkerSetup, workers: int, *, threads: int, gpus: Sequence[str] = ()) -> None:
        self._work, self._threads, self._gpus = work, threads, gpus
        self._crew = WorkerPool(self, workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.drop()

    def drop(self) -> None:
        """Kill the workers."""
        self._crew.close()

    def run(self, desk: TrialScheduler) -> None:
        """Have the workers take jobs until there are none."""
        self._crew.run(desk)

    def hire(self, place: int) -> WorkerConnection:
        """Begin a worker; its place says which GPUs it has."""
        variables = thread_limits(self._threads)
        if self._gpus:
            variables["CUDA_VISIBLE_DEVICES"] = self._gpus[place]
        # Spawned: a fork of a process that has threads, as TensorFlow has, may never wake up.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_main, args=(self._work, theirs), daemon=True)
        with environment.changed(variables), deaf_to_interrupts():
            process.start()
        theirs.close()
        return _PipeLine(process, ours)

    def listen(
        self, lines: Iterable[WorkerConnection], timeout_s: float
    ) -> list[tuple[WorkerConnection, Message | WorkerLost]]:
        """What workers said; a broken pipe says that its worker is dead."""
        by_pipe = {line.pipe: line for line in lines if isinstance(line, _PipeLine)}
        return [
            (by_pipe[pipe], by_pipe[pipe].hear())
            for pipe in connection.wait(list(by_pipe), timeout_s)
            if isinstance(pipe, Connection)
        ]


class _PipeLine:
    def __init__(self, process: Any, pipe: Connection) -> None:
        self.pipe, self._process = pipe, process
        self.name = f"{socket.gethostname()}/{process.pid}"

    def hear(self) -> Message | WorkerLost:
        try:
            message: Message = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(END_S)
            return WorkerLost(_how_it_ended(self._process.exitcode))
        return message

    def answer(self, content: Any) -> None:
        try:
            self.pipe.send(content)
        except OSError:
            return

    def hang_up(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()


def thread_limits(threads: int) -> dict[str, str]:
    """The variables that keep a worker's mathematics to its share of the cores; read when TensorFlow is loaded."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


def _main(work: WorkerSetup, pipe: Connection) -> None:
    # What becomes of the trials is for the process with the desk to say.
    live_as_child()

    def ask(message: Message) -> Any:
        pipe.send(message)
        return pipe.recv()

    try:
        serve(work, ask)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(1)


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}, perhaps for want of memory" if name == "SIGKILL" else name
    return f"exit code {code}"
