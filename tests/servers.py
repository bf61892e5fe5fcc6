"""Real servers for tests, on free ports and in folders of their own.

PostgreSQL is Debian's (`apt-get install postgresql`): what PyPI has of its programs are unofficial builds.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "s3cret-word"
USER = "glyphline"
START_S = 60.0


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
        """What `psql` says, one line per row, columns with bars between."""
        command = [str(self.binaries / "psql"), "-X", "-A", "-t", "-c", statement, self.url(database)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def binaries() -> Path | None:
    """Folder of the server's programs; None where there is no server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server that lives as long as the block; tests use `postgresql_server`, which skips where there is none."""
    programs = binaries()
    assert programs is not None
    # Not pytest's folder: the server's own user must get there, because it refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    data = str(folder / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", USER, "--pwfile", str(password), "-A", "scram-sha-256"]
    # No fsync: nothing here outlives the machine.
    subprocess.run([*as_user, *initdb, "--no-sync", "-E", "UTF8"], check=True, capture_output=True, cwd="/")
    port = free_port()
    options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [*as_user, str(programs / "postgres"), "-D", data, *options], stdout=log, stderr=log, cwd="/"
    )
    try:
        found = PostgreSQL(port, programs)
        _wait(found, server, folder / "log")
        yield found
    finally:
        subprocess.run(
            [*as_user, str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            cwd="/",
        )
        server.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(found: PostgreSQL, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while not found.answers():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
