"""The lock that lets one process at a time send journals to stores, and what its holder tells those who wait."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glyphline import files
from glyphline.errors import TrackingError
from glyphline.paths import Paths

log = logging.getLogger(__name__)

LOCK_POLL_S = 0.05
SECONDS_BETWEEN_REPORTS = 0.2
SECONDS_BETWEEN_LINES = 5.0
# More than one request may take: `mlflow_client.patience`.
SILENT_TIMEOUTS = 7


class ProjectionProgress:
    """How far the holder of the lock is: a line in the log now and then, and a note for those who wait.

    Args:
        lock: the lock file; the note is its content.
        line_s: seconds between two lines.
    """

    def __init__(self, lock: Path, line_s: float) -> None:
        self._lock, self._line_s = lock, line_s
        self._steps = 0
        self._noted_at = 0.0
        self._shown_at = time.monotonic()
        self._note("has begun")

    def report(self, journal: str, done: int, total: int) -> None:
        """Note that a request has ended.

        Args:
            journal: what is being sent.
            done: events of it that the store has.
            total: its events.
        """
        now = time.monotonic()
        if now - self._noted_at < SECONDS_BETWEEN_REPORTS:
            return
        self._noted_at = now
        text = f"{total - done:,} of {total:,} events of {journal} are left"
        self._note(text)
        if now - self._shown_at >= self._line_s:
            self._shown_at = now
            log.info("sending runs to the tracking store: %s", text)

    def _note(self, text: str) -> None:
        # Not atomic: a reader that meets half a note sees the whole one a moment later.
        self._steps += 1
        self._lock.write_text(f"{os.getpid()}\t{text}\t{self._steps}", encoding="utf-8")


@contextmanager
def projection_lock(
    paths: Paths, patience_s: float | None = None, line_s: float = SECONDS_BETWEEN_LINES
) -> Iterator[ProjectionProgress]:
    """Hold the lock of the processes that send journals to stores.

    Args:
        paths: of the project; all its stores share one lock.
        patience_s: how long to wait for another process that makes no progress; None waits for ever.
        line_s: seconds between two lines in the log.

    Raises:
        TrackingError: another process held the lock all that time and sent nothing.
        OSError: the lock file cannot be written.
    """
    lock = paths.mlruns / "projection.lock"
    note, news_at = "", time.monotonic()
    shown_at = news_at
    while True:
        with files.exclusive(lock, wait=False) as is_free:
            if is_free:
                yield ProjectionProgress(lock, line_s)
                return
        now, present = time.monotonic(), lock.read_text(encoding="utf-8", errors="replace")
        if present != note:
            note, news_at = present, now
        process, text = [*note.split("\t"), ""][:2] if note else ("unknown", "")
        if patience_s is not None and now - news_at > patience_s:
            raise TrackingError(
                f"another process of this project ({process}) has held the store and sent nothing for {patience_s:g} s",
                fix="wait until it has ended, or end it (mlruns/projector.log tells what it does); then run the same"
                " command again",
            )
        if now - shown_at >= line_s:
            shown_at = now
            log.info("waiting for process %s, which sends runs to the tracking store: %s", process, text)
        time.sleep(LOCK_POLL_S)


def patience_s(timeout_s: float) -> float:
    """How long to wait for a holder that makes no progress.

    Args:
        timeout_s: how long one of its requests may take.
    """
    return SILENT_TIMEOUTS * timeout_s
