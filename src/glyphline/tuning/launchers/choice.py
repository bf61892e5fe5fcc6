"""Which launcher params.yaml asks for."""

from contextlib import AbstractContextManager

from glyphline import cores
from glyphline.params.tune import TuneParams
from glyphline.tuning.launchers.launcher import Launcher, WorkerSetup

# This process grows with every trial; a worker process that has grown is replaced (`worker.GROWTH_MB`).
INLINE_TRIALS = 50


def choose_launcher(setup: WorkerSetup, tune: TuneParams) -> AbstractContextManager[Launcher]:
    """The launcher that `tune.launcher` and `tune.workers` ask for; leaving its context ends its workers.

    Raises:
        SearchError: the parameters ask for GPUs, a cluster or a library that is not there.
    """
    kind = tune.launcher
    if kind == "auto":
        is_small = tune.workers == 1 and tune.trials <= INLINE_TRIALS
        # Which GPUs this process sees is settled when it starts; a worker process can be given its share.
        kind = "inline" if is_small and not tune.gpus_per_trial else "processes"
    if kind == "inline":
        from glyphline.tuning.launchers.inline import Inline

        return Inline(setup)
    if kind == "ray":
        from glyphline.tuning.launchers.ray_workers import RayWorkers

        return RayWorkers(setup, tune)
    from glyphline.tuning.launchers.gpus import visible_devices
    from glyphline.tuning.launchers.processes import ProcessWorkers

    gpus = visible_devices(tune.gpus_per_trial, tune.workers)
    return ProcessWorkers(setup, tune.workers, threads=max(1, cores.usable() // tune.workers), gpus=gpus)
