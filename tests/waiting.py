"""Wait for what other processes do, and never for longer than a limit."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def until(
    condition: Callable[[], Any],
    limit_s: float = 60.0,
    *,
    process: subprocess.Popen[Any] | None = None,
    log: Path | None = None,
) -> None:
    """Wait for something to become true.

    Args:
        condition: asked again and again.
        limit_s: after which it is a failure.
        process: that is to bring it about; its end before that is a failure too.
        log: a file whose text a failure shows.
    """
    end = time.monotonic() + limit_s
    while not condition():
        assert process is None or process.poll() is None, f"the process ended before that\n{_said(process, log)}"
        assert time.monotonic() < end, f"it did not come to pass within {limit_s:g} s\n{_said(None, log)}"
        time.sleep(0.01)


def _said(process: subprocess.Popen[Any] | None, log: Path | None) -> str:
    """What there is to read; of a process only when it has ended, because its pipe would else be waited for."""
    found = [str(process.stderr.read())] if process and process.stderr else []
    return "\n".join([*found, log.read_text()] if log and log.exists() else found)
