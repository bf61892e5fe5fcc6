"""Worker processes on this machine: each loads Keras once and runs many trials with its share of the cores."""

import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from glyphline import child_process, environment
from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.launchers.worker import Message, serve
from glyphline.tuning.launchers.worker_pool import WorkerLost, WorkerPool, thread_limits

# Longer is not needed: a killed worker loses no file, and its trial is started again.
END_S = 5.0


class ProcessWorkers(WorkerPool["_PipeConnection"]):
    """Workers in processes of their own.

    Args:
        setup: what a trial needs; it must be picklable.
        workers: how many.
        threads: cores for each.
        gpus: the value of CUDA_VISIBLE_DEVICES for each worker; empty leaves the variable as it is.
    """

    def __init__(self, setup: WorkerSetup, workers: int, *, threads: int, gpus: Sequence[str] = ()) -> None:
        super().__init__(workers)
        self._setup, self._threads, self._gpus = setup, threads, gpus

    def start_worker(self, slot: int) -> "_PipeConnection":
        """Start a worker; its slot decides which GPUs it has."""
        variables = thread_limits(self._threads)
        if self._gpus:
            variables["CUDA_VISIBLE_DEVICES"] = self._gpus[slot]
        with environment.changed(variables):
            process, pipe = child_process.spawn(_main, self._setup)
        return _PipeConnection(process, pipe)

    def receive(
        self, connections: Sequence["_PipeConnection"], timeout_s: float
    ) -> list[tuple["_PipeConnection", Message | WorkerLost]]:
        """The messages of the workers; a broken pipe means that its worker is dead."""
        by_pipe = {one.pipe: one for one in connections}
        return [
            (by_pipe[pipe], by_pipe[pipe].receive())
            for pipe in connection.wait(list(by_pipe), timeout_s)
            if isinstance(pipe, Connection)
        ]


class _PipeConnection:
    def __init__(self, process: Any, pipe: Connection) -> None:
        self.pipe, self._process = pipe, process
        self.name = f"{socket.gethostname()}/{process.pid}"

    def receive(self) -> Message | WorkerLost:
        try:
            message: Message = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(END_S)
            return WorkerLost(_exit_reason(self._process.exitcode))
        return message

    def reply(self, content: Any) -> None:
        try:
            self.pipe.send(content)
        except OSError:
            return

    def kill(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _main(pipe: Connection, setup: WorkerSetup) -> None:
    def request(message: Message) -> Any:
        pipe.send(message)
        return pipe.recv()

    try:
        serve(setup, request)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(1)


def _exit_reason(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}, perhaps because memory ran out" if name == "SIGKILL" else name
    return f"exit code {code}"
