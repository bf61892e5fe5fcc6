"""Requests to a server that end in bounded time and say what they wait for.

MLflow bounds the silence between two bytes, and not a request: a server that sends a byte per second holds it for
minutes. A server that asks for fewer requests (HTTP 429) is asked again here, because MLflow would sleep as long as the
server says, without a word.
"""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any

from glyphline.mlflow_client.failures import Failure, exception_types, failure
from glyphline.mlflow_client.store_uri import StoreUri

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0
# Of the timeout of one answer: how long a request may take in all, with the pauses that the server asks for.
PATIENT_TIMEOUTS = 6
# A request that carries files takes as long as the files are large.
FILES_FACTOR = 10
CARRY_FILES = {"log_artifact", "log_artifacts", "log_model_artifacts", "download_artifacts"}
FIRST_PAUSE_S = 1.0
MLFLOW_TIMEOUT_S = 120.0


class PatientClient:
    """An `MlflowClient` of a server whose methods end in bounded time.

    Args:
        client: the `MlflowClient`.
        uri: of the server.
    """

    def __init__(self, client: Any, uri: StoreUri) -> None:
        self._client, self._uri = client, uri

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client, name)
        if name.startswith("_") or not callable(member):
            return member

        def call(*arguments: Any, **options: Any) -> Any:
            return patiently(lambda: member(*arguments, **options), name, self._uri)

        return call


def patiently(call: Callable[[], Any], name: str, uri: StoreUri) -> Any:
    """What a request returns; a line in the log tells what is waited for.

    Args:
        call: makes the request; it is made again when the server asks for fewer requests.
        name: of the request, for the log.
        uri: of the store; a database is asked without all this.

    Raises:
        TimeoutError: the request has no answer after `PATIENT_TIMEOUTS` times the timeout that MLflow has.
    """
    if not uri.is_server:
        return call()
    timeout_s = float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", MLFLOW_TIMEOUT_S))
    patience_s = PATIENT_TIMEOUTS * timeout_s * (FILES_FACTOR if name in CARRY_FILES else 1)
    end, pause_s = time.monotonic() + patience_s, FIRST_PAUSE_S
    while True:
        request = _started(call, name)
        _wait_for(request, name, uri, end, patience_s)
        error = request.exception()
        if not isinstance(error, exception_types()) or failure(error) is not Failure.BUSY:
            return request.result()
        asked_s = _retry_after(uri, timeout_s)
        wait_s = pause_s if asked_s is None else asked_s
        if time.monotonic() + wait_s > end:
            return request.result()
        log.info("the tracking store %s takes no more requests for now; %s again in %g s", uri, name, wait_s)
        time.sleep(wait_s)
        pause_s *= 2


def _started(call: Callable[[], Any], name: str) -> "Future[Any]":
    """The request in a thread of its own, which ends with the process when it is given up."""
    request: Future[Any] = Future()

    def run() -> None:
        try:
            request.set_result(call())
        except BaseException as error:
            request.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return request


def _wait_for(request: "Future[Any]", name: str, uri: StoreUri, end: float, patience_s: float) -> None:
    began = time.monotonic()
    while not wait([request], max(0.0, min(SECONDS_BETWEEN_LINES, end - time.monotonic()))).done:
        if time.monotonic() >= end:
            raise TimeoutError(f"{name} had no whole answer within {patience_s:g} s")
        log.info("waiting for the tracking store %s: %s has taken %.0f s", uri, name, time.monotonic() - began)


def _retry_after(uri: StoreUri, timeout_s: float) -> float | None:
    """How many seconds the server asks to wait; None when it says nothing.

    Asked for anew, because no exception of MLflow's carries the header.
    """
    import requests
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        with requests.get(f"{uri.text.rstrip('/')}/version", timeout=timeout_s, stream=True) as answer:
            header = answer.headers.get("Retry-After")
        return None if header is None else Retry().parse_retry_after(header)
    except (requests.RequestException, InvalidHeader):
        return None
