"""Published files, from a local mirror or from the network: each verified, and written atomically.

The uncompressed bytes are kept, because mirrors compress differently and data/raw must be equal on all machines.
"""

import gzip
import hashlib
import logging
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from glyphline import downloads, files
from glyphline.data.catalogue import Dataset, PublishedFile
from glyphline.downloads import GZIP, Download, SourceError, Sources
from glyphline.records import RawFile

log = logging.getLogger(__name__)

# gzip makes what it cannot compress longer, by 5 bytes in 32 KiB and a header.
SLACK_BYTES = 64 << 10


def fetch(dataset: Dataset, folder: Path, sources: Sources) -> dict[str, RawFile]:
    """Bring all files of a data set, uncompressed, into `folder`.

    Args:
        dataset: what to fetch.
        folder: where to put it.
        sources: where from; in a mirror the files are `<mirror>/<data set>/<file>.gz`.

    Raises:
        DataError: no source has a file; each source is listed with what was wrong.
    """
    fetched: dict[str, RawFile] = {}
    folders: dict[str, None] = {}
    for file in dataset.files:
        archive = Download(dataset.name, f"{file.name}.gz", file.urls, GZIP, file.size_bytes + SLACK_BYTES)
        source, sha256 = downloads.fetch(archive, sources, partial(_unpack, target=folder / file.name, file=file))
        # The address where it is published, not the mirror that this copy came from.
        fetched[file.name] = RawFile(source=file.urls[0], sha256=sha256, size_bytes=file.size_bytes)
        folders[source.rpartition("/")[0]] = None
    log.info("%s: %d files from %s, digests as published", dataset.name, len(fetched), " and ".join(folders))
    return fetched


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
        with files.atomic_file(target) as unfinished:
            with unfinished.open("wb") as copy:
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
