"""Published files, from a local mirror or from the network: each verified, and written atomically.

The uncompressed bytes are kept, because mirrors compress differently and data/raw must be equal on all machines.
"""

import gzip
import hashlib
import logging
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from glyphline import files
from glyphline.data.catalogue import Dataset, PublishedFile
from glyphline.data.transfer import CutError, OversizeError, SourceError, resume
from glyphline.errors import DataError
from glyphline.records import RawFile

log = logging.getLogger(__name__)

MIRROR_VARIABLE = "GLYPHLINE_MIRROR"
ATTEMPTS = 4
# gzip makes what it cannot compress longer, by 5 bytes in 32 KiB and a header.
SLACK_BYTES = 64 << 10


def find_mirror(setting: str | None, root: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The local mirror folder, from `data.mirror` or GLYPHLINE_MIRROR; None when neither is set.

    Args:
        setting: `data.mirror`; relative to `root`.
        root: the project.
        environ: where the variable is looked up.

    Raises:
        DataError: it is set, and there is no such folder.
    """
    named = "data.mirror" if setting else MIRROR_VARIABLE
    value = setting or environ.get(MIRROR_VARIABLE)
    if not value:
        return None
    mirror = root / Path(value).expanduser()
    if not mirror.is_dir():
        raise DataError(f"{named} is {value}, and {mirror} is no folder", fix=f"correct {named}, or unset it")
    return mirror


def fetch(
    dataset: Dataset, folder: Path, *, mirror: Path | None, partials: Path, timeout_s: float
) -> dict[str, RawFile]:
    """Bring all files of a data set, uncompressed, into `folder`.

    Args:
        dataset: what to fetch.
        folder: where to put it.
        mirror: a folder to look in first, `<mirror>/<data set>/<file>.gz`.
        partials: where unfinished downloads wait for the next attempt.
        timeout_s: seconds without an answer before the next source is tried.

    Raises:
        DataError: no source has a file; each source is listed with what was wrong.
    """
    fetched: dict[str, RawFile] = {}
    folders: dict[str, None] = {}
    for file in dataset.files:
        source, fetched[file.name] = _fetch_file(
            dataset.name, file, folder / file.name, mirror=mirror, partials=partials, timeout_s=timeout_s
        )
        folders[source.rpartition("/")[0]] = None
    log.info("%s: %d files from %s, digests as published", dataset.name, len(fetched), " and ".join(folders))
    return fetched


def _fetch_file(
    dataset: str, file: PublishedFile, target: Path, *, mirror: Path | None, partials: Path, timeout_s: float
) -> tuple[str, RawFile]:
    failures: list[str] = []
    local = [str(mirror / dataset / f"{file.name}.gz")] if mirror else []
    for source in (*local, *file.urls):
        try:
            if source in local:
                sha256 = _unpack(Path(source), target, file)
            else:
                sha256 = _download(source, partials / dataset / f"{file.name}.gz.part", target, file, timeout_s)
        except SourceError as error:
            log.warning("%s: %s", source, error)
            failures.append(f"{source}: {error}")
        else:
            # The address where it is published, not the mirror that this copy came from.
            return source, RawFile(source=file.urls[0], sha256=sha256, size_bytes=file.size_bytes)
    listed = "\n".join(f"  {line}" for line in failures)
    raise DataError(
        f"{dataset}: {file.name}.gz could not be fetched from any of these:\n{listed}",
        fix=f"check the network and try again, or put the file in <mirror>/{dataset}/ and set data.mirror",
    )


def _download(url: str, part: Path, target: Path, file: PublishedFile, timeout_s: float) -> str:
    with files.exclusive(part.with_suffix(".lock")):
        for attempts_left in reversed(range(ATTEMPTS)):
            size_before = _size_bytes(part)
            try:
                resume(url, part, limit_bytes=file.size_bytes + SLACK_BYTES, timeout_s=timeout_s)
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
                return _unpack(part, target, file)
            except SourceError:
                # Another source may have sent the beginning: only a whole file from this source proves it wrong.
                if not attempts_left or not size_before:
                    raise
            finally:
                part.unlink()
    raise AssertionError("the last attempt returns or raises")


def _unpack(archive: Path, target: Path, file: PublishedFile) -> str:
    """Unpack a gzip archive to `target` if it is the published one; return the digest of the content."""
    try:
        stream = archive.open("rb")
    except OSError as error:
        raise SourceError(str(error.strerror)) from None
    with stream:
        archive_sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        content = hashlib.sha256()
        size_bytes = 0
        with files.atomic_file(target) as partial:
            with partial.open("wb") as copy:
                for piece in _inflated(stream):
                    size_bytes += len(piece)
                    if size_bytes > file.size_bytes:
                        raise SourceError(f"unpacks to more than the expected {file.size_bytes:,} bytes")
                    content.update(piece)
                    copy.write(piece)
            content_sha256 = content.hexdigest()
            is_known = archive_sha256 == file.archive_sha256 or content_sha256 == file.content_sha256
            # Inside the block, so that a wrong file never gets its final name.
            if not is_known or size_bytes != file.size_bytes:
                raise SourceError(
                    f"wrong digest: SHA-256 {archive_sha256} of the archive, {content_sha256} of the "
                    f"{size_bytes:,} bytes in it"
                )
    return content_sha256


def _inflated(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        with gzip.open(stream) as source:
            while piece := source.read(files.CHUNK_BYTES):
                yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"damaged or truncated archive: {error}") from None


def _size_bytes(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
