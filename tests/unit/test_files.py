"""Files appear whole or not at all; a lock dies with its process."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline import files
from tests.conftest import environment

# Takes the lock, says so, and holds it until it is killed.
HOLDER = """
import sys, time
from pathlib import Path
from glyphline import files
with files.exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@given(st.binary(max_size=2000))
def test_what_is_written_is_read_back_and_has_its_digest(tmp_path_factory, content):
    target = tmp_path_factory.mktemp("written") / "deep" / "file.bin"
    files.write_bytes(target, content)
    assert target.read_bytes() == content
    assert files.sha256(target) == hashlib.sha256(content).hexdigest()


@given(st.text(max_size=500))
def test_text_comes_back_as_it_was(tmp_path_factory, text):
    target = tmp_path_factory.mktemp("text") / "file.txt"
    text = text.encode("utf-8", "ignore").decode().replace("\r", "")
    files.write_text(target, text)
    assert target.read_text(encoding="utf-8") == text


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file.txt"
    files.write_text(target, "old")

    def fail() -> None:
        with files.atomic_file(target) as partial:
            partial.write_text("half of the ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_target_does_not_exist_before_the_block_ends(tmp_path):
    target = tmp_path / "file.txt"
    with files.atomic_file(target) as partial:
        partial.write_text("x")
        assert not target.exists()
    assert target.exists()


def test_the_suffix_is_kept_for_writers_that_add_their_own(tmp_path):
    with files.atomic_file(tmp_path / "images.npy") as partial:
        np.save(partial, np.arange(3))
    assert [path.name for path in tmp_path.iterdir()] == ["images.npy"]
    assert np.load(tmp_path / "images.npy").tolist() == [0, 1, 2]


def test_others_may_read_what_is_written(tmp_path):
    before = os.umask(0o022)
    try:
        files.write_text(tmp_path / "file.txt", "x")
        with files.atomic_folder(tmp_path / "folder"):
            pass
        assert stat.S_IMODE((tmp_path / "file.txt").stat().st_mode) == 0o644
        assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o755
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "split"
    for name in ("old", "new"):
        with files.atomic_folder(target) as partial:
            (partial / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    target = tmp_path / "split"
    with files.atomic_folder(target) as partial:
        (partial / "old").write_text("old")

    def interrupted() -> None:
        with files.atomic_folder(target) as partial:
            (partial / "new").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_a_day_ago_goes_and_nothing_else(tmp_path):
    old, new = tmp_path / ".split-partial-abcdefgh", tmp_path / ".split-partial-hgfedcba"
    old_file, other = tmp_path / ".page-partial-abcdefgh.html", tmp_path / ".page-original.html"
    for folder in (old, new):
        folder.mkdir()
    for file in (old_file, other):
        file.write_text("x")
    for path in (old, old_file, other):
        os.utime(path, (0, 0))
    files.write_text(tmp_path / "page.html", "x")
    with files.atomic_folder(tmp_path / "split"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {new.name, other.name, "page.html", "split"}


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `tmp_path/lock`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


# In a process of its own: the largest size of a file is a limit of the whole process.
LIMITED = """
import resource, signal, sys
from pathlib import Path
from glyphline import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    files.write_text(Path(sys.argv[1]), "x" * 1000)
except OSError as error:
    print(error.filename)
"""


def test_what_does_not_fit_on_the_disk_is_named_and_leaves_nothing(tmp_path):
    target = tmp_path / "page.html"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(target)], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{target}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_made_is_named_as_the_caller_knows_it():
    # A folder in which not even root makes files.
    with pytest.raises(OSError, match=r"'/proc/page\.html'"):
        files.write_text(Path("/proc/page.html"), "x")


def test_a_lock_keeps_another_process_out_until_it_is_killed(tmp_path, holder):
    with files.exclusive(tmp_path / "lock", wait=False) as free:
        assert not free
    os.kill(holder.pid, signal.SIGKILL)
    with files.exclusive(tmp_path / "lock") as free:
        assert free
    assert (tmp_path / "lock").exists()


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), files.exclusive(tmp_path / "lock"):
        raise RuntimeError
    with files.exclusive(tmp_path / "lock", wait=False) as free:
        assert free


def test_who_waits_gets_the_lock_in_the_end(tmp_path):
    order = []

    def second() -> None:
        with files.exclusive(tmp_path / "lock"):
            order.append("second")

    thread = threading.Thread(target=second)
    with files.exclusive(tmp_path / "lock"):
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
