"""Folders for a moment: gone at the end of the block, and after a kill at the next start."""

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from glyphline import scratch
from glyphline.scratch import scratch_folder
from tests.conftest import ROOT, environment

HOLD = """
import sys, time
from pathlib import Path
from glyphline.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "held") as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def parent(tmp_path):
    return tmp_path / "mlruns" / "scratch"


@pytest.fixture
def holder(parent):
    """A process that has a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(parent)], stdout=subprocess.PIPE, env=environment())
    yield process, Path(process.stdout.readline().decode().strip())
    process.kill()
    process.communicate()


def folders(parent) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()]


def test_a_folder_is_empty_at_first_and_gone_at_the_end(parent):
    with scratch_folder(parent, "model") as folder, scratch_folder(parent, "model") as other:
        assert list(folder.iterdir()) == []
        (folder / "file").write_text("x")
        assert list(other.iterdir()) == []
    assert folders(parent) == []


def test_a_folder_is_gone_after_an_error(parent):
    with pytest.raises(ZeroDivisionError), scratch_folder(parent, "model"):
        _ = 1 / 0
    assert folders(parent) == []


def test_what_a_killed_process_left_is_removed_at_the_next_start_and_what_a_living_one_has_stays(parent, holder):
    process, held = holder
    with scratch_folder(parent, "model"):
        assert (held / "file").is_file()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (held / "file").is_file()
    with scratch_folder(parent, "model"):
        assert not held.exists()


def test_folders_of_others_stay(parent, tmp_path):
    theirs = parent / "theirs" / "file"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / scratch.LOCK).write_text("")
    (parent / "link").symlink_to(outside)
    with scratch_folder(parent, "model"):
        pass
    assert theirs.read_text() == "x"
    assert (outside / scratch.LOCK).exists()


def test_a_project_that_cannot_be_written_is_not_needed():
    # A folder where nobody, not even root, may make another.
    nowhere = Path("/sys/glyphline")
    with scratch_folder(nowhere, "model") as folder:
        assert list(folder.iterdir()) == []
    assert not folder.exists()


def test_no_other_module_leaves_files_in_the_folder_for_temporary_files():
    # files: beside their target, under which they are renamed. keras_import: without a name, so that nothing is left.
    allowed = {"scratch.py", "files.py", "keras_import.py"}
    users = {
        path.name
        for path in (ROOT / "src" / "glyphline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "tempfile" in {getattr(node, "module", None), *(alias.name for alias in node.names)}
    }
    assert users == allowed
