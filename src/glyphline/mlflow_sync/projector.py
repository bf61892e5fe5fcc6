"""The projector: a process of its own that follows a growing journal and shows it in MLflow.

It works at low priority, outlives the stage by what is left to send, and never makes the stage wait. Started by
`launch.start`: the journal is its standard input, the rest stands in one environment variable.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from glyphline.errors import TrackingError
from glyphline.journal.journal_file import Reader
from glyphline.journal.run_files import FileLocator
from glyphline.journal.sampling_interval import pause_s
from glyphline.mlflow_sync import journal_sources, store
from glyphline.mlflow_sync.projector_process import JOB_VARIABLE, ProjectorJob

log = logging.getLogger("glyphline.mlflow_sync.projector")

NICENESS = 19
POLL_S = 0.1
# Between two batches of a growing journal; each request costs the machine some 30 ms that training could use.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
PAUSE_SHARE = 1 / 10
RETRY_S = 0.5


class WarningPipe:
    """Tells the stage how things stand; nobody may listen any more."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._said: str | None = None

    def say(self, warning: str | None) -> None:
        """Replace what the stage will show at its end; None when all is well."""
        if warning == self._said:
            return
        self._said = warning
        try:
            os.write(self._handle, json.dumps(warning).encode() + b"\n")
        except BrokenPipeError:
            log.info("the stage has ended")


class Follower:
    """Follows one journal until its writer has gone and everything is sent."""

    def __init__(self, job: ProjectorJob, reader: Reader, voice: WarningPipe) -> None:
        self._job, self._reader, self._voice = job, reader, voice
        self._deadline = time.monotonic() + job.timeout_s
        self._warning: str | None = None

    def run(self) -> None:
        """Send everything.

        Raises:
            TrackingError: the store was out of reach for longer than the time that was allowed.
        """
        # Known before mlflow is imported: a refused connection takes a millisecond, the import seconds.
        self._insist(lambda: store.reach(self._job.uri, self._job.timeout_s))
        self._insist(self._connect)
        self._insist(self._send_others)
        began, ended = time.monotonic(), False
        while not ended:
            # Asked before the pass that is then the last: nothing can be written after it.
            ended = not self._reader.is_written()
            self._insist(self._send)
            now = time.monotonic()
            pause_until = now + pause_s(
                now - began, share=PAUSE_SHARE, shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S
            )
            while not ended and self._reader.is_written():
                time.sleep(POLL_S)
                if time.monotonic() > pause_until and self._reader.has_news():
                    break

    def _connect(self) -> None:
        opened = store.connect(self._job.uri, self._job.paths, self._job.timeout_s)
        from glyphline.mlflow_sync.projection import Projection

        paths = self._job.paths
        self._projection = Projection(opened, FileLocator.of(paths.work, paths.home).find)

    def _send_others(self) -> None:
        """Catch up on earlier stages, whose runs this one may add to and whose projector may have met a dead server."""
        own = self._job.paths.journal(self._job.stage)
        others = [path for path in journal_sources.workspace(self._job.paths) if path != own]
        for history in journal_sources.histories(others):
            with store.projecting(self._job.paths):
                self._projection.send(history)

    def _send(self) -> None:
        history = self._reader.read()
        if history is None:
            return
        with store.projecting(self._job.paths):
            sent = self._projection.send(history)
        if sent.refused:
            self._warning = f"{sent.refused[0].problem}\nfix: {sent.refused[0].fix}"
        if sent.runs_made or sent.events_sent:
            log.info("%s: %d runs made, %d events sent", history.label, sent.runs_made, sent.events_sent)
        if history.complete and (sent.missing or sent.orphans):
            log.warning("%s: left out files %s and runs %s", history.label, sent.missing, sent.orphans)

    def _insist(self, step: Callable[[], None]) -> None:
        while True:
            try:
                step()
            except TrackingError as error:
                self._voice.say(f"{error.problem}\nfix: {error.fix}")
                if time.monotonic() > self._deadline:
                    raise
                time.sleep(RETRY_S)
            else:
                self._voice.say(self._warning)
                self._deadline = time.monotonic() + self._job.timeout_s
                return


def _give_way() -> None:
    """Run when nothing else wants to; where the system has no such class, at the lowest priority."""
    os.nice(NICENESS)
    if hasattr(os, "SCHED_IDLE"):
        # A nice process still keeps a core for milliseconds, and a step that is divided among cores waits for it. A
        # sandbox may forbid the call, and a courtesy must not cost a run.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> int:
    """Follow the journal on standard input."""
    job = ProjectorJob.decode(os.environ.pop(JOB_VARIABLE))
    _give_way()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    voice = WarningPipe(job.signal)
    try:
        Follower(job, Reader(sys.stdin.fileno(), f"the journal of {job.stage}"), voice).run()
    except TrackingError as error:
        log.warning("%s; fix: %s", error.problem, error.fix)
        return error.exit_code
    except Exception:
        log.exception("the projector stopped")
        voice.say("the projector stopped; MLflow lacks runs\nfix: see mlruns/projector.log, then `glyphline sync`")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
