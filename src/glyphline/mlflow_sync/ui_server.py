"""The command that serves MLflow's own UI over the project's store."""

import os
import socket
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import suppress

from glyphline import mlflow_client, sqlite_file
from glyphline.errors import TrackingError
from glyphline.mlflow_sync import experiment_view
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
        TrackingError: the store is a server, which has a UI of its own, it is none that can be used, the driver of its
            database is missing, or another program listens on the port.
    """
    uri = mlflow_client.prepared(mlflow_client.store_uri(params, paths, environ), paths)
    if uri.is_server:
        raise TrackingError(f"the runs are on a server, {uri}", fix="open that address in a browser")
    mlflow_client.check_address(uri)
    uri.check_driver()
    _check_port(host, port)
    folder = str(paths.mlruns / "artifacts")
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", folder, "--artifacts-destination", folder]
    environment = {
        **environ,
        **mlflow_client.environment_variables(TIMEOUT_S),
        "MLFLOW_BACKEND_STORE_URI": uri.text,
        # MLflow's own use of a library, at each start.
        "PYTHONWARNINGS": "ignore:starlette.middleware.wsgi is deprecated",
        # Six job workers of 260 MB each would start, for features of language models.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    return command, environment


def _check_port(host: str, port: int) -> None:
    # MLflow ends with exit code 0 when it cannot listen.
    if _is_free(host, port):
        return
    other = next((higher for higher in range(port + 1, min(port + 100, 65_536)) if _is_free(host, higher)), None)
    raise TrackingError(
        f"port {port} of {host} cannot be listened on: another program has it, or this machine is not {host}",
        fix=f"`glyphline ui --port {other}`, or end the other program"
        if other
        else "give --host an address of its own",
    )


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as server:
            # As uvicorn does: a port that was closed a moment ago is free.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(place)
    except OSError:
        return False
    return True


def address(
    params: Params,
    paths: Paths,
    host: str = "127.0.0.1",
    port: int = 5000,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """The address of the data set's runs with the columns that matter, or of all experiments where it has no runs yet.

    Without the workflow in it, a new browser would open MLflow's page for language models.
    """
    route = _ALL_EXPERIMENTS
    # A URI that cannot be read is told by what opens the store.
    with suppress(TrackingError, sqlite3.Error):
        file = mlflow_client.store_uri(params, paths, environ).sqlite_file
        if file is not None and file.is_file():
            with sqlite_file.opened(file, mode="ro", timeout_s=1.0) as database:
                found = database.execute(_EXPERIMENT, (params.data.dataset, experiment_view.VIEW_TAG)).fetchone()
            if found is not None:
                route = experiment_view.route(str(found[0]))
    return f"http://{host}:{port}/{route}"


def remote_address(params: Params, paths: Paths, environ: Mapping[str, str] = os.environ) -> str | None:
    """The address of all experiments on the server that has the runs; None where this machine's store has them."""
    with suppress(TrackingError):
        uri = mlflow_client.store_uri(params, paths, environ)
        if uri.is_server:
            return f"{str(uri).rstrip('/')}/{_ALL_EXPERIMENTS}"
    return None


_ALL_EXPERIMENTS = "#/experiments?workflowType=machine_learning"
# Not by mlflow, whose import takes seconds.
_EXPERIMENT = """
SELECT experiments.experiment_id FROM experiments JOIN experiment_tags USING (experiment_id)
WHERE name = ? AND lifecycle_stage = 'active' AND key = ?
"""
