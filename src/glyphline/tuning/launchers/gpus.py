"""Which GPUs a worker may see."""

import os
from collections.abc import Mapping, Sequence
from itertools import takewhile

from glyphline.errors import SearchError
from glyphline.training.hardware import driver_gpus


def visible_devices(
    per_trial: float,
    workers: int,
    gpus: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """The value of CUDA_VISIBLE_DEVICES for each worker; empty when trials get no GPUs of their own.

    Args:
        per_trial: GPUs of one trial; with a fraction, several workers share one.
        workers: how many.
        gpus: names of the GPUs that the driver shows; None asks the driver.
        environ: its CUDA_VISIBLE_DEVICES limits which GPUs the workers may have.

    Raises:
        SearchError: there are fewer than the trials of all workers need.
    """
    if not per_trial:
        return []
    names = driver_gpus(environ=environ) if gpus is None else gpus
    devices = _usable(len(names), environ.get("CUDA_VISIBLE_DEVICES", ""))
    if per_trial > len(devices):
        raise too_few_gpus(per_trial, len(devices))
    if per_trial >= 1:
        whole = int(per_trial)
        groups = [",".join(devices[at : at + whole]) for at in range(0, len(devices) - whole + 1, whole)]
        capacity = len(groups)
    else:
        groups, capacity = devices, len(devices) * int(1 / per_trial)
    if workers > capacity:
        raise SearchError(
            f"tune.workers={workers} with tune.gpus_per_trial={per_trial:g} need more than {len(devices)} GPUs",
            fix=f"set tune.workers to {capacity} or less",
        )
    return [groups[number % len(groups)] for number in range(workers)]


def _usable(count: int, wish: str) -> list[str]:
    named = [one.strip() for one in wish.split(",") if one.strip()] or [str(number) for number in range(count)]
    # As CUDA does it: the list ends at the first number that no GPU has. Ids of GPUs and of their parts have letters.
    real = takewhile(lambda one: int(one) < count if one.isdigit() else not one.startswith("-"), named)
    return list(real) if count else []


def too_few_gpus(per_trial: float, count: int, where: str = "") -> SearchError:
    """The error for a trial that needs more GPUs than exist."""
    return SearchError(
        f"tune.gpus_per_trial={per_trial:g}, and there are {count} GPUs{where}",
        fix=f"set tune.gpus_per_trial to {count} or less; `nvidia-smi` lists the GPUs",
    )
