"""The command that serves MLflow's own UI over the project's store."""

import os
import sys
from collections.abc import Mapping

from glyphline import mlflow_client
from glyphline.errors import TrackingError
from glyphline.params import Params
from glyphline.paths import Paths

TIMEOUT_S = 60.0


def server(
    params: Params,
    paths: Paths,
    host: str = "127.0.0.1",
    port: int = 5000,
    environ: Mapping[str, str] = os.environ,
) -> tuple[list[str], dict[str, str]]:
    """The command line of MLflow's server over the project's store, and the environment to run it in.

    The URI is in the environment, because it may hold a password and everybody can see a command line.

    Raises:
        TrackingError: the store is a server, which has a UI of its own, or the driver of its database is missing.
    """
    uri = mlflow_client.prepared(mlflow_client.store_uri(params, paths, environ), paths)
    if uri.is_server:
        raise TrackingError(f"the runs are on a server, {uri}", fix="open that address in a browser")
    uri.check_driver()
    folder = str(paths.mlruns / "artifacts")
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", folder, "--artifacts-destination", folder]
    environment = {
        **environ,
        **mlflow_client.environment_variables(TIMEOUT_S),
        "MLFLOW_BACKEND_STORE_URI": uri.text,
        # Six job workers of 260 MB each would start, for features of language models.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return command, environment


def address(host: str = "127.0.0.1", port: int = 5000) -> str:
    """The address of the page of experiments; a new browser would else open MLflow's page for language models."""
    return f"http://{host}:{port}/#/experiments?workflowType=machine_learning"
