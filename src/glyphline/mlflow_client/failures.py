"""The one table from what MLflow, SQLAlchemy and the network raise to errors that a person can mend.

    failure      what was raised                                     runs are shown         models are registered
    no driver    ImportError                                         DriverMissingError     DriverMissingError
    read-only    the database's words, see `_READ_ONLY`              StoreFailedError       ReadOnlyError
    no answer    a request or a database connection that failed      StoreFailedError       StoreFailedError
    refused      anything else                                       StoreFailedError       RegistryError

StoreFailedError is a TrackingError. No message holds credentials.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import Enum

from glyphline.errors import DriverMissingError, PipelineError, ReadOnlyError, RegistryError, TrackingError
from glyphline.redaction import redact

FIX = "start the tracking server or correct tracking.uri, then `glyphline sync`; the journals have it all"
MAX_REASON_CHARACTERS = 400
# Only these words tell that a store cannot be written: a server passes on what its database said, and no code for it.
_READ_ONLY = re.compile(r"readonly database|read-only transaction")
# MLflow's threads that download files fold the exceptions of all files into the text of one.
_NO_ANSWER = re.compile(
    r"Max retries exceeded|failed with exception|Connection(?:Reset|Refused)?Error"
    r"|Connection (?:broken|aborted|refused)|IncompleteRead|RemoteDisconnected|[Rr]ead timed out"
)


class StoreFailedError(TrackingError):
    """The tracking store does not answer, cannot be written or refuses a request."""


class Failure(Enum):
    """What is the matter with a store."""

    READ_ONLY = "cannot be written"
    NO_ANSWER = "does not answer"
    REFUSED = "refuses"


_TRACKING = dict.fromkeys(Failure, (StoreFailedError, FIX))
_REGISTRY = {
    Failure.READ_ONLY: (
        ReadOnlyError,
        "let this user write it, for SQLite the file and its folder; then run the same command again",
    ),
    Failure.NO_ANSWER: (
        StoreFailedError,
        "start it, or correct tracking.uri in params.yaml; then run the same command again",
    ),
    Failure.REFUSED: (RegistryError, "look at the model in `make ui`, then run the same command again"),
}


def exception_types() -> tuple[type[Exception], ...]:
    """What requests to a store raise, for an `except` clause, where MLflow is loaded already."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, RequestException, SQLAlchemyError, OSError


def failure(error: Exception) -> Failure:
    """What an exception of a request says about the store: by its type where that tells, else by its words."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import OperationalError

    text = str(error)
    if _READ_ONLY.search(text):
        return Failure.READ_ONLY
    # MLflow has one class for all, but raises it while it handles the exception of the library below.
    cause = (error.__cause__ or error.__context__) if isinstance(error, MlflowException) else error
    if isinstance(cause, RequestException):
        is_unanswered = cause.response is None
    else:
        is_unanswered = isinstance(cause, OperationalError | ConnectionError | TimeoutError)
    if not is_unanswered and isinstance(error, MlflowException):
        is_unanswered = error.error_code in {"TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED"}
    return Failure.NO_ANSWER if is_unanswered or _NO_ANSWER.search(text) else Failure.REFUSED


def reason(error: Exception, characters: int = MAX_REASON_CHARACTERS) -> str:
    """The words of an exception on one line, without credentials."""
    return redact(" ".join(str(error).split()))[:characters]


def tracking_errors(uri: str) -> AbstractContextManager[None]:
    """In the block, what requests to this store raise becomes an error of the tracking store."""
    return _translated(uri, _TRACKING)


def registry_errors(uri: str) -> AbstractContextManager[None]:
    """In the block, what requests to this store raise becomes an error of the model registry."""
    return _translated(uri, _REGISTRY)


@contextmanager
def _translated(uri: str, table: Mapping[Failure, tuple[type[PipelineError], str]]) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DriverMissingError(redact(uri), error) from None
    except exception_types() as error:
        kind = failure(error)
        error_class, fix = table[kind]
        raise error_class(f"the tracking store {redact(uri)} {kind.value}: {reason(error)}", fix=fix) from None
