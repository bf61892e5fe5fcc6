"""What lies at data.path: a digest that changes whenever an image, its name, label, split or group does.

DVC compares the text of `data.path`, not the images there, and would take minutes for a million files. Names, sizes and
times are compared with those of the last scan, as git does with its index, and only what is new or changed is read.
"""

import hashlib
import logging
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from glyphline import files, progress
from glyphline.data import own_images
from glyphline.data.listing import ListedImage
from glyphline.params.schema import DataParams
from glyphline.pictures import stored
from glyphline.records import Scan

log = logging.getLogger(__name__)

DIGEST_BYTES = 32
SETTLED_NS = 2_000_000_000
"""A file that was touched so shortly before a scan may have been changed after it, within one tick of its clock."""
_ABSENT = (-1, -1, -1)


@dataclass(frozen=True, slots=True)
class Index:
    """The files of a scan.

    Attributes:
        names: paths below the folder of all images.
        status: int64 (n, 3), size in bytes, and times of content and inode in nanoseconds; -1 where not to be trusted.
        digests: uint8 (n, 32), SHA-256 of the content.
    """

    names: tuple[str, ...]
    status: npt.NDArray[np.int64]
    digests: npt.NDArray[np.uint8]


def content_digest(path: Path) -> bytes:
    """SHA-256 of a file's content; zeros, when it is missing, is no file or cannot be read."""
    with suppress(OSError):
        if stored.is_file(path):
            return bytes.fromhex(files.sha256(path))
    # Whether that is an error is for fetch to say: data.bad_files may skip such files.
    return bytes(DIGEST_BYTES)


def scan(
    data: DataParams,
    path: Path,
    index: Path,
    digest_of: Callable[[Path], bytes] = content_digest,
    *,
    settled_ns: int = SETTLED_NS,
) -> Scan:
    """Look at what `data.path` points to.

    Args:
        data: the section of params.yaml.
        path: what `data.path` points to.
        index: where the last scan left what it saw, and this one leaves what it sees; it may be missing or damaged.
        digest_of: reads a file that is new or changed.
        settled_ns: nanoseconds after which a file that was touched before the scan counts as unchanged since.

    Raises:
        DataError: there are no images, or they lie in no order that can be read.
    """
    if path.is_file() and path.suffix.lower() == ".npz":
        root, images = path.parent, [ListedImage(path.name, "", "")]
    else:
        listing = own_images.listed(path, data)
        root, images = listing.root, sorted(listing.images, key=lambda image: image.file)
    before = _read(index)
    began_ns = time.time_ns()
    after = _indexed(root, [image.file for image in images], before, digest_of)
    after.status[after.status.max(axis=1, initial=0) > began_ns - settled_ns] = _ABSENT
    if before is None or before.names != after.names or not np.array_equal(before.status, after.status):
        _write(index, after)
    return Scan(source=path.name, images=len(images), digest=_digest(images, after))


def _indexed(root: Path, names: Sequence[str], before: Index | None, digest_of: Callable[[Path], bytes]) -> Index:
    status = np.fromiter(chain.from_iterable(_status(root, name) for name in names), np.int64).reshape(-1, 3)
    rows = _rows_before(names, before)
    digests = np.zeros((len(names), DIGEST_BYTES), dtype=np.uint8)
    same = np.zeros(len(names), dtype=bool)
    if before and len(before.names):
        same = (rows >= 0) & (before.status[rows] == status).all(axis=1) & (status[:, 0] >= 0)
        digests[same] = before.digests[rows[same]]
    new = np.flatnonzero(~same)
    if len(new):
        with progress.bar(f"looking at {root.name}", len(new), "files") as advance:
            for row in new.tolist():
                digests[row] = np.frombuffer(digest_of(root / names[row]), dtype=np.uint8)
                advance()
        log.info("%s: %d new or changed of %d files", root.name, len(new), len(names))
    return Index(tuple(names), status, digests)


def _rows_before(names: Sequence[str], before: Index | None) -> npt.NDArray[np.int64]:
    """The row that each name had in an index, -1 where it had none."""
    if before and before.names == tuple(names):
        # As a rule: a table of a million names takes as long as asking for their times.
        return np.arange(len(names), dtype=np.int64)
    known = {name: row for row, name in enumerate(before.names)} if before else {}
    return np.array([known.get(name, -1) for name in names], dtype=np.int64)


def _status(root: Path, name: str) -> tuple[int, int, int]:
    try:
        status = os.stat(f"{root}/{name}")  # noqa: PTH116 - a Path for each of a million files takes longer than the call
    except OSError:
        return _ABSENT
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _digest(images: Sequence[ListedImage], index: Index) -> str:
    digest = hashlib.sha256()
    for image, content in zip(images, index.digests, strict=True):
        line = f"{image.file}\0{image.split}\0{image.label}\0{image.group}\n"
        digest.update(line.encode() + content.tobytes())
    return digest.hexdigest()


def _write(path: Path, index: Index) -> None:
    with files.atomic_file(path) as partial, partial.open("wb") as stream:
        names = np.frombuffer("\n".join(index.names).encode(), dtype=np.uint8)
        np.savez(stream, names=names, status=index.status, digests=index.digests)


def _read(path: Path) -> Index | None:
    """The index of the last scan; None when there is none that can be used."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = tuple(stored["names"].tobytes().decode().split("\n"))
            index = Index(names, stored["status"], stored["digests"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fits = index.status.shape == (len(names), 3) and index.digests.shape == (len(names), DIGEST_BYTES)
    is_typed = index.status.dtype == np.int64 and index.digests.dtype == np.uint8
    return index if fits and is_typed else None
