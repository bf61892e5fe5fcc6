"""The choice of a launcher."""

import os
from contextlib import AbstractContextManager

from glyphline.params.tune import TuneParams
from glyphline.tuning.launchers.launcher import Launcher, WorkerSetup

# This process would grow with every trial; a worker that has grown is replaced (`worker.GROWTH_MB`).
INLINE_TRIALS = 50


def launcher(work: WorkerSetup, tune: TuneParams) -> AbstractContextManager[Launcher]:
    """The launcher that `tune.launcher` and `tune.workers` ask for; leaving its context ends its workers.

    Raises:
        SearchError: it asks for GPUs, for a cluster or for a library that is not there.
    """
    kind = tune.launcher
    if kind == "auto":
        is_small = tune.workers == 1 and tune.trials <= INLINE_TRIALS
        # What this process sees of the GPUs is settled when it starts; a worker can be given its share.
        kind = "inline" if is_small and not tune.gpus_per_trial else "processes"
    if kind == "inline":
        from glyphline.tuning.launchers.inline import Inline

        return Inline(work)
    if kind == "ray":
        from glyphline.tuning.launchers.ray_workers import RayWorkers

        return RayWorkers(work, tune)
    from glyphline.tuning.launchers.gpus import shares
    from glyphline.tuning.launchers.processes import ProcessWorkers

    gpus = shares(tune.gpus_per_trial, tune.workers)
    return ProcessWorkers(work, tune.workers, threads=max(1, cores() // tune.workers), gpus=gpus)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
