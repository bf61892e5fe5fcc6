"""A connection to MLflow's store whose failures are told as errors that a person can mend."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from glyphline import environment
from glyphline.errors import DriverMissingError, PipelineError, ReadOnlyError, RegistryError, TrackingError
from glyphline.redaction import redact
from glyphline.registry.registered_model import RegisteredModel


@contextmanager
def connected(uri: str, name: str, timeout_s: float) -> Iterator[RegisteredModel]:
    """A registry to speak to; what goes wrong in the block is told as an error that a person can mend.

    Args:
        uri: the store, a database or a server.
        name: the registered model.
        timeout_s: seconds to wait for a server's answer.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request; ReadOnlyError, when it cannot be written.
    """
    with client(uri, timeout_s) as opened:
        yield RegisteredModel(opened, name)


@contextmanager
def client(uri: str, timeout_s: float) -> Iterator[Any]:
    """An `MlflowClient`; what goes wrong in the block is told as an error that a person can mend.

    Args:
        uri: the store, a database or a server.
        timeout_s: seconds to wait for a server's answer.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request; ReadOnlyError, when it cannot be written.
    """
    bounds = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(timeout_s))),
        # By default MLflow tries a dead server for four minutes.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }
    # MLflow takes these from the environment alone, and reads them at each request.
    with environment.changed(bounds):
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
        from requests.exceptions import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
        except (ImportError, MlflowException, RequestException, SQLAlchemyError, OSError) as error:
            raise _explained(error, uri) from None


def _explained(error: Exception, uri: str) -> PipelineError:
    if isinstance(error, ImportError):
        return DriverMissingError(redact(uri), error)
    said = redact(" ".join(str(error).split()))[:300]
    # MLflow has one exception class for all; only these texts tell what is the matter.
    if "readonly database" in said or "read-only transaction" in said:
        return ReadOnlyError(
            f"the tracking store {redact(uri)} cannot be written: {said}",
            fix="let this user write it, for SQLite the file and its folder; then run the same command again",
        )
    if "Max retries exceeded" in said or "failed with exception" in said or "OperationalError" in said:
        return TrackingError(
            f"the tracking store {redact(uri)} does not answer: {said}",
            fix="start it, or correct tracking.uri in params.yaml; then run the same command again",
        )
    return RegistryError(
        f"the registry in {redact(uri)} refuses: {said}",
        fix="look at the model in `make ui`, then run the same command again",
    )
