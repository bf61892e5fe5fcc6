"""Whether a store can be used at all, before MLflow is asked: it would try for minutes, and name no cause."""

import errno
import os
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from glyphline import sqlite_file
from glyphline.mlflow_client.failures import Failure, store_failed, tracking_errors
from glyphline.mlflow_client.store_uri import StoreUri

# Of SQLAlchemy, without the name of a driver.
DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}
SQLITE_TIMEOUT_S = 1.0


def check_address(uri: StoreUri) -> None:
    """Check what the URI names, without turning to a server; costs milliseconds and no import.

    Raises:
        StoreFailedError: it names no store of a kind that is used here, MLflow would read it otherwise, or the SQLite
            file that it names is none.
        OSError: that file may not be opened.
    """
    if "@" in uri.text and uri.sqlite_file is None and any(map(str.isspace, uri.text)):
        raise store_failed(uri.text, Failure.AMBIGUOUS, "a blank stands in it")
    if uri.scheme.split("+")[0] not in DATABASES and not (uri.is_server and uri.host):
        is_folder = uri.scheme in {"", "file"}
        why = "MLflow 3 has given up folders of runs" if is_folder else "its scheme is not known, or it has no host"
        raise store_failed(uri.text, Failure.NO_STORE, why)
    if uri.is_server:
        _check_host(uri, urlsplit(uri.text).hostname)
    if uri.sqlite_file is not None and uri.sqlite_file.parent.is_dir():
        _check_file(uri, uri.sqlite_file)


def check_store(uri: StoreUri, timeout_s: float) -> None:
    """Check that a store can be used: its address, its host, and for a database that it lets this user in.

    Args:
        uri: of the store.
        timeout_s: seconds to wait for its host.

    Raises:
        StoreFailedError: it cannot.
        DriverMissingError: the driver of the database is not installed.
        OSError: the SQLite file may not be opened.
    """
    check_address(uri)
    uri.reach(timeout_s)
    if uri.is_server or uri.sqlite_file is not None:
        return
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    try:
        _check_host(uri, make_url(uri.text).host)
    except (ArgumentError, ValueError) as error:
        raise store_failed(uri.text, Failure.AMBIGUOUS, f"it cannot be read ({type(error).__name__})") from None
    with tracking_errors(uri.text):
        create_engine(uri.text, poolclass=NullPool).connect().close()


def _check_host(uri: StoreUri, read: str | None) -> None:
    """Check that a library reads the host out of the URI that is meant; it would show what it takes for one."""
    if (read or "").lower() != (uri.host or ""):
        raise store_failed(uri.text, Failure.AMBIGUOUS, "MLflow reads another host or port out of it")


def _check_file(uri: StoreUri, path: Path) -> None:
    if not path.exists():
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return
    try:
        # Read and write, because what a killed process left half done is undone first.
        with sqlite_file.opened(path, timeout_s=SQLITE_TIMEOUT_S) as database:
            database.execute("SELECT count(*) FROM sqlite_master")
        sqlite_file.check(path)
    except sqlite3.OperationalError as error:
        # A lock, for example, is free again when MLflow asks.
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN:
            # SQLite does not say why; the system does.
            path.open("rb").close()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # The second: Python cannot show what SQLite says about a name that is no text any more.
        raise store_failed(uri.text, Failure.DAMAGED, str(error)) from None
