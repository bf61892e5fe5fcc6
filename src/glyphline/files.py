"""Files that are written atomically, their digests, a lock between processes, and files that the system refuses."""

import errno
import fcntl
import glob
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 1 << 20
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""The system's error numbers for a full disk, a used-up quota and a file at its size limit."""
PARTIAL = "-partial-"
LEFT_S = 86_400.0
NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
_ERRNO = re.compile(r"\[Errno (\d+)\]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that the system refuses to read or write, for a person.

    Attributes:
        problem: the file and the system's words.
        remedy: what to do about it.
    """

    problem: str
    remedy: str


def refusal(error: OSError) -> Refusal | None:
    """What to say about a full disk or a file without permission; None for another kind of error."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list) and (number := error_number(error)):
        # Of a copied folder: (source, target, words) for each file that failed.
        error = OSError(number, os.strerror(number), error.args[0][0][1])
    if error.errno in DISK_FULL:
        # The second file is the target of a copy.
        name = error.filename2 or error.filename or f"a file in {' or '.join(_full_folders())}"
        return Refusal(f"{name}: {error.strerror}", "free space on its disk, or raise the limit")
    # Without a file name the error is about something else, as a signal that may not be sent.
    if error.errno in NO_PERMISSION and error.filename:
        return Refusal(f"{error.filename}: {error.strerror}", "give yourself permission for it, or name another place")
    # Python tries to write in each of them before it uses one, and says no more than this when none takes a byte.
    if error.errno == errno.ENOENT and not error.filename and "temporary directory" in str(error.strerror):
        return Refusal(f"{error.strerror}", "free space there, or set TMPDIR to a folder that can be written")
    return None


def error_number(error: Exception) -> int | None:
    """The system's error number: the exception's own, else the first one in its text; None when there is none."""
    own = getattr(error, "errno", None)
    match = _ERRNO.search(str(error))
    return own if own is not None else int(match[1]) if match else None


@contextmanager
def named(path: Path) -> Iterator[None]:
    """In the block, the error about a full disk names `path`; Python does not say which file it was writing."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            error.filename, error.filename2 = str(path), None
        raise


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
        with named(target):
            yield partial
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
            # mkstemp makes files that only their owner can read; the outs of the pipeline are for everybody.
            partial.chmod(0o666 & ~_umask())
            partial.replace(target)
            _sync_folder(target.parent)
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
        with named(target):
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


def _full_folders() -> list[str]:
    """Where a file without a name may have been: of the usual folders those on a full disk, else all of them."""
    folders = [str(Path.cwd()), os.environ.get("TMPDIR") or "/tmp"]  # noqa: S108
    return [folder for folder in folders if shutil.disk_usage(folder).free < CHUNK_BYTES] or folders


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
