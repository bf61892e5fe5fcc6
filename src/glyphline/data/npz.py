"""The user's own images as one .npz file: x_train, y_train and, where there is a test split, x_test, y_test."""

import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.errors import DataError
from glyphline.values import Images, Labels

NAME = "images.npz"
MAX_BYTES = 32 << 30
MAX_CLASSES = 10_000
_FIX = (
    "save it with `numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)`: "
    "uint8 images (n, h, w) or (n, h, w, c), whole-number labels (n,) from 0; the test pair may be left out"
)


def read(path: Path, scratch: Path) -> dict[str, LabeledImages]:
    """The official splits in an .npz file; arrays are unpacked into `scratch` and memory-mapped, nothing is unpickled.

    Raises:
        DataError: the file is no such archive, an array is missing, or it holds something else than images and labels.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            names = ["train", "test"] if {"x_test", "y_test"} & present.keys() else ["train"]
            keys = [f"{axis}_{name}" for name in names for axis in "xy"]
            for key in keys:
                if key not in present:
                    raise DataError(f"{path} lacks {key}; it holds {', '.join(present) or 'nothing'}", fix=_FIX)
            total_bytes = sum(present[key].file_size for key in keys)
            if total_bytes > MAX_BYTES:
                raise DataError(f"{path} unpacks to {total_bytes:,} bytes; at most {MAX_BYTES:,} are read", fix=_FIX)
            arrays = {key: _unpacked(archive, present[key], scratch / f"{key}.npy") for key in keys}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read: {error}", fix=_FIX) from None
    return {
        name: LabeledImages(
            _images(path, f"x_{name}", arrays[f"x_{name}"]), _labels(path, f"y_{name}", arrays[f"y_{name}"])
        )
        for name in names
    }


def classes(official: OfficialSplits) -> tuple[str, ...]:
    """Class names for labels that have none: `0`, `1`, ..."""
    return tuple(
        str(label) for label in range(max(int(labeled.labels.max(initial=0)) for labeled in official.values()) + 1)
    )


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> npt.NDArray[np.generic]:
    with archive.open(member) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    # Mapped, so that a false header is an error and allocates no memory.
    mapped: npt.NDArray[np.generic] = np.load(target, mmap_mode="r", allow_pickle=False)
    return mapped


def _images(path: Path, key: str, array: npt.NDArray[np.generic]) -> Images:
    if array.ndim not in {3, 4} or array.size == 0:
        raise DataError(f"{key} in {path} has shape {array.shape}", fix=_FIX)
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{key} in {path} holds {array.dtype}, not whole numbers from 0 to 255", fix=_FIX)
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise DataError(f"{key} in {path} holds values from {low} to {high}, not 0 to 255", fix=_FIX)
    return array.astype(np.uint8)


def _labels(path: Path, key: str, array: npt.NDArray[np.generic]) -> Labels:
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or not np.issubdtype(flat.dtype, np.integer):
        raise DataError(f"{key} in {path} has shape {array.shape} and type {array.dtype}", fix=_FIX)
    # A class is made for each number up to the highest label, so the highest must be plausible.
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) >= MAX_CLASSES):
        raise DataError(f"{key} in {path} holds labels from {flat.min()} to {flat.max()}", fix=_FIX)
    return flat.astype(np.int64)
