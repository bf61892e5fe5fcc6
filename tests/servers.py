"""Real servers for tests, on free ports and in folders of their own: PostgreSQL, MLflow's, and what a command starts.

PostgreSQL is Debian's (`apt-get install postgresql`): what PyPI has of its programs are unofficial builds.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline import mlflow_client
from tests.waiting import until

PASSWORD = "s3cret-word"
USER = "glyphline"
# MLflow alone takes half a minute to import where two cores are shared.
START_S = 180.0
STOP_S = 30.0


@dataclass(frozen=True)
class PostgreSQL:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
        binaries: folder of its programs.
    """

    port: int
    binaries: Path

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """An empty database; returns its URL."""
        self.query(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def answers(self) -> bool:
        command = [str(self.binaries / "psql"), "-X", "-c", "SELECT 1", self.url()]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def query(self, statement: str, database: str = "postgres") -> str:
        """The output of `psql`: one line per row, with | between its columns."""
        command = [str(self.binaries / "psql"), "-X", "-A", "-t", "-c", statement, self.url(database)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def binaries() -> Path | None:
    """Folder of PostgreSQL's programs; None where there is none."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return programs[-1].parent if programs else Path(on_path).resolve().parent if on_path else None


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server that lives as long as the block; tests use `postgresql_server`, which skips where there is none."""
    programs = binaries()
    assert programs is not None
    # It refuses to run as root, and its own user cannot get below pytest's folder. Unlike `runuser`, which stays as
    # its parent, `setpriv` becomes the server, so that signals reach it.
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="glyphline-postgresql-") as name:
        folder, port = Path(name), free_port()
        if as_user:
            shutil.chown(folder, "postgres")
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        # No fsync: nothing here outlives the machine.
        make = [programs / "initdb", "-D", folder / "data", "-U", USER, "--pwfile", folder / "password", "--no-sync"]
        subprocess.run([*as_user, *make, "-A", "scram-sha-256", "-E", "UTF8"], check=True, capture_output=True, cwd="/")
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "off",
        }
        settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        command = [*as_user, programs / "postgres", "-D", folder / "data", "-p", str(port), *settings]
        database_server = PostgreSQL(port, programs)
        # At once, without waiting for clients that still hold a connection.
        with started(command, folder / "log", stop=signal.SIGQUIT, cwd="/") as server:
            until(database_server.answers, START_S, process=server, log=folder / "log")
            yield database_server


@contextmanager
def mlflow_server(uri: str, folder: Path, *, port: int | None = None, artifacts: Path | None = None) -> Iterator[str]:
    """MLflow's server over a database; gives its address.

    Args:
        uri: of the database.
        folder: for its log, and for the files of runs when clients read and write them themselves.
        port: to listen on; a free one when it is None.
        artifacts: folder of the files of runs that the server serves; None leaves them to the clients.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    if artifacts is None:
        command += ["--default-artifact-root", (folder / "artifacts").as_uri(), "--no-serve-artifacts"]
    else:
        command += ["--artifacts-destination", str(artifacts)]
    # By itself, SQLAlchemy would look for psycopg2.
    uri = uri.replace("postgresql://", "postgresql+psycopg://", 1)
    own = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment = {**os.environ, **mlflow_client.environment_variables(STOP_S), **own}
    with answering(command, port, folder / "server.log", cwd=folder, env=environment) as address:
        yield address


@contextmanager
def answering(command: Sequence[str], port: int, log: Path, **options: Any) -> Iterator[str]:
    """A server that a command starts and that answers at `/health`; gives its address.

    Args:
        command: that starts it.
        port: of this machine that the command makes it listen on.
        log: file for its output.
        options: for `subprocess.Popen`.
    """
    address = f"http://127.0.0.1:{port}"
    with started(command, log, **options) as server:
        until(lambda: _is_healthy(f"{address}/health"), START_S, process=server, log=log)
        yield address


@contextmanager
def started(
    command: Sequence[str | Path], log: Path, *, stop: signal.Signals = signal.SIGTERM, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as long as the block, with all that it starts.

    Args:
        command: that starts it.
        log: file for its output: a pipe that nobody reads would fill up and stop it.
        stop: what tells it to end.
        options: for `subprocess.Popen`.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **options
        )
        try:
            yield process
        finally:
            process.send_signal(stop)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # Its workers, should it have left any behind.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port of this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
