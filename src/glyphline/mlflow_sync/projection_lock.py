"""The lock that lets one process at a time send journals to stores."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from glyphline import files
from glyphline.errors import TrackingError
from glyphline.paths import Paths

LOCK_POLL_S = 0.05


@contextmanager
def projection_lock(paths: Paths, timeout_s: float | None = None) -> Iterator[None]:
    """Hold the lock of the processes that send journals to stores.

    Args:
        paths: of the project; all its stores share one lock.
        timeout_s: how long to wait for another process; None waits for ever.

    Raises:
        TrackingError: another process held the lock all that time.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        with files.exclusive(paths.mlruns / "projection.lock", wait=deadline is None) as is_free:
            if is_free:
                yield
                return
        if deadline is not None and time.monotonic() > deadline:
            raise TrackingError(f"another process has held the store for {timeout_s:g} s", fix="try again in a while")
        time.sleep(LOCK_POLL_S)
