"""Weights that are published at an address: from the mirror or the network, verified as data sets are."""

import hashlib
import shutil
from functools import partial
from pathlib import Path

from glyphline import downloads, files
from glyphline.backbones.catalogue import PublishedFile
from glyphline.downloads import HDF5, Download, SourceError, Sources

MIRROR_FOLDER = "backbones"
# No publisher says how long its file is: twice what the weights take as float32, and room for their names.
BYTES_PER_WEIGHT = 2 * 4
SLACK_BYTES = 1 << 20


def fetch(source: PublishedFile, target: Path, sources: Sources, *, parameters: int) -> str:
    """Bring a published file to `target`; return its SHA-256.

    Args:
        source: the file.
        target: where to put it.
        sources: where from; in a mirror it is `<mirror>/backbones/<file>`.
        parameters: number of the weights in it, which bounds its length.

    Raises:
        DataError: no source has the file; each is listed with what was wrong.
    """
    limit_bytes = BYTES_PER_WEIGHT * parameters + SLACK_BYTES
    file = Download(MIRROR_FOLDER, source.name, (source.url,), HDF5, limit_bytes)
    _, sha256 = downloads.fetch(file, sources, partial(_take, target=target, source=source))
    return sha256


def _take(path: Path, target: Path, source: PublishedFile) -> str:
    """Copy a file to `target` if it is the published one."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise SourceError(str(error.strerror)) from None
    with stream, files.atomic_file(target) as unfinished:
        with unfinished.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        with unfinished.open("rb") as copied:
            digest = hashlib.file_digest(copied, source.algorithm).hexdigest()
        # Inside the block, so that a wrong file never gets its final name.
        if digest != source.digest:
            raise SourceError(f"wrong digest: {source.algorithm.upper()} {digest}, not {source.digest}")
        return files.sha256(unfinished)
