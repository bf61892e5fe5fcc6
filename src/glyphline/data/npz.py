"""The user's own images as one .npz file: x_train, y_train and, where there is a test split, x_test, y_test."""

import logging
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.errors import DataError
from glyphline.values import Images, Labels

log = logging.getLogger(__name__)

Array = npt.NDArray[Any]

NAME = "images.npz"
MAX_BYTES = 32 << 30
MAX_CLASSES = 10_000
CHANNELS = (1, 3)
_FIX = (
    "save it with `numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)`: "
    "uint8 images (n, h, w) or (n, h, w, c), one whole number per image as labels (n,); the test pair may be left out"
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
            _images(path, f"x_{name}", arrays, scratch), _labels(path, f"y_{name}", arrays[f"y_{name}"])
        )
        for name in names
    }


def classes(official: OfficialSplits) -> tuple[str, ...]:
    """Class names for labels that have none: the labels themselves, in ascending order, whatever numbers they are."""
    present = np.unique(np.concatenate([labeled.labels for labeled in official.values()]))
    return tuple(map(str, present.tolist()))


def indexed(official: OfficialSplits, names: tuple[str, ...]) -> OfficialSplits:
    """The same images, with the place of each label among the class names in its stead: labels may have gaps.

    Args:
        official: with the labels of the file.
        names: as `classes` gives them.
    """
    numbers = np.array([int(name) for name in names])
    return {
        name: LabeledImages(labeled.images, np.searchsorted(numbers, labeled.labels).astype(np.int64))
        for name, labeled in official.items()
    }


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> npt.NDArray[np.generic]:
    with archive.open(member) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    # Mapped, so that a false header is an error and allocates no memory.
    mapped: npt.NDArray[np.generic] = np.load(target, mmap_mode="r", allow_pickle=False)
    return mapped


def _images(path: Path, key: str, arrays: Mapping[str, Array], scratch: Path) -> Images:
    array = arrays[key]
    if array.ndim not in {3, 4} or array.size == 0:
        raise DataError(f"{key} in {path} has shape {array.shape}", fix=_FIX)
    if array.ndim == 3:
        array = array[..., np.newaxis]
    elif array.shape[1] in CHANNELS and array.shape[3] not in CHANNELS:
        # No image is so low that this could be its height.
        log.info("%s has shape %s: the channels are taken to come first", key, array.shape)
        array = np.moveaxis(array, 1, 3)
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype == np.uint8:
        return _in_order(array, scratch / f"{key}-in-order.npy")
    if array.dtype.kind not in "iuf":
        raise DataError(f"{key} in {path} holds {array.dtype}, not whole numbers from 0 to 255", fix=_FIX)
    low, high = array.min(), array.max()
    if array.dtype.kind == "f":
        raise DataError(
            f"{key} in {path} holds {array.dtype} from {low:g} to {high:g}, not whole numbers from 0 to 255",
            fix=_float_fix(low, high),
        )
    if low < 0 or high > 255:
        peak = max(int(other.max()) for name, other in arrays.items() if name.startswith("x_"))
        shift = peak.bit_length() - 8
        raise DataError(
            f"{key} in {path} holds values from {low} to {high}, not 0 to 255",
            fix="shift and scale all images alike to 0..255 before you save them as uint8"
            if low < 0
            else f'save all images as 8 of their {shift + 8} bits: `(x >> {shift}).astype("uint8")`',
        )
    return array.astype(np.uint8, order="C")


def _float_fix(low: Any, high: Any) -> str:
    if low >= 0 and high <= 1:
        return 'save all images as `(255 * x).round().astype("uint8")`'
    if low >= 0 and high <= 255:
        return 'save all images as `x.round().astype("uint8")`'
    return "shift and scale all images alike to 0..255, without NaN, before you save them as uint8"


def _in_order(array: Array, target: Path) -> Images:
    """The array as its rows follow one another in memory: one in Fortran's order is copied to a mapped file."""
    if array.flags.c_contiguous:
        return array.astype(np.uint8, copy=False)
    copy: Images = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=array.shape)
    copy[...] = array
    return copy


def _labels(path: Path, key: str, array: Array) -> Labels:
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or not np.issubdtype(flat.dtype, np.integer):
        raise DataError(
            f"{key} in {path} has shape {array.shape} and type {array.dtype}, not one whole number per image",
            fix=_label_fix(array),
        )
    if flat.size and int(flat.min()) < 0:
        raise DataError(
            f"{key} in {path} holds labels from {flat.min()} to {flat.max()}",
            fix="number the classes from 0, and leave out images without a class: `x[y >= 0]` and `y[y >= 0]`",
        )
    if (count := len(np.unique(flat))) > MAX_CLASSES:
        raise DataError(f"{key} in {path} holds {count:,} different labels; {MAX_CLASSES:,} classes at most", fix=_FIX)
    return flat.astype(np.int64)


def _label_fix(array: Array) -> str:
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return "save one number per image; of one-hot rows: `y.argmax(axis=1)`"
    if array.ndim == 1 and array.dtype.kind == "f":
        return "save whole numbers: `y.astype(int)`"
    if array.ndim == 1 and array.dtype.kind in "US":
        return "save numbers in place of the names: `numpy.unique(y, return_inverse=True)[1]`"
    return _FIX
