"""Start the projector: the process that shows a stage's runs in MLflow while the stage works."""

import json
import logging
import os
import select
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from glyphline import files, mlflow_client
from glyphline.errors import TrackingError
from glyphline.params import Params
from glyphline.paths import Paths

log = logging.getLogger(__name__)

JOB_VARIABLE = "GLYPHLINE_PROJECTOR"
NO_PROJECTOR = "none"
"""Value of the variable where no run is to be shown: in a folder that is thrown away, for example."""
MAX_LOG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ProjectorJob:
    """What a projector is started with; the journal itself is its standard input.

    Attributes:
        stage: whose journal it is.
        work, home: the two roots of the project.
        uri: of the store; it may hold a password, so that it is never on a command line.
        timeout_s: how long to wait for a store that does not answer.
        warning_handle: file descriptor for one line of JSON per change: a warning, or null when all is well.
    """

    stage: str
    work: str
    home: str
    uri: str
    timeout_s: float
    warning_handle: int

    def encode(self) -> str:
        """As text for the environment."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self:
        """From text."""
        return cls(**json.loads(text))

    @property
    def paths(self) -> Paths:
        """The paths of the project."""
        return Paths(work=Path(self.work), home=Path(self.home))


class ProjectorHandle:
    """A projector as the stage sees it: tells what goes wrong as soon as it is known, and never makes the stage wait.

    Args:
        handle: the reading end of its warning pipe; None when no projector runs.
    """

    def __init__(self, handle: int | None = None) -> None:
        self._handle = handle
        self._reading = threading.Lock()
        self._shown: str | None = None
        self._last: str | None = None
        if handle is not None:
            os.set_blocking(handle, False)
            threading.Thread(target=self._listen, args=(handle,), daemon=True).start()

    def warning(self) -> str | None:
        """The present warning of the projector; None when all is well, and when it was shown already."""
        self._read()
        return self._last if self._last != self._shown else None

    def _listen(self, handle: int) -> None:
        while self._handle is not None:
            select.select([handle], [], [])
            self._read()

    def _read(self) -> None:
        """Show the first warning at once: a store that says no should be known before hours of training."""
        with self._reading:
            if self._handle is None:
                return
            try:
                lines = os.read(self._handle, 1 << 16).decode(errors="replace").splitlines()
            except BlockingIOError:
                return
            if not lines:
                os.close(self._handle)
                self._handle = None
            for line in lines:
                self._last = json.loads(line)
                if self._last is not None and self._shown is None:
                    self._shown = self._last
                    log.warning("%s", self._shown)


def start(params: Params, paths: Paths, stage: str) -> ProjectorHandle:
    """Start a projector for the journal of `stage`.

    It has a session of its own, so that Ctrl-C stops the stage alone and the end of the run is still sent. It has none
    of the stage's pipes, so that a program that reads the stage's output does not wait for it.
    """
    if os.environ.get(JOB_VARIABLE) == NO_PROJECTOR:
        return ProjectorHandle()
    try:
        # Here, and not in the projector alone: that a store was moved is told where a person sees it.
        uri = mlflow_client.project_store(params, paths)
        mlflow_client.check_address(uri)
    except TrackingError as error:
        # The stage works without a store; a command that needs one raises the same as an error.
        log.warning("%s\nfix: %s", error.problem, error.fix)
        return ProjectorHandle()
    except OSError as error:
        refusal = files.refusal(error)
        if refusal is None:
            raise
        log.warning("%s\nfix: %s, then `glyphline sync`", refusal.problem, refusal.remedy)
        return ProjectorHandle()
    reading, writing = os.pipe()
    job = ProjectorJob(
        stage=stage,
        work=str(paths.work),
        home=str(paths.home),
        uri=uri.text,
        timeout_s=params.tracking.timeout_s,
        warning_handle=writing,
    )
    paths.mlruns.mkdir(parents=True, exist_ok=True)
    log_path = paths.mlruns / "projector.log"
    is_too_long = log_path.exists() and log_path.stat().st_size > MAX_LOG_BYTES
    try:
        with log_path.open("w" if is_too_long else "a") as log_stream, paths.journal(stage).open("rb") as lines:
            # -P: a file in the project's folder must not take a library's place.
            subprocess.Popen(
                [sys.executable, "-P", "-m", "glyphline.mlflow_sync.projector"],
                stdin=lines,
                stdout=log_stream,
                stderr=log_stream,
                cwd=paths.home,
                env=_environment(job),
                pass_fds=(writing,),
                start_new_session=True,
            )
    except OSError as error:
        log.warning(
            "no projector could be started (%s)\nfix: run `glyphline sync` later; the journal has it all", error
        )
    finally:
        os.close(writing)
    return ProjectorHandle(reading)


def _environment(job: ProjectorJob) -> dict[str, str]:
    package = Path(__file__).resolve().parents[2]
    # A queued experiment's copy of the project, and the code in it, is removed while the projector still works.
    main_checkout = Path(job.home) / "src"
    if (
        package.is_relative_to(job.work)
        and job.home != job.work
        and (main_checkout / "glyphline" / "mlflow_sync").is_dir()
    ):
        package = main_checkout
    # The stage's PYTHONPATH may be relative to its working directory, which is not the projector's.
    search_path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {
        **os.environ,
        **mlflow_client.environment_variables(job.timeout_s),
        "PYTHONPATH": search_path,
        # Its log is a file, whatever the stage's terminal can show.
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        JOB_VARIABLE: job.encode(),
    }
