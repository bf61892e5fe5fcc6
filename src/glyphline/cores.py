"""The processor cores of the machine that this process may use."""

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def visible() -> int:
    """The cores that this process may run on (`taskset`, a job scheduler); TensorFlow divides its sums among them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable(cgroups: Path = CGROUPS) -> int:
    """How many processes can compute at once: the visible cores, or fewer where a container has a share of them.

    Args:
        cgroups: where Linux shows the limits of this process's control group; as a container sees it, its own.
    """
    share = _share(cgroups)
    return visible() if share is None else max(1, min(visible(), math.ceil(share)))


def _share(cgroups: Path) -> float | None:
    """Processor time per time that the control group grants, 1.5 for one and a half cores; None without a limit."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = [word for name in names for word in (cgroups / name).read_text(encoding="ascii").split()]
            quota, period = map(int, words)
        # Version 2 writes "max", version 1 has other files, and other systems have none.
        except (OSError, ValueError):
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None
