"""Real stores that many processes share: MLflow's server over SQLite, and PostgreSQL."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 180.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(uri: str, folder: Path) -> Iterator[str]:
    """MLflow's server over a database; clients read and write the files of runs themselves."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", (folder / "artifacts").as_uri(), "--no-serve-artifacts"]
    environment = {**os.environ, "MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=60)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of one's own; it refuses to run as root, so root runs it as `postgres`."""
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    home, port = _postgres_home(), free_port()
    # Not below pytest's folder, which belongs to root alone.
    with tempfile.TemporaryDirectory(prefix="glyphline-postgres-") as name:
        if as_user:
            shutil.chown(name, "postgres", "postgres")
        data = Path(name) / "data"
        with (Path(name) / "log").open("w") as log:
            said = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL, "cwd": "/"}
            make = [*as_user, home / "initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync"]
            subprocess.run(make, check=True, **said)
            options = {
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": "",
                "max_connections": 200,
                "fsync": "off",
            }
            settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
            server = subprocess.Popen([*as_user, home / "postgres", "-D", data, "-p", str(port), *settings], **said)
            try:
                _wait_for_port(port, server)
                yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(timeout=60)


def postgres_is_missing() -> str | None:
    """Why there is no PostgreSQL here; in CI that is a failure and no reason to skip."""
    if os.environ.get("CI"):
        return None
    if _postgres_home() is None:
        return "no PostgreSQL (Debian: apt-get install postgresql)"
    return None


def _wait_for_port(port: int, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended as it began"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nothing listens on {port} after {START_S} s")


def _postgres_home() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).parent if there else None


def _wait_for(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended as it began"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer within {START_S} s")
