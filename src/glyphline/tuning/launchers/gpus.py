"""Which GPUs a worker may see."""

import os
from collections.abc import Mapping, Sequence
from itertools import takewhile

from glyphline.errors import SearchError
from glyphline.training.hardware import driver_gpus


def shares(
    per_trial: float,
    workers: int,
    shown: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """What CUDA_VISIBLE_DEVICES is to be for each worker; empty when trials get no GPUs of their own.

    Args:
        per_trial: GPUs of one trial; a fraction shares one.
        workers: how many.
        shown: names of the GPUs that the driver shows; looked up when it is None.
        environ: CUDA_VISIBLE_DEVICES limits what may be given out.

    Raises:
        SearchError: there are fewer than the trials of all workers need.
    """
    if not per_trial:
        return []
    names = driver_gpus(environ=environ) if shown is None else shown
    devices = _visible(len(names), environ.get("CUDA_VISIBLE_DEVICES", ""))
    if per_trial > len(devices):
        raise too_many(per_trial, len(devices))
    if per_trial >= 1:
        whole = int(per_trial)
        groups = [",".join(devices[at : at + whole]) for at in range(0, len(devices) - whole + 1, whole)]
        room = len(groups)
    else:
        groups, room = devices, len(devices) * int(1 / per_trial)
    if workers > room:
        raise SearchError(
            f"tune.workers={workers} with tune.gpus_per_trial={per_trial:g} need more than {len(devices)} GPUs",
            fix=f"set tune.workers to {room} or less",
        )
    return [groups[number % len(groups)] for number in range(workers)]


def _visible(there: int, wish: str) -> list[str]:
    named = [one.strip() for one in wish.split(",") if one.strip()] or [str(number) for number in range(there)]
    # As CUDA does it: the list ends at the first number that no GPU has. Ids of GPUs and of their parts have letters.
    real = takewhile(lambda one: int(one) < there if one.isdigit() else not one.startswith("-"), named)
    return list(real) if there else []


def too_many(per_trial: float, there: int, where: str = "") -> SearchError:
    """The error for a trial that needs more GPUs than exist."""
    return SearchError(
        f"tune.gpus_per_trial={per_trial:g}, and there are {there} GPUs{where}",
        fix=f"set tune.gpus_per_trial to {there} or less; `nvidia-smi` lists the GPUs",
    )
