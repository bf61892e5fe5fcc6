"""Decode many images in as many processes as there are cores: into arrays, or only to be sure that each can be."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from glyphline import cores, files, pictures, progress
from glyphline.errors import DataError, PictureError
from glyphline.pictures import Resizing, stored
from glyphline.pictures.stored import ColourFoundError, Piece, Target
from glyphline.process_pool import ProcessLostError, in_order
from glyphline.values import Images

# What a process gets at once: some 30 ms of work, so that all end at about the same time and progress is smooth.
PIECE_BYTES = 1 << 20
# The smallest image takes as long as this many bytes of a large one.
LEAST_BYTES = 4096
# About half a second of work: for less, a process takes longer to start than what it saves.
BYTES_PER_PROCESS = 16 << 20
# Headers that are read to guess whether all images are grey.
PROBES = 32

T = TypeVar("T")


class EncodedImages(Protocol):
    """Images as people keep them, which a process can be told to read."""

    @property
    def names(self) -> Sequence[str]:
        """Of the images, for a person, in the order of the rows."""

    @property
    def sizes(self) -> Sequence[int]:
        """Of the encoded images in bytes."""

    def piece(self, rows: range) -> Piece:
        """Some of the images, for the process that decodes them."""


def decode(images: Mapping[str, EncodedImages], folder: Path, resizing: Resizing | None) -> dict[str, Images]:
    """Decode images into memory-mapped arrays: one channel if no image has colour, else three.

    Args:
        images: split -> its images.
        folder: where to put the arrays, as `<split>.npy`.
        resizing: None leaves the images as they are; all of a split must then have one size.

    Raises:
        PictureError: an image cannot be decoded; the first such one, in the order of the rows.
        DataError: the images have more than one size and `resizing` is None, one is not what was fetched, or a
            decoding process was killed.
    """
    arrays = {split: folder / f"{split}.npy" for split in images}
    everything = [(of_split, row) for of_split in images.values() for row in range(len(of_split.names))]
    probes = everything[:: max(1, len(everything) // PROBES)]
    seem_grey = all(pictures.is_grey(opened(*probe)) for probe in probes)
    # One channel is tried, not known: to look at the header of each image first would read every file twice.
    for channels in (1, 3) if seem_grey else (3,):
        with suppress(ColourFoundError):
            for split, array in arrays.items():
                _fill(array, images[split], channels=channels, resizing=resizing)
            break
    return {split: np.load(array, mmap_mode="r") for split, array in arrays.items()}


def opened(images: EncodedImages, row: int) -> Image.Image:
    """One of the images, of which only the header has been decoded."""
    name, content = next(iter(images.piece(range(row, row + 1)).contents()))
    return pictures.opened(content, name)


def check(paths: Sequence[Path], description: str) -> Generator[str | PictureError]:
    """Decode files, to be sure that each can be.

    Args:
        paths: of the files.
        description: of this work, for the progress.

    Yields:
        The SHA-256 of each file, or what is wrong with it, in their order, as soon as it is known.

    Raises:
        DataError: a decoding process was killed.
    """

    def call(rows: range) -> tuple[Sequence[Path]]:
        return (paths[rows.start : rows.stop],)

    sizes = [size_bytes(path) for path in paths]
    yield from chain.from_iterable(_results(stored.check, call, sizes, lambda row: str(paths[row]), description))


def size_bytes(path: Path) -> int:
    """The size of a file; 0 where it cannot be known, which is an error when it is read."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _fill(array: Path, images: EncodedImages, *, channels: int, resizing: Resizing | None) -> None:
    """Decode images into a new .npy file; ColourFoundError: it has one channel and one of them has colour."""
    first = images.names[0]
    if resizing:
        height, width = resizing.height, resizing.width
    else:
        height, width = pictures.as_array(opened(images, 0), first, grey=True, resizing=None).shape[:2]
    _allocate(array, (len(images.names), height, width, channels))
    target = Target(array, resizing, like=first)

    def call(rows: range) -> tuple[Any, ...]:
        return images.piece(rows), target, rows.start

    for _ in _results(stored.decode_piece, call, images.sizes, images.names.__getitem__, f"decoding {array.stem}"):
        pass


def _allocate(path: Path, shape: tuple[int, ...]) -> None:
    """Make a .npy file of zeros that has its place on the disk: a full one is told here, and kills no process later."""
    with files.named(path):
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)


def _results(
    function: Callable[..., T],
    call: Callable[[range], tuple[Any, ...]],
    sizes: Sequence[int],
    name: Callable[[int], str],
    description: str,
) -> Iterator[T]:
    """`function(*call(rows))` for all rows, in pieces and in their order, with progress.

    Args:
        function: of a module, so that a process can be sent it.
        call: its arguments for some rows.
        sizes: of the encoded images in bytes, one per row.
        name: of the image of a row.
        description: for the progress.
    """
    pieces = _pieces(sizes)
    processes = min(cores.usable(), max(1, sum(max(LEAST_BYTES, size) for size in sizes) // BYTES_PER_PROCESS))
    done = 0
    try:
        with (
            progress.bar(description, len(sizes), "images") as advance,
            closing(in_order(function, map(call, pieces), processes)) as results,
        ):
            for rows, result in zip(pieces, results, strict=True):
                yield result
                done = rows.stop
                advance(len(rows))
    except ProcessLostError as error:
        raise DataError(
            f"a process that decodes images was lost at {name(done)} or soon after it: {error}",
            fix="free memory if the system has run out of it (`dmesg` tells), else take out the image that it was at; "
            "then run the stage again",
        ) from None


def _pieces(sizes: Sequence[int]) -> list[range]:
    """Rows that follow one another, as many at once as take about the same time."""
    starts, total = [0], 0
    for row, size in enumerate(sizes):
        if total >= PIECE_BYTES:
            starts.append(row)
            total = 0
        total += max(LEAST_BYTES, size)
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], len(sizes)], strict=True)]
