"""Folders for files that are needed for a moment, inside the project and never left for long."""

import errno
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from glyphline import files

LOCK = "lock"
CONTENT = "content"
_lasting = ExitStack()
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def scratch_folder(parent: Path, what: str) -> Iterator[Path]:
    """An empty folder that is removed when the block ends.

    A process that is killed leaves its folder: the next one that asks for a folder of the same parent removes it. The
    kernel holds a lock for every process that lives, so that no folder in use is taken for a left one.

    Args:
        parent: a folder of the project for nothing else; it is made when it is missing.
        what: what the files are for, as the beginning of the folder's name.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(_locked_folder(parent, what))
        except OSError as error:
            if error.errno not in _NOT_WRITABLE:
                raise
            # A model may be opened from a project that its user cannot write to.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"glyphline-{what}-")))
        yield folder


def lasting_folder(what: str) -> Path:
    """A folder outside the project, for one that cannot be written; it is removed when the process ends.

    Args:
        what: what the files are for, as in `scratch_folder`.
    """
    return Path(_lasting.enter_context(tempfile.TemporaryDirectory(prefix=f"glyphline-{what}-")))


def remove_lasting() -> None:
    """Remove these folders now: a process that ends at once gives Python no time for it."""
    _lasting.close()


@contextmanager
def _locked_folder(parent: Path, what: str) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # Nobody may look at a folder between its birth and its lock.
        with files.exclusive(parent / LOCK):
            for left in [*parent.iterdir()]:
                _remove_left(left)
            folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{what}-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.enter_context(files.exclusive(folder / LOCK))
        content = folder / CONTENT
        content.mkdir()
        yield content


def _remove_left(folder: Path) -> None:
    """Remove a folder that a dead process has left; what is no such folder stays."""
    # Without its own lock a folder is not ours, whatever the link or the project says that led here.
    if folder.is_symlink() or not folder.is_dir() or (folder / LOCK).is_symlink():
        return
    with suppress(OSError), (folder / LOCK).open("rb+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
