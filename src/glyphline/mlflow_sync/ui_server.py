"""The command that serves MLflow's own UI over the project's store."""

import os
import sys
from collections.abc import Mapping

from glyphline.errors import TrackingError
from glyphline.mlflow_sync import store
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact

TIMEOUT_S = 60.0


def server(
    params: Params,
    paths: Paths,
    host: str = "127.0.0.1",
    port: int = 5000,
    environ: Mapping[str, str] = os.environ,
) -> tuple[list[str], dict[str, str]]:
    """The command line of MLflow's server over the project's store, and the environment to run it in.

    The URI goes by the environment, because it may hold a password and a command line is for all to see.

    Raises:
        TrackingError: the store is a server, which has a UI of its own, or the driver of its database is missing.
    """
    uri = store.uri(params, paths, environ)
    if uri.startswith(("http://", "https://")):
        raise TrackingError(f"the runs are on a server, {redact(uri)}", fix="open that address in a browser")
    store.check_driver(uri)
    folder = str(paths.mlruns / "artifacts")
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", folder, "--artifacts-destination", folder]
    environment = {
        **environ,
        **store.environment(TIMEOUT_S),
        "MLFLOW_BACKEND_STORE_URI": uri,
        # Six job workers of 260 MB each would start, for features of language models.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return command, environment


def address(host: str = "127.0.0.1", port: int = 5000) -> str:
    """Where a browser finds the experiments; a fresh one would else open MLflow's page for language models."""
    return f"http://{host}:{port}/#/experiments?workflowType=machine_learning"
