"""The lock that lets one process of a machine at a time write to a log."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from glyphline import files
from glyphline.errors import ReadOnlyError


@contextmanager
def locked(lock: Path) -> Iterator[str]:
    """Be the only process of this machine that changes the registry.

    Yields:
        The identity of the machine, kept in the lock file.

    Raises:
        ReadOnlyError: the file cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(files.exclusive(lock))
            identity = lock.read_text(encoding="ascii", errors="replace").strip()
            if len(identity) != 32:
                identity = uuid.uuid4().hex
                lock.write_text(identity, encoding="ascii")
        except OSError as error:
            raise ReadOnlyError(
                f"the registry's lock {lock} cannot be written: {error.strerror}",
                fix="let this user write the file and its folder, or work in a checkout of your own",
            ) from None
        yield identity
