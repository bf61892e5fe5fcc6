"""The storage of studies: a SQLite file with one writer, or a PostgreSQL database that several machines share."""

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage

from glyphline import files, sqlite_file
from glyphline.errors import SearchError
from glyphline.params import Params
from glyphline.redaction import redact

URL_VARIABLE = "GLYPHLINE_STUDY_URL"
CONNECT_TIMEOUT_S = 10
SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
# A table that only Optuna has; other programs have a table `alembic_version` too.
OPTUNA_TABLE = "version_info"
_DAMAGE = re.compile("Could not decode to UTF-8|no such (column|table)")


class StudyDamagedError(Exception):
    """What a study holds is not what was written to it; `storage_errors` tells people."""


@dataclass(frozen=True, slots=True)
class StudyLocation:
    """The location of the studies.

    Attributes:
        database: the SQLite file; lock files lie in its folder.
        url: of a PostgreSQL database, in SQLAlchemy's form; None for the file. It may hold a password.
    """

    database: Path
    url: str | None = None

    def __repr__(self) -> str:
        return f"StudyLocation({str(self)!r})"

    def __str__(self) -> str:
        if self.url is None:
            return str(self.database)
        from sqlalchemy.engine import make_url

        shown = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=True)
        # Redacted again: a password may also stand behind the question mark.
        return redact(shown)

    def fix_for(self, error: BaseException) -> str:
        """What a person can do about an error of the storage.

        Args:
            error: raised by the database's driver, or a StudyDamagedError.
        """
        if self.url is not None and isinstance(error, StudyDamagedError):
            return "restore the database from a backup, or remove the study with `optuna delete-study`"
        if self.url is not None:
            return f"start the server or correct tune.storage or {URL_VARIABLE}; nothing of the study is lost"
        # A lock, a full disk or missing rights raise an OperationalError; only a file that is no sound database raises
        # exactly this class, but for text that cannot be read and tables whose names were changed.
        if type(error) in {sqlite3.DatabaseError, StudyDamagedError} or _DAMAGE.match(str(error)):
            return f"move {self.database.name} away; the search then starts from the beginning"
        return "remove that cause and run the same command again; nothing of the study is lost"


def study_location(params: Params, database: Path, environ: Mapping[str, str] = os.environ) -> StudyLocation:
    """`tune.storage`, else GLYPHLINE_STUDY_URL, else the SQLite file.

    Raises:
        SearchError: the setting names no PostgreSQL database, or cannot be read. The message does not quote it, because
            it is not known where the password ends.
    """
    setting = params.tune.storage or environ.get(URL_VARIABLE)
    if not setting:
        return StudyLocation(database)
    source = "tune.storage" if params.tune.storage else URL_VARIABLE
    scheme, separator, rest = setting.partition("://")
    if not separator or scheme not in SCHEMES:
        raise SearchError(
            f"{source} names no PostgreSQL database",
            fix=f"write postgresql://user@host/database there; without it, {database.name} is used",
        )
    url = f"postgresql+psycopg://{rest}"
    if not _is_readable(url):
        raise SearchError(
            f"the URL in {source} cannot be read",
            fix="write postgresql://user:password@host:port/database, and in user and password %40 for @, %3A for :, "
            "%2F for /, %3F for ?, %20 for a blank, %25 for %",
        )
    return StudyLocation(database, url)


def _is_readable(url: str) -> bool:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    # SQLAlchemy ends the password at the first @: the rest would be part of the host, which messages show.
    if url.count("@") > 1 or any(sign.isspace() for sign in url):
        return False
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return True


def connect(location: StudyLocation) -> RDBStorage:
    """Open the storage; a new database gets its tables.

    Raises:
        SearchError: the storage cannot be reached or used, or holds tables of another program or of an older Optuna.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    location.database.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that make the tables at once fail with "UNIQUE constraint failed: alembic_version".
    with files.exclusive(location.database.with_suffix(".lock")), storage_errors(location):
        if location.url is None:
            sqlite_file.check(location.database)
            url, options = _file_url(location.database), {"timeout": 60}
        else:
            _load_driver()
            url, options = location.url, {"connect_timeout": CONNECT_TIMEOUT_S}
        engine_kwargs = {"connect_args": options}
        with _checked_tables(url, engine_kwargs, location):
            storage = RDBStorage(url, engine_kwargs=engine_kwargs, skip_compatibility_check=True)
        _check_version(storage, location)
    return storage


@contextmanager
def storage_errors(location: StudyLocation) -> Iterator[None]:
    """Turn the errors of SQLite, PostgreSQL and Optuna about the storage into a SearchError without the password."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (sqlite3.Error, SQLAlchemyError, StorageInternalError, StudyDamagedError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
        cause = getattr(cause, "orig", None) or cause
        reason = redact(" ".join(str(cause).split()))[:300]
        # From None: the error's cause holds the URL, and a log would show it.
        raise SearchError(
            f"the study storage {location} cannot be used: {reason}", fix=location.fix_for(cause)
        ) from None


def _file_url(database: Path) -> str:
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(database)).render_as_string()


@contextmanager
def _checked_tables(url: str, engine_kwargs: dict[str, Any], location: StudyLocation) -> Iterator[None]:
    """Check that no other program has tables there; on a shared server let one process at a time make Optuna's."""
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(url, **engine_kwargs)
    try:
        with engine.connect() as connection:
            if location.url is not None:
                # The server frees the lock when the connection closes.
                connection.execute(text("SELECT pg_advisory_lock(hashtext('glyphline studies'))"))
            tables = inspect(connection).get_table_names()
            if tables and OPTUNA_TABLE not in tables:
                shown = ", ".join(sorted(tables)[:4])
                raise SearchError(
                    f"{location} holds another program's tables ({shown}, ...)",
                    fix="give the studies a database of their own",
                )
            if location.url is None:
                connection.close()
            yield
    finally:
        engine.dispose()


def _check_version(storage: RDBStorage, location: StudyLocation) -> None:
    stored, installed = storage.get_current_version(), storage.get_head_version()
    if stored != installed:
        raise SearchError(
            f"{location} has the schema {stored}, and Optuna {optuna.__version__} has {installed}",
            fix="make a copy, then run `optuna storage upgrade --storage "
            f"{'URL' if location.url else _file_url(location.database)}`",
        )


def _load_driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise SearchError(
            "tune.storage names a PostgreSQL database, and its driver is not installed",
            fix="pip install 'glyphline[postgres]'",
        ) from None
