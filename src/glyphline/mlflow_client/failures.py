"""The one table from what MLflow, SQLAlchemy and the network raise to errors that a person can mend.

    failure        how it is known
    no driver      ImportError
    read-only      SQLite's code, or the words that a server passes on
    damaged        SQLite's code
    disk full      SQLite's code
    old tables     MLflow's words
    busy           HTTP 429, SQLite's code
    unknown user   HTTP 401, or what PostgreSQL and MySQL say at the door
    forbidden      HTTP 403
    untrusted      the TLS handshake
    not MLflow 3   HTTP 404 for a path of MLflow 3, or an answer that is no JSON
    ambiguous      a library reads another host out of the URI
    no store       an address that is neither a server nor a database
    artifacts      HTTP 5xx for the files of runs, or a folder of the server that this machine may not write
    no answer      a request or a database connection that failed, HTTP 502 and 504
    failed         another HTTP 5xx, and what is not known
    refused        another HTTP 4xx

A read-only store is a ReadOnlyError where models are registered, and a refused request is a RegistryError; all others
are a StoreFailedError, which is a TrackingError. A local file that the system refuses is not the store's failure: its
OSError passes. No message holds credentials.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum

from glyphline import files
from glyphline.errors import DriverMissingError, PipelineError, ReadOnlyError, RegistryError, TrackingError
from glyphline.redaction import redact, redact_uri, without_secrets

MAX_REASON_CHARACTERS = 400
# What follows the remedy in a fix, by what failed: showing runs, a command, the stage that registers.
THEN_SYNC = ", then `glyphline sync`; the journals have it all"
THEN_AGAIN = ", then run the same command again"
THEN_REPRO = ", then `glyphline sync` and `dvc repro`"
FIX = "start the tracking server or correct tracking.uri" + THEN_SYNC
_NO_JSON = "not in a valid JSON format"
# urllib3 has no field for the status of the last answer.
_STATUS = re.compile(r"too many (\d{3}) error responses")
# MLflow's threads that download files fold the exceptions of all files into the text of one.
_NO_ANSWER = re.compile(
    r"Max retries exceeded|failed with exception|Connection(?:Reset|Refused)?Error"
    r"|Connection (?:broken|aborted|refused)|IncompleteRead|RemoteDisconnected|[Rr]ead timed out"
)
_SERVED_ARTIFACTS = "/mlflow-artifacts/"


class StoreFailedError(TrackingError):
    """The tracking store does not answer, cannot be written or refuses a request."""


class Failure(Enum):
    """What is the matter with a store."""

    READ_ONLY = "cannot be written"
    DAMAGED = "is damaged"
    DISK_FULL = "could not write to its disk"
    OLD_TABLES = "has the tables of another MLflow"
    BUSY = "is busy"
    UNKNOWN_USER = "does not know this user"
    FORBIDDEN = "forbids this user a request"
    UNTRUSTED = "has no certificate that this machine trusts"
    NOT_MLFLOW_3 = "does not answer as a server of MLflow 3"
    AMBIGUOUS = "has a URI that can be read in two ways"
    NO_STORE = "is neither a tracking server nor a database"
    ARTIFACTS = "cannot keep the files of runs"
    NO_ANSWER = "does not answer"
    FAILED = "failed at a request"
    REFUSED = "refuses a request"


_REMEDIES = {
    Failure.READ_ONLY: "let this user write it, for SQLite the file and its folder",
    Failure.DAMAGED: "put a backup of it in its place, or move it away so that a new one is made",
    Failure.DISK_FULL: "free space on the disk of the store",
    Failure.OLD_TABLES: "copy the database and run `mlflow db upgrade` with its URI, or use the MLflow that made it",
    Failure.BUSY: "wait until others ask less of it, or raise the limit of the server",
    Failure.UNKNOWN_USER: "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; of a"
    " database, correct user and password in its URI",
    Failure.FORBIDDEN: "ask its administrator for the permission EDIT, or use another account",
    Failure.UNTRUSTED: "name its certificate in MLFLOW_TRACKING_SERVER_CERT_PATH; a server without TLS begins with http://",
    Failure.NOT_MLFLOW_3: "correct tracking.uri, or upgrade the server to MLflow 3",
    Failure.NO_STORE: "name a server (http://...) or a database (sqlite:///mlflow.db) in tracking.uri or"
    " MLFLOW_TRACKING_URI; `mlflow migrate-filestore` turns a folder of runs into a database",
    Failure.AMBIGUOUS: "write @ / ? # and a blank in its user and password as %40 %2F %3F %23 %20",
    Failure.ARTIFACTS: "look into the server's log: its artifact root is full, or this user may not write it; a server"
    " started with --artifacts-destination writes the files itself",
    Failure.NO_ANSWER: "start the tracking server or correct tracking.uri",
    Failure.FAILED: "look for the cause in the log of the tracking server, or in the database",
    Failure.REFUSED: "correct what the error names, on its page in the UI",
}
# What carries no code: what a server passes on of its database, what a database says at the door, and MLflow's own.
_WORDS = {
    re.compile(r"readonly database|read-only transaction"): Failure.READ_ONLY,
    re.compile(r"out-of-date database schema|Can't locate revision identified by"): Failure.OLD_TABLES,
    re.compile(r"password authentication failed|no password supplied|Access denied for user"): Failure.UNKNOWN_USER,
}
_REGISTRY_ERRORS: Mapping[Failure, type[PipelineError]] = {
    Failure.READ_ONLY: ReadOnlyError,
    Failure.REFUSED: RegistryError,
    Failure.FAILED: RegistryError,
}
# https://www.sqlite.org/rescode.html, without the extension in the higher bytes.
_SQLITE = {
    sqlite3.SQLITE_READONLY: Failure.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Failure.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: Failure.DAMAGED,
    sqlite3.SQLITE_NOTADB: Failure.DAMAGED,
    sqlite3.SQLITE_FULL: Failure.DISK_FULL,
    sqlite3.SQLITE_IOERR: Failure.DISK_FULL,
    sqlite3.SQLITE_BUSY: Failure.BUSY,
    sqlite3.SQLITE_LOCKED: Failure.BUSY,
}
_HTTP = {
    401: Failure.UNKNOWN_USER,
    403: Failure.FORBIDDEN,
    408: Failure.NO_ANSWER,
    429: Failure.BUSY,
    502: Failure.NO_ANSWER,
    504: Failure.NO_ANSWER,
}


def exception_types() -> tuple[type[Exception], ...]:
    """What requests to a store raise, for an `except` clause, where MLflow is loaded already."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, RequestException, SQLAlchemyError, sqlite3.Error, OSError


def failure(error: Exception) -> Failure:
    """What an exception of a request says about the store: by its type where that tells, else by its words."""
    from mlflow.exceptions import MlflowException

    text = str(error)
    # MLflow has one class for all, but raises it while it handles the exception of the library below.
    cause = (error.__cause__ or error.__context__) if isinstance(error, MlflowException) else error
    kind = next((kind for words, kind in _WORDS.items() if words.search(text)), None) or _of_cause(cause)
    if kind is not None:
        return kind
    if (status := _status(error, cause)) is not None:
        return _of_status(status, is_artifact=_SERVED_ARTIFACTS in text)
    if _is_unanswered(cause) or _NO_ANSWER.search(text):
        return Failure.NO_ANSWER
    return _of_answer(error) if isinstance(error, MlflowException) else Failure.FAILED


def _of_cause(cause: BaseException | None) -> Failure | None:
    """By the type of a library's exception and the code that it carries; None where these tell nothing."""
    from requests.exceptions import SSLError
    from sqlalchemy.exc import DBAPIError, OperationalError

    raised = cause.orig if isinstance(cause, DBAPIError) else cause
    code = getattr(raised, "sqlite_errorcode", None)
    if code is not None:
        # A broken rule of a table is MLflow's to name.
        return _SQLITE.get(code & 0xFF, Failure.FAILED if isinstance(cause, OperationalError) else None)
    if isinstance(cause, OperationalError):
        return Failure.NO_ANSWER
    request = getattr(cause, "request", None)
    is_upload = request is not None and request.method == "PUT" and _SERVED_ARTIFACTS in request.url
    if is_upload and "aborted" in str(cause):
        # MLflow's server fails before it has read the file, and hangs up; one that is gone refuses the second try.
        return Failure.ARTIFACTS
    return Failure.UNTRUSTED if isinstance(cause, SSLError) else None


def _is_unanswered(cause: BaseException | None) -> bool:
    from requests.exceptions import RequestException

    return isinstance(cause, RequestException | ConnectionError | TimeoutError)


def _status(error: Exception, cause: BaseException | None) -> int | None:
    """The HTTP status that ended a request; None where the library below MLflow has met none."""
    response = getattr(cause, "response", None)
    if response is not None:
        return int(response.status_code)
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None


def _of_status(status: int, *, is_artifact: bool) -> Failure:
    if status in _HTTP:
        return _HTTP[status]
    if is_artifact and (status >= 500 or status == 413):
        return Failure.ARTIFACTS
    return Failure.FAILED if status >= 500 else Failure.REFUSED


def _of_answer(error: Exception) -> Failure:
    """By the code that MLflow gives an exception: the one of its server, or what it made of an HTTP status."""
    code = getattr(error, "error_code", None)
    if code == "ENDPOINT_NOT_FOUND" or _NO_JSON in str(error):
        return Failure.NOT_MLFLOW_3
    # A code that is no HTTP status is counted as 500.
    status: int = error.get_http_status_code()  # type: ignore[attr-defined]
    return Failure.BUSY if code == "TEMPORARILY_UNAVAILABLE" else _of_status(status, is_artifact=False)


def reason(error: Exception, characters: int = MAX_REASON_CHARACTERS, uri: str = "") -> str:
    """The words of an exception on one line, without credentials.

    Args:
        error: the exception.
        characters: how many to give at most.
        uri: of the store; nothing of the password in it is given, even where a library tore it apart.
    """
    return redact(without_secrets(" ".join(str(error).split()), uri))[:characters]


def store_failed(uri: str, kind: Failure, why: str) -> StoreFailedError:
    """The error about a store that a check found unfit, before a request was made."""
    return StoreFailedError(
        f"the tracking store {redact_uri(uri)} {kind.value}: {why}", fix=_REMEDIES[kind] + THEN_SYNC
    )


@contextmanager
def tracking_errors(uri: str, then: str = THEN_SYNC) -> Iterator[None]:
    """In the block, what requests to this store raise becomes an error of the tracking store.

    Args:
        uri: of the store.
        then: what is to be done after the remedy.
    """
    with _translated(uri, then, {}):
        yield


@contextmanager
def registry_errors(uri: str) -> Iterator[None]:
    """In the block, what requests to this store raise becomes an error of the model registry."""
    with _translated(uri, THEN_AGAIN, _REGISTRY_ERRORS):
        yield


@contextmanager
def _translated(uri: str, then: str, classes: Mapping[Failure, type[PipelineError]]) -> Iterator[None]:
    try:
        yield
    except StoreFailedError as error:
        # Of an inner block or of a check; what to do after the remedy is for the outermost to say.
        remedy = error.fix
        for end in (THEN_SYNC, THEN_AGAIN, THEN_REPRO):
            remedy = remedy.removesuffix(end)
        raise StoreFailedError(error.problem, fix=remedy + then) from None
    except ImportError as error:
        raise DriverMissingError(redact_uri(uri), error) from None
    except exception_types() as error:
        if isinstance(error, OSError) and files.refusal(error) is not None:
            raise
        kind = failure(error)
        problem = f"the tracking store {redact_uri(uri)} {kind.value}: {reason(error, uri=uri)}"
        raise classes.get(kind, StoreFailedError)(problem, fix=_REMEDIES[kind] + then) from None
