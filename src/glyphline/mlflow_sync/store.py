"""The tracking store: which it is, whether it answers, its first use, its experiments.

mlflow is imported inside functions only: it costs seconds.
"""

import logging
import math
import os
import re
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
from glyphline.errors import DriverMissingError, TrackingError
from glyphline.mlflow_sync import artifact_owners, experiment_view
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact

log = logging.getLogger(__name__)

# The path of a SQLite file: not of a database in memory, and not in SQLite's own `file:` notation.
_SQLITE = re.compile(r"(?P<scheme>sqlite(?:\+\w+)?:///)(?P<path>(?!:memory:|file:)[^?]+)(?P<query>\?.*)?", re.DOTALL)
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
FIX = "start the tracking server or correct tracking.uri, then `glyphline sync`; the journals have it all"
URI_FIX = "correct tracking.uri or MLFLOW_TRACKING_URI; in a password, # is written and / %2F"
LOCK_POLL_S = 0.05


def uri(params: Params, paths: Paths, environ: Mapping[str, str] = os.environ) -> str:
    """The store's URI: `tracking.uri`, else MLFLOW_TRACKING_URI, else the SQLite file under mlruns/.

    A relative SQLite path begins at the main checkout, so that a queued experiment, its projector and a command in a
    subfolder all mean one file.

    Raises:
        TrackingError: it cannot be read.
    """
    chosen = params.tracking.uri or environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{paths.mlruns / 'mlflow.db'}"
    _endpoint(chosen)
    found = _SQLITE.fullmatch(chosen)
    if found is None:
        return chosen
    return f"{found['scheme']}{paths.home / found['path']}{found['query'] or ''}"


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
        TrackingError: nobody answers there, or the URI cannot be read.
    """
    scheme, host, port = _endpoint(uri)
    if not host or not port or _is_proxied(scheme, host):
        return
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
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
    except ImportError as error:
        raise DriverMissingError(redact(uri), error) from None
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


class ExperimentDeletedError(TrackingError):
    """Somebody has deleted an experiment, and MLflow takes no run of it before it is restored."""


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
            ExperimentDeletedError: somebody has deleted it.
        """
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage == "deleted":
                raise ExperimentDeletedError(
                    f"experiment {name} (id {found.experiment_id}) was deleted in {redact(self.uri)}",
                    fix=f"with MLFLOW_TRACKING_URI set to that store: "
                    f"`mlflow experiments restore --experiment-id {found.experiment_id}`, then `glyphline sync`",
                )
            self._experiments[name] = found.experiment_id if found else self._make(name)
        return self._experiments[name]

    def experiment_ids(self, *, deleted: bool = False) -> list[str]:
        """The ids of all experiments, of deleted ones too when that is wanted."""
        from mlflow.entities import ViewType

        wanted = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
        ids: list[str] = []
        token: str | None = None
        while True:
            page = self.client.search_experiments(wanted, max_results=1000, page_token=token)
            ids += [experiment.experiment_id for experiment in page]
            token = page.token
            if not token:
                return ids

    def _make(self, name: str) -> str:
        location = (self.artifacts / name.replace("/", "-")).as_uri() if self.artifacts else None
        made: str = self.client.create_experiment(name, artifact_location=location)
        for key, value in experiment_view.tags(name, made).items():
            self.client.set_experiment_tag(made, key, value)
        return made


def keep_quick(uri: str) -> None:
    """Let SQLite count what its tables hold, so that it plans its queries well; other stores do so by themselves.

    Without it the table of a thousand runs, sorted by a metric, takes twice as long as with it.
    """
    file = sqlite_file(uri)
    if file is None:
        return
    try:
        with closing(sqlite3.connect(file, timeout=1.0)) as database:
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
    file = sqlite_file(uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    with refusals(uri), files.exclusive(paths.mlruns / "store.lock"):
        # The registry would else be looked for where MLFLOW_TRACKING_URI or a left-over ./mlruns says.
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if is_served:
            client.search_experiments(max_results=1)
            return Store(client, uri, artifacts=None)
        oldest = client.search_experiments(view_type=ViewType.ALL, max_results=1, order_by=["creation_time ASC"])
        artifacts = paths.mlruns / "artifacts"
        identity = artifact_owners.identity(uri, artifacts, oldest[0].creation_time if oldest else None)
        artifact_owners.claim(artifacts, identity)
    return Store(client, uri, artifacts, identity)


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other store."""
    found = _SQLITE.fullmatch(uri)
    return Path(found["path"]) if found else None


def check_driver(uri: str) -> None:
    """See to it that the package which speaks to this kind of database is there; a server needs none.

    Raises:
        TrackingError: it is not.
    """
    if urlsplit(redact(uri)).scheme in {"", "http", "https", "sqlite"}:
        return
    from sqlalchemy import make_url

    with refusals(uri):
        make_url(uri).get_dialect().import_dbapi()


def _endpoint(uri: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port.

    Raises:
        TrackingError: the URI cannot be read; it is not shown, because nobody knows where in it the password is.
    """
    try:
        # As MLflow will, which has no word of its own for what cannot be split.
        urlsplit(uri)
        # Without the credentials: a # or ? in a password would end the host for urlsplit, but not for a database.
        parts = urlsplit(redact(uri))
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme.split("+")[0])
        (host or "").encode("idna")
    except ValueError:
        scheme = uri.partition("://")[0]
        problem = f"the tracking store's URI {scheme}://... cannot be read: its host or port is wrong"
        raise TrackingError(problem, fix=URI_FIX) from None
    return parts.scheme, host, port


def _is_proxied(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
