"""The projector: a process of its own that follows a growing journal and shows it in MLflow.

It works at low priority, outlives the stage by what is left to send, and never makes the stage wait.
`projector_launch.start` starts it: the journal is its standard input, the rest is in one environment variable.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from glyphline import files, mlflow_client
from glyphline.errors import TrackingError
from glyphline.journal.journal_file import Reader
from glyphline.journal.sampling_interval import sampling_interval_s
from glyphline.mlflow_client import StoreUri, prepared
from glyphline.mlflow_sync import journal_sources, store
from glyphline.mlflow_sync.file_locator import FileLocator
from glyphline.mlflow_sync.projection_lock import projection_lock
from glyphline.mlflow_sync.projector_launch import JOB_VARIABLE, ProjectorJob

log = logging.getLogger("glyphline.mlflow_sync.projector")

NICENESS = 19
POLL_S = 0.1
# Between two batches of a growing journal; each request costs the machine some 30 ms that training could use.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
PAUSE_SHARE = 1 / 10
RETRY_S = 0.5


class WarningPipe:
    """Sends the present warning to the stage, which may have ended."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._last: str | None = None

    def send(self, warning: str | None) -> None:
        """Replace the warning that the stage will show at its end; None when all is well."""
        if warning == self._last:
            return
        self._last = warning
        try:
            os.write(self._handle, json.dumps(warning).encode() + b"\n")
        except BrokenPipeError:
            log.info("the stage has ended")


class Follower:
    """Follows one journal until its writer has ended and everything is sent."""

    def __init__(self, job: ProjectorJob, reader: Reader, warnings: WarningPipe) -> None:
        self._job, self._reader, self._warnings = job, reader, warnings
        self._uri, self._paths = StoreUri.parse(job.uri), job.paths
        self._deadline = time.monotonic() + job.timeout_s
        self._warning: str | None = None

    def run(self) -> None:
        """Send everything.

        Raises:
            TrackingError: the store did not answer for longer than the time that was allowed.
        """
        # Before mlflow is imported: a refused connection takes a millisecond, the import seconds.
        self._retry(lambda: mlflow_client.check_address(self._uri))
        self._retry(lambda: self._uri.reach(self._job.timeout_s))
        self._retry(self._connect)
        self._retry(self._send_others)
        began_at, is_last = time.monotonic(), False
        while not is_last:
            # Asked before the journal is read: nothing can be written after a writer has ended.
            is_last = not self._reader.has_writer()
            self._retry(self._send)
            now = time.monotonic()
            pause_until = now + sampling_interval_s(
                now - began_at, share=PAUSE_SHARE, shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S
            )
            while not is_last and self._reader.has_writer():
                time.sleep(POLL_S)
                if time.monotonic() > pause_until and self._reader.has_unread():
                    break

    def _connect(self) -> None:
        opened = store.connect(prepared(self._uri, self._paths), self._paths, self._job.timeout_s)
        from glyphline.mlflow_sync.projection import Projection

        self._projection = Projection(opened, FileLocator.of(self._paths).find, self._paths.scratch)

    def _send_others(self) -> None:
        """Send the journals of earlier stages: this one may add to their runs, and the store may have missed them."""
        own = self._paths.journal(self._job.stage)
        for journal in journal_sources.read(path for path in self._paths.journals() if path != own):
            with projection_lock(self._paths) as progress:
                self._projection.send(journal, progress.report)

    def _send(self) -> None:
        journal = self._reader.read()
        if journal is None:
            return
        with projection_lock(self._paths) as progress:
            result = self._projection.send(journal, progress.report)
        if result.warning:
            log.warning("%s", result.warning)
            self._warning = result.warning
        if result.refused:
            self._warning = f"{result.refused[0].problem}\nfix: {result.refused[0].fix}"
        if result.runs_made or result.events_sent:
            log.info("%s: %d runs made, %d events sent", journal.label, result.runs_made, result.events_sent)
        if journal.is_complete and (result.missing or result.orphans):
            log.warning("%s: left out files %s and runs %s", journal.label, result.missing, result.orphans)

    def _retry(self, step: Callable[[], None]) -> None:
        """Repeat a step until the store takes it, or the time that is allowed without a success is over."""
        while True:
            try:
                with _file_errors():
                    step()
            except TrackingError as error:
                self._warnings.send(f"{error.problem}\nfix: {error.fix}")
                if time.monotonic() > self._deadline:
                    raise
                time.sleep(RETRY_S)
            else:
                self._warnings.send(self._warning)
                self._deadline = time.monotonic() + self._job.timeout_s
                return


@contextmanager
def _file_errors() -> Iterator[None]:
    """A local file that the system refuses keeps a run out of the store as a server does that does not answer."""
    try:
        yield
    except OSError as error:
        refusal = files.refusal(error)
        if refusal is None:
            raise
        raise TrackingError(refusal.problem, fix=f"{refusal.remedy}, then `glyphline sync`") from None


def _lower_priority() -> None:
    """Run only when no other process wants to; where the system has no such class, at the lowest priority."""
    os.nice(NICENESS)
    if hasattr(os, "SCHED_IDLE"):
        # A nice process still keeps a core for milliseconds, and a training step that is divided among cores waits for
        # it. A sandbox may forbid the call, which must not cost a run.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> int:
    """Follow the journal on standard input."""
    job = ProjectorJob.decode(os.environ.pop(JOB_VARIABLE))
    _lower_priority()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    warnings = WarningPipe(job.warning_handle)
    try:
        Follower(job, Reader(sys.stdin.fileno(), f"the journal of {job.stage}"), warnings).run()
    except TrackingError as error:
        log.warning("%s; fix: %s", error.problem, error.fix)
        return error.exit_code
    except Exception:
        log.exception("the projector stopped")
        warnings.send("the projector stopped; MLflow lacks runs\nfix: see mlruns/projector.log, then `glyphline sync`")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
