"""How long each stage took when it last ran: no out of the stages, because times are not reproducible."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glyphline import files


@contextmanager
def measured(path: Path, stage: str) -> Iterator[None]:
    """Record the wall seconds of the block under `stage`, when it ends without an error."""
    # The process began before this line: Python's own start and the imports belong to the stage as well.
    began = time.time() - _process_age_s()
    yield
    with files.exclusive(path.with_suffix(".lock")):
        files.write_text(path, json.dumps(read(path) | {stage: round(time.time() - began, 2)}, indent=2) + "\n")


def read(path: Path) -> dict[str, float]:
    """Stage -> wall seconds; empty when nothing was recorded."""
    try:
        times = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {stage: float(seconds) for stage, seconds in times.items()} if isinstance(times, dict) else {}


def _process_age_s() -> float:
    """Seconds since the process began, or 0 where the system does not say."""
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    import os

    return max(0.0, up - ticks / os.sysconf("SC_CLK_TCK"))
