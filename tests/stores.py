"""Real stores that many processes share: MLflow's server over SQLite, and PostgreSQL."""

import os
import shutil
import socket
import subprocess
import sys
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
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL of one's own, in a folder; it refuses to run as root, so root runs it as `postgres`."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    data = folder / "pg"
    data.mkdir(parents=True)
    if as_user:
        shutil.chown(data, "postgres")
        for parent in [folder, *folder.parents]:
            if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    port = free_port()
    home = _postgres_home()
    _quietly([*as_user, home / "initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync"])
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c fsync=off"
    control = [*as_user, home / "pg_ctl", "-D", data, "-w", "-l", data / "server.log"]
    _quietly([*control, "-o", options, "start"])
    try:
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
    finally:
        _quietly([*control, "-m", "immediate", "stop"])


def postgres_is_missing() -> str | None:
    """Why there is no PostgreSQL here; in CI that is a failure and no reason to skip."""
    if os.environ.get("CI"):
        return None
    if _postgres_home() is None:
        return "no PostgreSQL (Debian: apt-get install postgresql)"
    return None


def _quietly(command: list) -> None:
    # Not to a pipe: the server inherits it and would keep it open.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


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
