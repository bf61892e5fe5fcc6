"""How long each stage took when it last ran: no out of the stages, because times are not reproducible.

A stage that DVC restores from its cache does not run. So each time is kept with the digest of an out, and counts only
while that out is in the workspace.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glyphline import files
from glyphline.records.seal import sealed, unsealed

log = logging.getLogger(__name__)


@contextmanager
def measured(path: Path, stage: str, out: Path) -> Iterator[None]:
    """Record the wall seconds of the block under `stage`, when it ends without an error.

    Args:
        path: of the times.
        stage: its name.
        out: a file that the block leaves, another one whenever the stage makes something else.
    """
    # The process began before this line: Python's own start and the imports belong to the stage as well.
    began = time.time() - _process_age_s()
    yield
    entry = {"seconds": round(time.time() - began, 2), "out": files.sha256(out)}
    with files.exclusive(path.with_suffix(".lock")):
        times = _read(path) | {stage: entry}
        files.write_text(path, json.dumps(sealed(json.dumps(times)), indent=2) + "\n")


def seconds(path: Path, stage: str, out: Path) -> float | None:
    """Wall seconds of the run of `stage` that left `out`; None when its last run left another, or none is known."""
    entry = _read(path).get(stage)
    # Older versions wrote the seconds alone.
    if not isinstance(entry, dict) or not out.is_file() or entry.get("out") != files.sha256(out):
        return None
    took = entry.get("seconds")
    return float(took) if isinstance(took, int | float) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return unsealed(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
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
