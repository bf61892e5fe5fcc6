"""Clients of MLflow whose requests end in bounded time, and listings that come page by page."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glyphline import environment, files
from glyphline.mlflow_client import store_check
from glyphline.mlflow_client.failures import exception_types, registry_errors
from glyphline.mlflow_client.patience import PatientClient, patiently
from glyphline.mlflow_client.store_uri import StoreUri


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
        # It would sleep as long as a server says, up to hours; see `patience`.
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, math.ceil(timeout_s))),
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }


def client(uri: str) -> Any:
    """An `MlflowClient`, of a server one that does not wait for ever; set `environment_variables` before a request."""
    from mlflow.tracking import MlflowClient

    # The registry would else be looked for where MLFLOW_TRACKING_URI or a left-over ./mlruns says.
    opened, parsed = MlflowClient(tracking_uri=uri, registry_uri=uri), StoreUri.parse(uri)
    return PatientClient(opened, parsed) if parsed.is_server else opened


@contextmanager
def registry_client(uri: str, timeout_s: float) -> Iterator[Any]:
    """An `MlflowClient` for the model registry; what goes wrong in the block is raised as an error with a way out.

    Args:
        uri: of the store, a database or a server.
        timeout_s: seconds to wait for a server's answer.

    Raises:
        TrackingError: the store does not answer, or it is none that can be used.
        RegistryError: the store refuses a request; ReadOnlyError, when it cannot be written.
    """
    with environment.changed(environment_variables(timeout_s)), registry_errors(uri):
        store_check.check_store(StoreUri.parse(uri), timeout_s)
        yield client(uri)


def download(artifact_uri: str, folder: Path, uri: str) -> Path:
    """Fetch a file or a folder of a run or a model.

    Args:
        artifact_uri: where it is.
        folder: where to put it.
        uri: of the store.

    Returns:
        The fetched file or folder.

    Raises:
        OSError: the disk of `folder` is full.
        Exception: what `exception_types` names: it is not there, or the store does not answer.
    """
    from mlflow.artifacts import download_artifacts

    def fetch() -> str:
        return str(download_artifacts(artifact_uri=artifact_uri, dst_path=str(folder), tracking_uri=uri))

    try:
        return Path(patiently(fetch, "download_artifacts", StoreUri.parse(uri)))
    except exception_types() as error:
        # MLflow and the copying of folders fold the exceptions of all files into one text.
        number = files.error_number(error)
        if number in files.DISK_FULL:
            raise OSError(number, os.strerror(number), str(folder)) from None
        raise


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
