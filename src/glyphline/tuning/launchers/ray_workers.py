"""Workers on a Ray cluster: an existing one (RAY_ADDRESS, or `ray start` on this machine), else one begun here."""

import logging
import os
import queue
import socket
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import glyphline
from glyphline.errors import SearchError
from glyphline.params.tune import TuneParams
from glyphline.tuning.launchers import ray_nodes
from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.launchers.processes import thread_limits
from glyphline.tuning.launchers.worker import Message, WorkerCrash, serve
from glyphline.tuning.launchers.worker_pool import WorkerConnection, WorkerLost, WorkerPool
from glyphline.tuning.trial_scheduler import TrialScheduler

ADDRESS = "RAY_ADDRESS"
CONNECT_S = 10.0
NOTHING = "nothing"


class RayWorkers:
    """Workers that are Ray actors, each with its share of a node's processors and GPUs.

    Args:
        work: what a trial needs; it must be picklable. Its `prepare` must find the data on every node.
        tune: workers and gpus_per_trial count.

    Raises:
        SearchError: Ray is not installed, nobody answers at RAY_ADDRESS, or no node has room for a worker.
    """

    def __init__(self, work: WorkerSetup, tune: TuneParams) -> None:
        self._work, self._tune = work, tune
        self._ray = _load()
        self._crew = WorkerPool(self, tune.workers)
        self._is_mine = False

    def __enter__(self) -> Self:
        if not self._ray.is_initialized():
            _reach(os.environ.get(ADDRESS))
            # Every node gets this very code, whatever is installed there.
            package = str(Path(glyphline.__file__).parent)
            try:
                self._ray.init(runtime_env={"py_modules": [package]}, log_to_driver=False, logging_level=logging.ERROR)
            # ValueError: an address without a port.
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise SearchError(
                    f"no Ray cluster could be reached or begun ({error})", fix=f"correct or unset {ADDRESS}"
                ) from None
            self._is_mine = True
        try:
            ray_nodes.check(self._nodes(), self._tune.gpus_per_trial)
        except SearchError:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.drop()
        self._leave()

    def drop(self) -> None:
        """Kill the actors."""
        self._crew.close()

    def run(self, desk: TrialScheduler) -> None:
        """Have the actors take jobs until there are none."""
        self._crew.run(desk)

    def hire(self, place: int) -> WorkerConnection:  # noqa: ARG002 - Ray finds a place
        """Begin an actor; it waits for a node with room."""
        # Asked each time: nodes come and go.
        threads = ray_nodes.threads(self._nodes(), self._tune.workers, self._tune.gpus_per_trial)
        # No restarts and no retries: what becomes of a trial is for the desk to say.
        remote = self._ray.remote(
            num_cpus=threads, num_gpus=self._tune.gpus_per_trial, max_restarts=0, max_task_retries=0
        )(Actor)
        return _ActorLine(self._ray, remote.remote(self._work, thread_limits(threads)))

    def listen(
        self, lines: Iterable[WorkerConnection], timeout_s: float
    ) -> list[tuple[WorkerConnection, Message | WorkerLost]]:
        """What actors said; a dead one, or one on a lost node, says so by its error."""
        waiting = {line.said: line for line in lines if isinstance(line, _ActorLine)}
        if not waiting:
            return []
        ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=timeout_s)
        return [(waiting[said], waiting[said].hear()) for said in ready]

    def _nodes(self) -> list[ray_nodes.Node]:
        return ray_nodes.living(self._ray.nodes())

    def _leave(self) -> None:
        if self._is_mine:
            self._ray.shutdown()


class Actor:
    """A worker in a process of Ray's; its trials run in a thread, so that Ray can ask it things meanwhile."""

    def __init__(self, work: WorkerSetup, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._said: queue.Queue[Message] = queue.Queue()
        self._answers: queue.Queue[Any] = queue.Queue()
        self._name = f"{socket.gethostname()}/{os.getpid()}"
        threading.Thread(target=self._serve, args=(work,), daemon=True).start()

    def exchange(self, answer: Any) -> tuple[str, Message]:
        """Take the answer to the last message in; wait for the next message."""
        if answer != NOTHING:
            self._answers.put(answer)
        return self._name, self._said.get()

    def _serve(self, work: WorkerSetup) -> None:
        try:
            serve(work, self._ask)
        except Exception:
            self._said.put(WorkerCrash(traceback.format_exc()))

    def _ask(self, message: Message) -> Any:
        self._said.put(message)
        return self._answers.get()


class _ActorLine:
    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self.name = "a Ray actor"
        self.said = actor.exchange.remote(NOTHING)

    def hear(self) -> Message | WorkerLost:
        try:
            found: tuple[str, Message] = self._ray.get(self.said)
        except self._ray.exceptions.RayError as error:
            return WorkerLost(str(error).splitlines()[0])
        self.name, message = found
        return message

    def answer(self, content: Any) -> None:
        self.said = self._actor.exchange.remote(content)

    def hang_up(self) -> None:
        self._ray.kill(self._actor, no_restart=True)


def _load() -> Any:
    # Ray would else report how it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise SearchError(
            "tune.launcher is ray, and Ray is not installed", fix="pip install 'glyphline[ray]'"
        ) from None
    return ray


def _reach(address: str | None) -> None:
    """See that somebody listens at `host:port`; Ray itself would look for a minute."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise SearchError(
            f"nobody answers at {ADDRESS}={address} ({error})",
            fix=f"start the cluster with `ray start --head`, or correct {ADDRESS}, or unset it",
        ) from None
