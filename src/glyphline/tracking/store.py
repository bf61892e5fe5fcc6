"""The tracking store: which it is, whether it answers, its first use, its experiments.

mlflow is imported inside functions only: it costs seconds.
"""

import logging
import math
import os
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from glyphline import files
from glyphline.errors import TrackingError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact
from glyphline.tracking import claims, view

log = logging.getLogger(__name__)

SQLITE = "sqlite:///"
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
FIX = "start the tracking server or correct tracking.uri, then `glyphline sync`; the journals have it all"
LOCK_POLL_S = 0.05


def uri(params: Params, paths: Paths, environ: Mapping[str, str] = os.environ) -> str:
    """The store's URI: `tracking.uri`, else MLFLOW_TRACKING_URI, else the SQLite file under mlruns/."""
    return params.tracking.uri or environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{paths.mlruns / 'mlflow.db'}"


def environment(timeout_s: float) -> dict[str, str]:
    """The variables that keep MLflow quiet and keep a dead server from blocking it for minutes."""
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, math.ceil(timeout_s))),
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }


def reach(uri: str, timeout_s: float) -> None:
    """Connect to the store's host and hang up; costs milliseconds and no import.

    Raises:
        TrackingError: nobody answers there.
    """
    parts = urlsplit(uri)
    port = parts.port or PORTS.get(parts.scheme.split("+")[0])
    if not parts.hostname or not port or _is_proxied(parts.scheme, parts.hostname):
        return
    try:
        socket.create_connection((parts.hostname, port), timeout=timeout_s).close()
    except OSError as error:
        raise TrackingError(f"the tracking store {redact(uri)} is out of reach ({error})", fix=FIX) from None


@contextmanager
def refusals(uri: str) -> Iterator[None]:
    """Turn what MLflow, SQLAlchemy and the network raise into a TrackingError without credentials."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        reason = redact(" ".join(str(error).split()))[:400]
        raise TrackingError(f"the tracking store {redact(uri)} refuses: {reason}", fix=FIX) from None


@contextmanager
def projecting(paths: Paths, timeout_s: float | None = None) -> Iterator[None]:
    """Be the only process that brings journals into stores.

    Args:
        paths: of the project; all its stores share one lock.
        timeout_s: how long to wait for another process; None waits for ever.

    Raises:
        TrackingError: another process was at it all that time.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        with files.exclusive(paths.mlruns / "projection.lock", wait=deadline is None) as free:
            if free:
                yield
                return
        if deadline is not None and time.monotonic() > deadline:
            raise TrackingError(f"another process has held the store for {timeout_s:g} s", fix="try again in a while")
        time.sleep(LOCK_POLL_S)


@dataclass
class Store:
    """An open store.

    Attributes:
        client: an `mlflow.MlflowClient`.
        uri: where it is.
        artifacts: the folder for the files of experiments made here; None leaves that to the server.
        identity: what it is known by in that folder, see `claims`.
    """

    client: Any
    uri: str
    artifacts: Path | None
    identity: str | None = None
    _experiments: dict[str, str] = field(default_factory=dict)

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made when it is missing.

        Raises:
            TrackingError: somebody has deleted it.
        """
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage == "deleted":
                raise TrackingError(
                    f"experiment {name} (id {found.experiment_id}) is deleted in {redact(self.uri)}",
                    fix=f"`mlflow experiments restore --experiment-id {found.experiment_id}`, or `mlflow gc`",
                )
            self._experiments[name] = found.experiment_id if found else self._make(name)
        return self._experiments[name]

    def experiment_ids(self) -> list[str]:
        """The ids of all experiments."""
        ids: list[str] = []
        token: str | None = None
        while True:
            page = self.client.search_experiments(max_results=1000, page_token=token)
            ids += [experiment.experiment_id for experiment in page]
            token = page.token
            if not token:
                return ids

    def _make(self, name: str) -> str:
        location = (self.artifacts / name.replace("/", "-")).as_uri() if self.artifacts else None
        made: str = self.client.create_experiment(name, artifact_location=location)
        for key, value in view.tags(name, made).items():
            self.client.set_experiment_tag(made, key, value)
        return made


def keep_quick(uri: str) -> None:
    """Let SQLite count what its tables hold, so that it plans its queries well; other stores do so by themselves.

    Without it the table of a thousand runs, sorted by a metric, takes twice as long as with it.
    """
    if not uri.startswith(SQLITE):
        return
    try:
        with closing(sqlite3.connect(uri.removeprefix(SQLITE), timeout=1.0)) as database:
            database.execute("ANALYZE")
            database.commit()
    except sqlite3.Error as error:
        # Somebody is writing; it is done the next time.
        log.debug("the tables of %s were not counted: %s", redact(uri), error)


def connect(uri: str, paths: Paths, timeout_s: float) -> Store:
    """Open a store; a new database gets its tables now, by one process at a time.

    Raises:
        TrackingError: it is out of reach, or the URI names no store that MLflow knows.
    """
    reach(uri, timeout_s)
    os.environ.update(environment(timeout_s))
    from mlflow.entities import ViewType
    from mlflow.tracking import MlflowClient

    is_served = urlsplit(uri).scheme in {"http", "https"}
    if uri.startswith(SQLITE):
        Path(uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    with refusals(uri), files.exclusive(paths.mlruns / "store.lock"):
        # The registry would else be looked for where MLFLOW_TRACKING_URI or a left-over ./mlruns says.
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if is_served:
            client.search_experiments(max_results=1)
            return Store(client, uri, artifacts=None)
        oldest = client.search_experiments(view_type=ViewType.ALL, max_results=1, order_by=["creation_time ASC"])
        artifacts = paths.mlruns / "artifacts"
        identity = claims.identity(uri, artifacts, oldest[0].creation_time if oldest else None)
        claims.claim(artifacts, identity)
    return Store(client, uri, artifacts, identity)


def _is_proxied(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
