"""Encoded images that lie in files, decoded in pieces: what a process that decodes for another one runs."""

import hashlib
import stat
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from glyphline.errors import DataError, PictureError
from glyphline.pictures.decoding import as_array, verify
from glyphline.pictures.fitting import Resizing
from glyphline.pictures.formats import is_grey, opened

T = TypeVar("T")


class Piece(Protocol):
    """Some encoded images, as they are sent to the process that decodes them."""

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """The name of each, for a person, and its bytes."""


class Member(NamedTuple):
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
class ArchivePiece:
    """Images that lie in one file.

    Attributes:
        source: the file.
        members: where in it.
    """

    source: Path
    members: Sequence[Member]

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """The name of each, and its bytes."""
        with self.source.open("rb") as stream:
            for member in self.members:
                stream.seek(member.offset)
                yield member.name, stream.read(member.size_bytes)


@dataclass(frozen=True, slots=True)
class FilePiece:
    """Images that lie in files of their own, where they may have been changed.

    Attributes:
        root: the folder of all.
        digests: path below it, and SHA-256 of the content that is expected.
    """

    root: Path
    digests: Sequence[tuple[str, str]]

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """The name of each, and its bytes.

        Raises:
            DataError: a file is missing, cannot be read, or has other content.
        """
        for name, expected in self.digests:
            content = read_original(self.root / name, Path.read_bytes)
            check_original(self.root / name, hashlib.sha256(content).hexdigest(), expected)
            yield name, content


_BRING_BACK = (
    "bring back the file that it was, or let `dvc repro` take what is there now; with data.copy: true, a copy is used"
)


def is_file(path: Path) -> bool:
    """Whether a path leads to a file that has an end: reading a pipe waits for ever, and some devices never end.

    Raises:
        OSError: it cannot be known; there is nothing, for example.
    """
    return stat.S_ISREG(path.stat().st_mode)


def read_original(path: Path, read: Callable[[Path], T]) -> T:
    """What `read` gives for a file that was there when it was fetched.

    Raises:
        DataError: it is gone, it is no file, or it cannot be read.
    """
    try:
        if is_file(path):
            return read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", fix=_BRING_BACK) from None
    raise DataError(f"{path} cannot be read: it is no file", fix=_BRING_BACK)


def check_original(path: Path, sha256: str, expected: str) -> None:
    """Refuse a file whose content is not what was fetched."""
    if sha256 != expected:
        raise DataError(
            f"{path} has changed since it was fetched: its SHA-256 is {sha256}, not {expected}", fix=_BRING_BACK
        )


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


def decode_piece(piece: Piece, target: Target, first: int) -> None:
    """Decode images straight into rows of the target's array.

    Args:
        piece: the images.
        target: where to.
        first: the row of the first image.

    Raises:
        ColourFoundError: the array has one channel, and an image has colour.
        PictureError: one cannot be decoded.
        DataError: one has another size, or is not what was fetched.
    """
    array = np.load(target.array, mmap_mode="r+")
    grey = array.shape[3] == 1
    with _without_warnings():
        for row, (name, content) in enumerate(piece.contents(), first):
            image = opened(content, name)
            if grey and not is_grey(image):
                raise ColourFoundError
            pixels = as_array(image, name, grey=grey, resizing=target.resizing)
            if pixels.shape != array.shape[1:]:
                one, other = (f"{height} x {width}" for height, width in (array.shape[1:3], pixels.shape[:2]))
                raise DataError(
                    f"the images have more than one size: {target.like} is {one}, {name} is {other}",
                    fix="set preprocess.image_size, for example [64, 64]",
                )
            array[row] = pixels


def check(paths: Sequence[Path]) -> list[str | PictureError]:
    """Decode files, to be sure that each can be; the SHA-256 of each, or what is wrong with it, in their order."""
    results: list[str | PictureError] = []
    with _without_warnings():
        for path in paths:
            try:
                content = path.read_bytes()
                verify(content, str(path))
                results.append(hashlib.sha256(content).hexdigest())
            except PictureError as error:
                results.append(error)
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
                results.append(PictureError(str(path), reason, fix="make it readable, or remove it"))
    return results


@contextmanager
def _without_warnings() -> Iterator[None]:
    """In the block, Pillow is silent about damaged metadata, which no pixel depends on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
