"""One published file: the mirror first, then its addresses, each continued where it broke off and checked whole."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from glyphline import files
from glyphline.downloads.transfer import CutError, FileKind, OversizeError, SourceError, resume
from glyphline.errors import DataError

log = logging.getLogger(__name__)

ATTEMPTS = 4

Taken = TypeVar("Taken")


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is published somewhere.

    Attributes:
        folder: of the file in a mirror, and of its unfinished download.
        name: of the file in that folder.
        urls: where it is published, best first.
        kind: its format.
        limit_bytes: more than this is never downloaded.
    """

    folder: str
    name: str
    urls: tuple[str, ...]
    kind: FileKind
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Where files may come from, and how long to wait.

    Attributes:
        mirror: a folder to look in first, `<mirror>/<folder>/<name>`.
        partials: where unfinished downloads wait for the next attempt.
        timeout_s: seconds without an answer before the next source is tried.
    """

    mirror: Path | None
    partials: Path
    timeout_s: float


def fetch(file: Download, sources: Sources, take: Callable[[Path], Taken]) -> tuple[str, Taken]:
    """Bring one file.

    Args:
        file: what to bring.
        sources: where from.
        take: checks a whole file and puts it where it belongs; it raises SourceError for one that is another.

    Returns:
        The source, a path or an address, and what `take` has returned.

    Raises:
        DataError: no source has the file; each is listed with what was wrong.
    """
    failures: list[str] = []
    local = [str(sources.mirror / file.folder / file.name)] if sources.mirror else []
    for source in (*local, *file.urls):
        try:
            taken = take(Path(source)) if source in local else _download(source, file, sources, take)
        except SourceError as error:
            log.warning("%s: %s", source, error)
            failures.append(f"{source}: {error}")
        else:
            return source, taken
    listed = "\n".join(f"  {line}" for line in failures)
    raise DataError(
        f"{file.folder}: {file.name} could not be fetched from any of these:\n{listed}",
        fix=f"check the network and try again, or put the file in <mirror>/{file.folder}/ and set data.mirror",
    )


def _download(url: str, file: Download, sources: Sources, take: Callable[[Path], Taken]) -> Taken:
    part = sources.partials / file.folder / f"{file.name}.part"
    with files.exclusive(part.with_suffix(".lock")):
        for attempts_left in reversed(range(ATTEMPTS)):
            size_before = _size_bytes(part)
            try:
                resume(url, part, file.kind, limit_bytes=file.limit_bytes, timeout_s=sources.timeout_s)
            except CutError as error:
                # A source that sent something is asked for the rest; after one that sent nothing comes the next source.
                if not attempts_left or _size_bytes(part) <= size_before:
                    raise
                log.info("%s: %s; going on from there", url, error)
                continue
            except OversizeError:
                part.unlink()
                raise
            try:
                return take(part)
            except SourceError:
                # Another source may have sent the beginning: only a whole file from this source proves it wrong.
                if not attempts_left or not size_before:
                    raise
            finally:
                part.unlink()
    raise AssertionError("the last attempt returns or raises")


def _size_bytes(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
