"""The URI of the tracking store: which store it names, and whether its host answers."""

import os
import re
import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from glyphline.errors import TrackingError
from glyphline.mlflow_client.failures import FIX, StoreFailedError, tracking_errors
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact, redact_uri

# The path of a SQLite file: not of a database in memory, and not in SQLite's own `file:` notation.
_SQLITE = re.compile(r"(?P<scheme>sqlite(?:\+\w+)?:///)(?P<path>(?!:memory:|file:)[^?]+)(?P<query>\?.*)?", re.DOTALL)
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_URI_FIX = "correct tracking.uri or MLFLOW_TRACKING_URI; in a password, # is written and / %2F"


@dataclass(frozen=True, slots=True)
class StoreUri:
    """The URI of a store, parsed; as a string it shows no credentials.

    Attributes:
        text: as MLflow takes it; it may hold a password.
        scheme: for example `sqlite`, `postgresql+psycopg`, `https`.
        host: of a server or a database; None for a file.
        port: None where neither the URI nor its scheme names one.
    """

    text: str = field(repr=False)
    scheme: str
    host: str | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI.

        Raises:
            TrackingError: it cannot be read; it is not shown, because nobody knows where in it the password is.
        """
        try:
            # As MLflow will, which has no error message of its own for what cannot be split.
            urlsplit(text)
            # Without the credentials: a # or ? in a password would end the host for urlsplit, but not for a database.
            parts = urlsplit(redact(text))
            host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme.split("+")[0])
            (host or "").encode("idna")
        except ValueError:
            scheme, separator, _ = text.partition("://")
            shown = f"{scheme}://..." if separator else "..."
            problem = f"the tracking store's URI {shown} cannot be read: its host or port is wrong"
            raise TrackingError(problem, fix=_URI_FIX) from None
        return cls(text, parts.scheme, host, port)

    def __str__(self) -> str:
        return redact_uri(self.text)

    @property
    def is_server(self) -> bool:
        """Whether MLflow's server is behind it, and not a database."""
        return self.scheme in {"http", "https"}

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite store; None for any other store."""
        match = _SQLITE.fullmatch(self.text)
        return Path(unquote(match["path"])) if match else None

    def reach(self, timeout_s: float) -> None:
        """Open a connection to the store's host and close it; costs milliseconds and no import.

        Raises:
            StoreFailedError: the host does not answer.
        """
        if not self.host or not self.port or _is_proxied(self.scheme, self.host):
            return
        try:
            socket.create_connection((self.host, self.port), timeout=timeout_s).close()
        except OSError as error:
            raise StoreFailedError(f"the tracking store {self} is out of reach ({error})", fix=FIX) from None

    def check_driver(self) -> None:
        """Check that the package that speaks to this kind of database is installed; a server needs none.

        Raises:
            DriverMissingError: it is not.
        """
        if self.scheme in {"", "http", "https", "sqlite"}:
            return
        from sqlalchemy import make_url

        with tracking_errors(self.text):
            make_url(self.text).get_dialect().import_dbapi()


def store_uri(params: Params, paths: Paths, environ: Mapping[str, str] = os.environ) -> StoreUri:
    """The project's store: `tracking.uri`, else MLFLOW_TRACKING_URI, else the SQLite file in the project's folder.

    A relative SQLite path begins at the main checkout, so that a queued experiment, its projector and a command in a
    subfolder all mean one file. A path is quoted, for a name may hold a % or a #.

    Raises:
        TrackingError: the URI cannot be read.
    """
    text = params.tracking.uri or environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(paths.store)
    if match := _SQLITE.fullmatch(text):
        text = sqlite_uri(paths.home / unquote(match["path"]), match["scheme"], match["query"] or "")
    return StoreUri.parse(text)


def sqlite_uri(file: Path, scheme: str = "sqlite:///", query: str = "") -> str:
    """The URI of a SQLite file, with its path quoted."""
    path = quote(str(file))
    if path != str(file) and scheme == "sqlite:///":
        # MLflow makes the folders of a `sqlite:` URI as they are written there, quoted; with a driver it makes none.
        scheme = "sqlite+pysqlite:///"
    return f"{scheme}{path}{query}"


def _is_proxied(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
