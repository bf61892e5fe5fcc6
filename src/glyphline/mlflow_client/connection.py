"""Clients of MLflow whose requests end in bounded time, and listings that come page by page."""

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from glyphline import environment, sqlite_file
from glyphline.errors import TrackingError
from glyphline.mlflow_client.failures import registry_errors
from glyphline.mlflow_client.store_uri import StoreUri
from glyphline.redaction import redact


def environment_variables(timeout_s: float) -> dict[str, str]:
    """The variables that keep MLflow quiet and keep a dead server from blocking it for minutes.

    MLflow takes these settings from the environment alone, and reads them at each request.

    Args:
        timeout_s: seconds to wait for an answer; MLflow takes whole ones, at least 1.
    """
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # By default MLflow tries a dead server for four minutes.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, math.ceil(timeout_s))),
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }


def client(uri: str) -> Any:
    """An `MlflowClient`; set `environment_variables` before its first request.

    Raises:
        TrackingError: the store is a SQLite file that is damaged.
    """
    database = StoreUri.parse(uri).sqlite_file
    if database is not None:
        try:
            sqlite_file.check(database)
        except sqlite3.DatabaseError as error:
            raise TrackingError(
                f"the tracking store {redact(uri)} is damaged: {error}",
                fix=f"restore {database.name} from a backup, or move it away and run `glyphline sync`",
            ) from None
    from mlflow.tracking import MlflowClient

    # The registry would else be looked for where MLFLOW_TRACKING_URI or a left-over ./mlruns says.
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def registry_client(uri: str, timeout_s: float) -> Iterator[Any]:
    """An `MlflowClient` for the model registry; what goes wrong in the block is raised as an error with a way out.

    Args:
        uri: of the store, a database or a server.
        timeout_s: seconds to wait for a server's answer.

    Raises:
        TrackingError: the store does not answer.
        RegistryError: the store refuses a request; ReadOnlyError, when it cannot be written.
    """
    with environment.changed(environment_variables(timeout_s)), registry_errors(uri):
        yield client(uri)


def pages(search: Callable[..., Any], *arguments: Any, **options: Any) -> Iterator[Any]:
    """All entries of a listing that MLflow gives page by page; a page is asked for when its entries are needed.

    Args:
        search: a method of an `MlflowClient` that takes a `page_token`.
        arguments: of the method.
        options: of the method, by name.
    """
    token = None
    while True:
        page = search(*arguments, page_token=token, **options)
        yield from page
        token = page.token
        if not token:
            return
