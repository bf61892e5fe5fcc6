"""Start the projector: the process that shows a stage's runs in MLflow while the stage works."""

import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from glyphline.errors import TrackingError
from glyphline.mlflow_sync import store
from glyphline.params import Params
from glyphline.paths import Paths

log = logging.getLogger(__name__)

JOB_VARIABLE = "GLYPHLINE_PROJECTOR"
NO_PROJECTOR = "none"
"""Value of the variable where no run is to be shown: in a folder that is thrown away, for example."""
MAX_LOG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ProjectorJob:
    """What a projector must know; the journal itself is its standard input.

    Attributes:
        stage: whose journal it is.
        work, home: the two roots of the project.
        uri: of the store; it may hold a password, so it never stands on a command line.
        timeout_s: how long to wait for a store that does not answer.
        signal: file descriptor for one line of JSON per change of state: a warning, or null when all is well.
    """

    stage: str
    work: str
    home: str
    uri: str
    timeout_s: float
    signal: int

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


class Projector:
    """The near end of a projector: hears its warnings, never waits for it.

    Args:
        handle: the reading end of its signal pipe; None when no projector runs.
    """

    def __init__(self, handle: int | None = None) -> None:
        self._handle = handle

    def warning(self) -> str | None:
        """What the projector has to complain about just now; the pipe is closed after that."""
        if self._handle is None:
            return None
        try:
            said = os.read(self._handle, 1 << 16).decode(errors="replace").splitlines()
        except BlockingIOError:
            return None
        finally:
            os.close(self._handle)
            self._handle = None
        return json.loads(said[-1]) if said else None


def start(params: Params, paths: Paths, stage: str) -> Projector:
    """Start a projector for the journal of `stage`.

    It is a session of its own, so that Ctrl-C reaches the stage alone and the end of the run is still sent; it has
    no end of the stage's pipes, so that nobody who reads the stage's output waits for it.
    """
    if os.environ.get(JOB_VARIABLE) == NO_PROJECTOR:
        return Projector()
    try:
        uri = store.uri(params, paths)
    except TrackingError as error:
        # The stage does its work without a store; who needs one will say this again as an error.
        log.warning("%s\nfix: %s", error.problem, error.fix)
        return Projector()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    job = ProjectorJob(
        stage=stage,
        work=str(paths.work),
        home=str(paths.home),
        uri=uri,
        timeout_s=params.tracking.timeout_s,
        signal=writing,
    )
    paths.mlruns.mkdir(parents=True, exist_ok=True)
    log_path = paths.mlruns / "projector.log"
    too_long = log_path.exists() and log_path.stat().st_size > MAX_LOG_BYTES
    try:
        with log_path.open("w" if too_long else "a") as log_stream, paths.journal(stage).open("rb") as lines:
            # -P: the stage's folder must not shadow installed modules.
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
    return Projector(reading)


def _environment(job: ProjectorJob) -> dict[str, str]:
    package = Path(__file__).resolve().parents[2]
    # In a queued experiment the stage's own code is removed with the copy of the project, while the projector works.
    kept = Path(job.home) / "src"
    if package.is_relative_to(job.work) and job.home != job.work and (kept / "glyphline" / "tracking").is_dir():
        package = kept
    # The stage's PYTHONPATH may be relative to its working directory, which is not the projector's.
    search_path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {
        **os.environ,
        **store.environment(job.timeout_s),
        "PYTHONPATH": search_path,
        JOB_VARIABLE: job.encode(),
    }
