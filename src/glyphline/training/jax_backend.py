"""What is JAX's own: GPUs, memory, determinism."""

import os
from collections.abc import MutableMapping
from typing import Any

from glyphline.errors import TrainingError
from glyphline.training.hardware import Gpu

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def set_up(*, deterministic: bool, gpu_memory_mb: int | None, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set how JAX uses its GPUs; of no effect once a process has asked for its devices.

    Args:
        deterministic: the same seed gives the same weights.
        gpu_memory_mb: most megabytes to take of each GPU; JAX knows a share only.
        environ: what JAX reads.

    Raises:
        TrainingError: `gpu_memory_mb` is given.
    """
    if gpu_memory_mb is not None:
        raise TrainingError(
            f"train.gpu_memory_mb={gpu_memory_mb} is for TensorFlow, and Keras runs on jax",
            fix="set train.gpu_memory_mb to null, and XLA_PYTHON_CLIENT_MEM_FRACTION to the share of a GPU",
        )
    # Three quarters of each GPU by default, from the start.
    environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    flags = environ.get("XLA_FLAGS", "")
    if deterministic and "--xla_gpu_deterministic_ops" not in flags:
        environ["XLA_FLAGS"] = f"{flags} {DETERMINISTIC}".strip()


def gpus() -> tuple[Gpu, ...]:
    """The GPUs that JAX can use."""
    import jax

    return tuple(as_gpu(device) for device in jax.devices() if device.platform == "gpu")


def as_gpu(device: Any) -> Gpu:
    """A device of JAX's; the capability is text, as "9.0", where CUDA has given it one."""
    major, _, minor = str(getattr(device, "compute_capability", None) or "").partition(".")
    known = major.isdecimal() and minor.isdecimal()
    return Gpu(str(device.device_kind), (int(major), int(minor)) if known else None)
