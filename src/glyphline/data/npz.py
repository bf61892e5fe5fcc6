"""The user's own images as one .npz file: x_train, y_train and, where given, x_val, y_val and x_test, y_test."""

import logging
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from glyphline.data import labels
from glyphline.data.listing import SPLITS
from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.errors import DataError
from glyphline.values import Images

log = logging.getLogger(__name__)

Array = npt.NDArray[Any]

NAME = "images.npz"
MAX_BYTES = 32 << 30
CHANNELS = (1, 3)
VALUES_AT_ONCE = 1 << 22
# Floats from 0 to a peak between 1 and this may be of another range than 0 to 255, or shares that are a little above 1.
HALF_WHITE = 128
_FIX = (
    "save it with `numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)`: "
    "uint8 images (n, h, w) or (n, h, w, c), one whole number or name per image as labels (n,); the test pair may be "
    "left out, and x_val and y_val may be added"
)


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arrays of one split.

    Attributes:
        images: uint8 (n, h, w, c), memory-mapped.
        labels: (n,), as the file has them: int64 or text.
    """

    images: Images
    labels: Array


def read(path: Path, scratch: Path) -> dict[str, Arrays]:
    """The official splits in an .npz file; arrays are unpacked into `scratch` and memory-mapped, nothing is unpickled.

    Raises:
        DataError: the file is no such archive, an array is missing, or it holds something else than images and labels.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            names = _names(path, list(present))
            keys = [f"{axis}_{name}" for name in names.values() for axis in "xy"]
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
        split: Arrays(_images(path, f"x_{name}", arrays, scratch), _labels(path, f"y_{name}", arrays[f"y_{name}"]))
        for split, name in names.items()
    }


def classes(splits: Mapping[str, Arrays], *, where: str, normalise: bool) -> tuple[str, ...]:
    """The names of the classes: numbers in ascending order, whatever numbers they are, or text in that of the alphabet.

    Args:
        splits: as `read` gives them.
        where: the file, for messages.
        normalise: whether names that differ only in case or blanks are joined.

    Raises:
        DataError: some splits have numbers and others names, or the names are none.
    """
    kinds = {part.labels.dtype.kind for part in splits.values()}
    if len(kinds) > 1:
        raise DataError(f"{where}: the labels of some splits are numbers and those of others are text", fix=_FIX)
    counts: Counter[Any] = Counter()
    for part in splits.values():
        values, times = np.unique(part.labels, return_counts=True)
        counts.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
    if kinds == {"U"}:
        return tuple(sorted(set(labels.class_names(counts, where=where, normalise=normalise).values())))
    return tuple(labels.class_names({str(n): counts[n] for n in sorted(counts)}, where=where, normalise=False))


def indexed(splits: Mapping[str, Arrays], names: tuple[str, ...]) -> OfficialSplits:
    """The images with the place of each label among the class names: numbers may have gaps, names several spellings.

    Args:
        splits: as `read` gives them.
        names: as `classes` gives them.
    """
    places = {labels.key(name): place for place, name in enumerate(names)}
    official = {}
    for split, part in splits.items():
        values, rows = np.unique(part.labels, return_inverse=True)
        numbers = np.array([places[labels.key(str(value))] for value in values.tolist()], dtype=np.int64)
        official[split] = LabeledImages(part.images, numbers[rows])
    return official


def _names(path: Path, present: list[str]) -> dict[str, str]:
    """Split -> how the file calls it: `val` may be `valid` or `validation` there."""
    names = {"train": "train"}
    for key in present:
        axis, _, name = key.partition("_")
        if axis in {"x", "y"} and name in SPLITS and names.setdefault(SPLITS[name], name) != name:
            raise DataError(
                f"{path} holds arrays of {names[SPLITS[name]]} and of {name}, which are one split",
                fix="save each split once",
            )
    return {split: names[split] for split in ("train", "val", "test") if split in names}


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
    target = scratch / f"{key}-uint8.npy"
    if array.dtype == np.bool_:
        return _scaled(array, target, 255)
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False) if array.flags.c_contiguous else _scaled(array, target, 1)
    if array.dtype.kind not in "iuf":
        raise DataError(f"{key} in {path} holds {array.dtype}, not whole numbers from 0 to 255", fix=_FIX)
    low, high = array.min(), array.max()
    if array.dtype.kind == "f":
        scale = _float_scale(path, key, array.dtype, low, high)
        log.info("%s holds %s from %g to %g: taken as 0 to %d", key, array.dtype, low, high, 255 // scale)
        return _scaled(array, target, scale)
    if low < 0 or high > 255:
        peak = max(int(other.max()) for name, other in arrays.items() if name.startswith("x_"))
        shift = peak.bit_length() - 8
        raise DataError(
            f"{key} in {path} holds values from {low} to {high}, not 0 to 255",
            fix="shift and scale all images alike to 0..255 before you save them as uint8"
            if low < 0
            else f'save all images as 8 of their {shift + 8} bits: `(x >> {shift}).astype("uint8")`',
        )
    return _scaled(array, target, 1)


def _float_scale(path: Path, key: str, dtype: np.dtype[Any], low: Any, high: Any) -> int:
    """What floats are multiplied by to lie in 0..255.

    Raises:
        DataError: their range does not say it.
    """
    if 0 <= low <= high <= 1:
        return 255
    if low >= 0 and HALF_WHITE <= high <= 255:
        return 1
    if low >= 0 and 1 < high < HALF_WHITE:
        fix = 'save all images as `x.round().astype("uint8")` where 255 is white, `(255 * x).round()...` where 1 is'
    else:
        fix = "shift and scale all images alike to 0..255, without NaN, before you save them as uint8"
    raise DataError(f"{key} in {path} holds {dtype} from {low:g} to {high:g}: neither 0 to 1 nor 0 to 255", fix=fix)


def _scaled(array: Array, target: Path, scale: int) -> Images:
    """`array * scale`, rounded, in a memory-mapped file; only some images of it are in memory at a time."""
    mapped: Images = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=array.shape)
    for piece in _pieces(array):
        mapped[piece] = np.rint(array[piece] * np.float32(scale)) if array.dtype.kind == "f" else array[piece] * scale
    return mapped


def _pieces(array: Array) -> Iterator[slice]:
    rows = max(1, VALUES_AT_ONCE * len(array) // array.size)
    return (slice(start, start + rows) for start in range(0, len(array), rows))


def _labels(path: Path, key: str, array: Array) -> Array:
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in "iuUS":
        raise DataError(
            f"{key} in {path} has shape {array.shape} and type {array.dtype}, not one whole number or name per image",
            fix=_label_fix(array),
        )
    if flat.dtype.kind == "S":
        try:
            flat = np.char.decode(flat, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{key} in {path} holds names that are not UTF-8: {error}", fix=_FIX) from None
    if flat.dtype.kind == "U":
        return np.asarray(flat)
    if flat.size and int(flat.min()) < 0:
        raise DataError(
            f"{key} in {path} holds labels from {flat.min()} to {flat.max()}",
            fix="number the classes from 0, and leave out images without a class: `x[y >= 0]` and `y[y >= 0]`",
        )
    return flat.astype(np.int64)


def _label_fix(array: Array) -> str:
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return "save one number per image; of one-hot rows: `y.argmax(axis=1)`"
    if array.ndim == 1 and array.dtype.kind == "f":
        return "save whole numbers: `y.astype(int)`"
    return _FIX
