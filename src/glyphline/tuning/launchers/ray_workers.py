"""Workers on a Ray cluster: an existing one (RAY_ADDRESS, or `ray start` on this machine), else one started here."""

import logging
import os
import queue
import socket
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import glyphline
from glyphline import environment
from glyphline.errors import SearchError
from glyphline.params.tune import TuneParams
from glyphline.tuning.launchers import ray_nodes
from glyphline.tuning.launchers.launcher import WorkerSetup
from glyphline.tuning.launchers.worker import Message, WorkerCrash, serve
from glyphline.tuning.launchers.worker_pool import WorkerLost, WorkerPool, thread_limits

ADDRESS = "RAY_ADDRESS"
CONNECT_S = 10.0
NO_REPLY = "nothing"


class RayWorkers(WorkerPool["_ActorConnection"]):
    """Workers that are Ray actors, each with its share of a node's processors and GPUs.

    Args:
        setup: what a trial needs; it must be picklable. Its `prepare` must find the data on every node.
        tune: says how many workers, and how many GPUs each has.

    Raises:
        SearchError: Ray is not installed, no cluster answers at RAY_ADDRESS, or no node has room for a worker.
    """

    def __init__(self, setup: WorkerSetup, tune: TuneParams) -> None:
        super().__init__(tune.workers)
        self._setup, self._tune = setup, tune
        self._ray = _import_ray()
        self._has_connected = False

    def __enter__(self) -> Self:
        if not self._ray.is_initialized():
            _check_reachable(os.environ.get(ADDRESS))
            # Every node gets this code, whatever is installed there.
            package = str(Path(glyphline.__file__).parent)
            try:
                self._ray.init(runtime_env={"py_modules": [package]}, log_to_driver=False, logging_level=logging.ERROR)
            # ValueError: an address without a port.
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise SearchError(
                    f"no Ray cluster could be reached or started ({error})", fix=f"correct or unset {ADDRESS}"
                ) from None
            self._has_connected = True
        try:
            ray_nodes.check_capacity(self._nodes(), self._tune.gpus_per_trial)
        except SearchError:
            self._shut_down()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)
        self._shut_down()

    def start_worker(self, slot: int) -> "_ActorConnection":  # noqa: ARG002 - Ray assigns the GPUs
        """Start an actor; it waits until a node has room."""
        # Counted each time: nodes come and go.
        threads = ray_nodes.threads_per_worker(self._nodes(), self._tune.workers, self._tune.gpus_per_trial)
        # No restarts and no retries: the scheduler decides what becomes of a trial.
        remote = self._ray.remote(
            num_cpus=threads, num_gpus=self._tune.gpus_per_trial, max_restarts=0, max_task_retries=0
        )(RayActor)
        return _ActorConnection(self._ray, remote.remote(self._setup, thread_limits(threads)))

    def receive(
        self, connections: Sequence["_ActorConnection"], timeout_s: float
    ) -> list[tuple["_ActorConnection", Message | WorkerLost]]:
        """The messages of the actors; for a dead actor, or one on a lost node, Ray raises an error."""
        waiting = {one.pending_message: one for one in connections}
        if not waiting:
            return []
        ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=timeout_s)
        return [(waiting[message], waiting[message].receive()) for message in ready]

    def _nodes(self) -> list[ray_nodes.Node]:
        return ray_nodes.alive_nodes(self._ray.nodes())

    def _shut_down(self) -> None:
        if self._has_connected:
            self._ray.shutdown()


class RayActor:
    """A worker in a process of Ray; its trials run in a thread, so that Ray can call the actor meanwhile."""

    def __init__(self, setup: WorkerSetup, variables: dict[str, str]) -> None:
        environment.remove_foreign()
        os.environ.update(variables)
        self._messages: queue.Queue[Message] = queue.Queue()
        self._replies: queue.Queue[Any] = queue.Queue()
        self._name = f"{socket.gethostname()}/{os.getpid()}"
        threading.Thread(target=self._serve, args=(setup,), daemon=True).start()

    def next_message(self, reply: Any) -> tuple[str, Message]:
        """Give the worker the reply to its last message; wait for its next message."""
        if reply != NO_REPLY:
            self._replies.put(reply)
        return self._name, self._messages.get()

    def _serve(self, setup: WorkerSetup) -> None:
        try:
            serve(setup, self._request)
        except Exception:
            self._messages.put(WorkerCrash(traceback.format_exc()))

    def _request(self, message: Message) -> Any:
        self._messages.put(message)
        return self._replies.get()


class _ActorConnection:
    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self.name = "a Ray actor"
        self.pending_message = actor.next_message.remote(NO_REPLY)

    def receive(self) -> Message | WorkerLost:
        try:
            answer: tuple[str, Message] = self._ray.get(self.pending_message)
        except self._ray.exceptions.RayError as error:
            return WorkerLost(str(error).splitlines()[0])
        self.name, message = answer
        return message

    def reply(self, content: Any) -> None:
        self.pending_message = self._actor.next_message.remote(content)

    def kill(self) -> None:
        self._ray.kill(self._actor, no_restart=True)


def _import_ray() -> Any:
    # Otherwise Ray reports usage statistics.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise SearchError(
            "tune.launcher is ray, and Ray is not installed", fix="pip install 'glyphline[ray]'"
        ) from None
    return ray


def _check_reachable(address: str | None) -> None:
    """Check that a server listens at `host:port`; Ray itself would try for a minute."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise SearchError(
            f"no Ray cluster answers at {ADDRESS}={address} ({error})",
            fix=f"start the cluster with `ray start --head`, or correct {ADDRESS}, or unset it",
        ) from None
