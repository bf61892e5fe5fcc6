"""The interface of a launcher, and the choice of one."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from glyphline.params import Params
from glyphline.params.searching import TuneParams
from glyphline.tuning.desk import Desk
from glyphline.tuning.trial import Objective


@dataclass(frozen=True, slots=True)
class Work:
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

    def run(self, desk: Desk) -> None:
        """Take jobs and run them until the desk has none and all that were taken are over."""

    def drop(self) -> None:
        """End the workers at once, whatever they are at."""


def launcher(work: Work, tune: TuneParams) -> AbstractContextManager[Launcher]:
    """The launcher that `tune.launcher` and `tune.workers` ask for; leaving its context ends its workers.

    Raises:
        SearchError: it asks for GPUs, for a cluster or for a library that is not there.
    """
    kind = tune.launcher
    if kind == "auto":
        kind = "inline" if tune.workers == 1 else "processes"
    if kind == "inline":
        from glyphline.tuning.launchers.inline import Inline

        return Inline(work)
    if kind == "ray":
        from glyphline.tuning.launchers.cluster import Cluster

        return Cluster(work, tune)
    from glyphline.tuning.launchers.gpus import shares
    from glyphline.tuning.launchers.processes import Processes

    gpus = shares(tune.gpus_per_trial, tune.workers)
    return Processes(work, tune.workers, threads=max(1, cores() // tune.workers), gpus=gpus)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
