"""The arrays of one split on disk, written with digests that are compared before they are used."""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from glyphline import records
from glyphline.records import SplitManifest
from glyphline.values import Images, Labels, Split

IMAGES, LABELS, MANIFEST = "images.npy", "labels.npy", "manifest.json"
# In memory at once, of an array that may be larger than it.
PIECE_BYTES = 32 << 20


def save(
    folder: Path,
    name: str,
    images: Images,
    labels: Labels,
    *,
    classes: tuple[str, ...],
    dataset: str,
    rows: npt.NDArray[np.int64] | None = None,
    bad_files: int = 0,
) -> SplitManifest:
    """Write one split; the caller makes `folder` appear atomically.

    Args:
        folder: where to write; made when it is missing.
        name: `train`, `val` or `test`.
        images: uint8 (n, h, w, c), c is 1 or 3; may be memory-mapped.
        labels: int64 (n,), index into `classes`.
        classes: the class names.
        dataset: the name of the data set.
        rows: the rows to write, when it is not all of them.
        bad_files: how many files of the data set were left out because they are no images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.arange(len(labels), dtype=np.int64) if rows is None else rows
    shape = (len(rows), *images.shape[1:])
    split_labels = labels[rows].astype(np.int64)
    content = (np.ascontiguousarray(images[rows[piece]]) for piece in pieces(images, len(rows)))
    images_sha256 = _write(folder / IMAGES, np.dtype(np.uint8), shape, content)
    labels_sha256 = _write(folder / LABELS, np.dtype(np.int64), split_labels.shape, iter([split_labels]))
    per_class = np.bincount(split_labels, minlength=len(classes))
    manifest = SplitManifest(
        dataset=dataset,
        split=name,
        classes=classes,
        shape=(shape[0], shape[1], shape[2], shape[3]),
        class_counts={label: int(count) for label, count in zip(classes, per_class, strict=True)},
        images_sha256=images_sha256,
        labels_sha256=labels_sha256,
        digest=_digest(images_sha256, labels_sha256, classes),
        bad_files=bad_files,
    )
    records.write(folder / MANIFEST, manifest)
    return manifest


def load(folder: Path) -> Split:
    """One split with its images memory-mapped.

    Raises:
        ArtifactError: a file is missing, or one byte of it is not what was written; the file is named.
    """
    manifest = records.read(folder / MANIFEST, SplitManifest, stage="preprocess")
    for name, expected in ((IMAGES, manifest.images_sha256), (LABELS, manifest.labels_sha256)):
        records.verify(folder / name, expected, stage="preprocess")
    return Split(
        name=manifest.split,
        images=np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False),
        labels=np.load(folder / LABELS, allow_pickle=False),
        classes=manifest.classes,
        digest=manifest.digest,
    )


def pieces(images: Images, count: int) -> Iterator[slice]:
    """Parts of `count` rows, each of as many images as fit in 32 MB, at least one."""
    at_once = max(1, PIECE_BYTES // (math.prod(images.shape[1:]) or 1))
    for start in range(0, count, at_once):
        yield slice(start, start + at_once)


def _write(
    path: Path, dtype: np.dtype[np.generic], shape: tuple[int, ...], content: Iterator[npt.NDArray[np.generic]]
) -> str:
    """Write a .npy file piece by piece; return its SHA-256, so that it need not be read again."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with path.open("w+b") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.seek(0)
        digest = hashlib.sha256(stream.read())
        for piece in content:
            digest.update(piece.data)
            stream.write(piece.data)
    return digest.hexdigest()


def _digest(images_sha256: str, labels_sha256: str, classes: tuple[str, ...]) -> str:
    # Over the digests of the two files, not over their bytes again: the same meaning for half the reading.
    identity = json.dumps([images_sha256, labels_sha256, *classes], ensure_ascii=False)
    return hashlib.sha256(identity.encode()).hexdigest()
