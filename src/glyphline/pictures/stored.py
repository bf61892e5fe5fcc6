"""Encoded images that lie in files, decoded in pieces: what a process that decodes for another one runs."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from glyphline.errors import DataError, PictureError
from glyphline.pictures.decoding import as_array, verify
from glyphline.pictures.fitting import Resizing
from glyphline.pictures.formats import is_grey, opened


class Stored(NamedTuple):
    """An encoded image within a file.

    Attributes:
        name: for a person.
        offset: of its first byte.
        size_bytes: of the encoded image.
    """

    name: str
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Target:
    """What images are decoded into.

    Attributes:
        array: the .npy file of uint8 (n, h, w, c), which is there, to be filled.
        resizing: to (h, w); None: each image must have that size.
        like: the name of an image that has the size, for the error about another one.
    """

    array: Path
    resizing: Resizing | None
    like: str


class ColourFoundError(Exception):
    """An image has colour, and the array that it was to be decoded into has one channel."""


def decode_piece(source: Path, images: Sequence[Stored], target: Target, first: int) -> None:
    """Decode images straight into rows of the target's array.

    Args:
        source: the file that holds the images.
        images: which of it.
        target: where to.
        first: the row of the first image.

    Raises:
        ColourFoundError: the array has one channel, and an image has colour.
        PictureError: one cannot be decoded.
        DataError: one has another size.
    """
    array = np.load(target.array, mmap_mode="r+")
    grey = array.shape[3] == 1
    with source.open("rb") as stream, _without_warnings():
        for row, stored in enumerate(images, first):
            stream.seek(stored.offset)
            image = opened(stream.read(stored.size_bytes), stored.name)
            if grey and not is_grey(image):
                raise ColourFoundError
            pixels = as_array(image, stored.name, grey=grey, resizing=target.resizing)
            if pixels.shape != array.shape[1:]:
                one, other = (f"{height} x {width}" for height, width in (array.shape[1:3], pixels.shape[:2]))
                raise DataError(
                    f"the images have more than one size: {target.like} is {one}, {stored.name} is {other}",
                    fix="set preprocess.image_size, for example [64, 64]",
                )
            array[row] = pixels


def unreadable(paths: Sequence[Path]) -> list[PictureError]:
    """Decode files, to be sure that each can be; the errors of those that cannot, in their order."""
    errors = []
    with _without_warnings():
        for path in paths:
            try:
                verify(path.read_bytes(), str(path))
            except PictureError as error:
                errors.append(error)
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
                errors.append(PictureError(str(path), reason, fix="make it readable, or remove it"))
    return errors


@contextmanager
def _without_warnings() -> Iterator[None]:
    """In the block, Pillow is silent about damaged metadata, which no pixel depends on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
