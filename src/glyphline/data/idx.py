"""IDX, the format of MNIST and similar sets: a header of big-endian numbers, then bytes.

Format: http://yann.lecun.com/exdb/mnist, "the IDX file format": two zero bytes, a type, the number of dimensions, and
one 32-bit length per dimension.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from glyphline.data import catalogue
from glyphline.data.raw import FETCH_AGAIN, LabeledImages
from glyphline.errors import DataError

UNSIGNED_BYTE = 0x08

FILES = {
    "train": (catalogue.TRAIN_IMAGES, catalogue.TRAIN_LABELS),
    "test": (catalogue.TEST_IMAGES, catalogue.TEST_LABELS),
}


def read(folder: Path) -> dict[str, LabeledImages]:
    """The official train and test splits in four uncompressed IDX files; the images stay on disk, memory-mapped."""
    return {
        name: LabeledImages(
            array(folder / images, ndim=3)[..., np.newaxis], array(folder / labels, ndim=1).astype(np.int64)
        )
        for name, (images, labels) in FILES.items()
    }


def array(path: Path, ndim: int) -> npt.NDArray[np.uint8]:
    """One IDX file of unsigned bytes, memory-mapped, so that no memory is allocated because of a false header.

    Args:
        path: the uncompressed file.
        ndim: how many dimensions it must have: 3 for images, 1 for labels.

    Raises:
        DataError: the header is not that of such a file, or the length is not what the header says.
    """
    size_bytes = path.stat().st_size
    header_bytes = 4 + 4 * ndim
    with path.open("rb") as stream:
        header = stream.read(header_bytes)
    magic = bytes((0, 0, UNSIGNED_BYTE, ndim))
    if header[:4] != magic:
        raise _refused(path, f"it begins with {header[:4].hex() or 'nothing'}, not {magic.hex()}")
    if len(header) < header_bytes:
        raise _refused(path, f"its header ends after {len(header)} of {header_bytes} bytes")
    shape = tuple(int.from_bytes(header[at : at + 4], "big") for at in range(4, header_bytes, 4))
    if 0 in shape:
        raise _refused(path, f"its shape {shape} holds nothing")
    expected = header_bytes + math.prod(shape)
    if size_bytes != expected:
        raise _refused(path, f"shape {shape} takes {expected:,} bytes, and the file has {size_bytes:,}")
    return np.memmap(path, dtype=np.uint8, mode="r", offset=header_bytes, shape=shape)


def _refused(path: Path, why: str) -> DataError:
    return DataError(f"{path} is no IDX file of bytes: {why}", fix=f"fetch it again with `{FETCH_AGAIN}`")
