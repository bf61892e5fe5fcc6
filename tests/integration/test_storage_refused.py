"""Disks that are full and folders that are not ours: the file is named, exit code 9, and nobody speaks of a server."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

from glyphline.cli import run, terminal
from tests.conftest import environment
from tests.integration.conftest import record_model
from tests.powerless import POWERLESS


def powerless(project, *arguments):
    """Run a command as a user whom the modes of files bind; gives how it ended."""
    return subprocess.run(
        [*POWERLESS, sys.executable, "-m", "glyphline", *arguments],
        cwd=project.work, env=environment(), capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@pytest.fixture
def ours(project, root, train_split, default_params, monkeypatch):
    """A project with a recorded run, in which commands are run."""
    shutil.copy(root / "params.yaml", project.params)
    record_model(default_params, project, train_split)
    monkeypatch.chdir(project.work)
    return project


@contextmanager
def mode(path, bits):
    """A file or folder with other permissions while the block runs."""
    before = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.mark.parametrize(
    "arguments", [["sync"], ["gc", "--dry-run"], ["compare", "one", "two"]], ids=lambda words: words[0]
)
def test_a_project_that_cannot_be_written_is_no_matter_of_a_server(ours, arguments):
    with mode(ours.mlruns, 0o555):
        ended = powerless(ours, *arguments)
    assert ended.returncode == terminal.FILE_REFUSED, ended.stderr
    error, fix = ended.stderr.splitlines()
    assert error == f"error: {ours.mlruns}/store.lock: Permission denied"
    assert "permission" in fix


def test_a_project_without_a_store_that_cannot_be_written_is_known_at_once(ours):
    (ours.store).unlink()
    with mode(ours.mlruns, 0o555):
        ended = powerless(ours, "sync")
    assert ended.returncode == terminal.FILE_REFUSED, ended.stderr
    assert len(ended.stderr.splitlines()) == 2


@pytest.mark.parametrize("command", ["sync", "models"])
@pytest.mark.parametrize("name", ["theirs", "theirs/mlflow.db"])
def test_a_store_of_another_user_is_known_at_once(ours, command, name, monkeypatch):
    theirs = ours.work / "theirs"
    theirs.mkdir()
    shutil.copy(ours.store, theirs)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{theirs / 'mlflow.db'}")
    with mode(ours.work / name, 0):
        ended = powerless(ours, command)
    assert ended.returncode == terminal.FILE_REFUSED, ended.stderr
    error, fix = ended.stderr.splitlines()
    assert f"{theirs}/mlflow.db: Permission denied" in error
    assert "name another place" in fix


@pytest.fixture
def small_disk():
    """Mounts a disk of 64 kB over a folder: `small_disk(folder)`; skips where that is not allowed."""
    mounted = []

    def mount(folder):
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("this user may not mount a disk")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def with_a_large_file(ours, default_params, train_split):
    """The file of the run that is larger than the disk, recorded once more."""
    from glyphline import journal
    from glyphline.mlflow_sync.projector_launch import ProjectorHandle

    with journal.record(default_params, ours, stage="train", environ={}, launch=lambda *_: ProjectorHandle()) as record:
        large = record.start("shapes")
        ours.history.write_bytes(os.urandom(1 << 18))
        large.artifact(ours.history)
    return ours


def test_a_full_folder_for_temporary_files_is_named(with_a_large_file, small_disk, capfd):
    small_disk(with_a_large_file.scratch)
    assert run(["sync"]) == terminal.FILE_REFUSED
    error, fix = capfd.readouterr().err.splitlines()
    assert error.startswith(f"error: {with_a_large_file.scratch}/artifact-")
    assert error.endswith("history.csv: No space left on device")
    assert "free space" in fix


def test_a_full_folder_for_the_files_of_runs_is_named(with_a_large_file, small_disk, capfd):
    small_disk(with_a_large_file.mlruns / "artifacts")
    assert run(["sync"]) == terminal.FILE_REFUSED
    error, fix = capfd.readouterr().err.splitlines()
    assert error.startswith(f"error: {with_a_large_file.mlruns / 'artifacts' / 'shapes'}")
    assert error.endswith(": No space left on device")
    assert "free space" in fix
