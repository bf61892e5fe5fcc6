"""How long each stage took when it last ran: no out of the stages, because times are not reproducible."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glyphline import files
from glyphline.records.seal import sealed, unsealed

log = logging.getLogger(__name__)


@contextmanager
def measured(path: Path, stage: str) -> Iterator[None]:
    """Record the wall seconds of the block under `stage`, when it ends without an error."""
    # The process began before this line: Python's own start and the imports belong to the stage as well.
    began = time.time() - _process_age_s()
    yield
    with files.exclusive(path.with_suffix(".lock")):
        times = read(path) | {stage: round(time.time() - began, 2)}
        files.write_text(path, json.dumps(sealed(json.dumps(times)), indent=2) + "\n")


def read(path: Path) -> dict[str, float]:
    """Stage -> wall seconds; empty when nothing was recorded or, after a warning, when the file is damaged."""
    try:
        return {stage: float(seconds) for stage, seconds in unsealed(path.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        log.warning("%s is damaged and left out: %s\nfix: remove it; stages that run write it again", path, error)
        return {}


def _process_age_s() -> float:
    """Seconds since the process began, or 0 where the system does not say."""
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    import os

    return max(0.0, up - ticks / os.sysconf("SC_CLK_TCK"))
