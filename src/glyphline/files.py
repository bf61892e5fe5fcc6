"""Files that are written atomically, their digests, and a lock between processes."""

import errno
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK_BYTES = 1 << 20
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""The system's error numbers for a full disk, a used-up quota and a file at its size limit."""
PARTIAL = "-partial-"
LEFT_S = 86_400.0


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `target`; rename it to `target` when the block ends without an error.

    The temporary file keeps the suffix of `target`, because writers such as `np.save` add their own to a name
    that lacks it.

    Raises:
        OSError: the file cannot be made, or the disk is full; the error names `target`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.stem}{PARTIAL}"
    _remove_left(target.parent, prefix, target.suffix)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=target.suffix)
    except OSError as error:
        error.filename = str(target)
        raise
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner can read; the outs of the pipeline are for everybody.
        partial.chmod(0o666 & ~_umask())
        partial.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        if error.errno in DISK_FULL:
            # Python does not say which file it was writing.
            error.filename = str(target)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` atomically."""
    with atomic_file(target) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target` atomically."""
    with atomic_file(target) as partial:
        partial.write_bytes(content)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder in the folder of `target`; replace `target` by it when the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}{PARTIAL}"
    _remove_left(target.parent, prefix, "")
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix))
    try:
        yield partial
        partial.chmod(0o777 & ~_umask())
        if target.exists():
            shutil.rmtree(target)
        partial.replace(target)
        _sync_folder(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def exclusive(lock: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock between processes; it is freed by the kernel however the process ends.

    Args:
        lock: the lock file; it is made when it is missing and never removed.
        wait: wait for the lock; when false, yield false if another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def _remove_left(parent: Path, prefix: str, suffix: str) -> None:
    """Remove what killed processes have left beside a target; what is in use is younger than `LEFT_S`."""
    for left in parent.glob(f"{glob.escape(prefix)}*{glob.escape(suffix)}"):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime > LEFT_S:
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left)
                else:
                    left.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    # The only portable way to read the mask is to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
