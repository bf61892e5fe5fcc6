"""Decode many images in as many processes as there are cores: those of an archive into arrays, files to be sure."""

import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from glyphline import cores, files, pictures, progress
from glyphline.data.raw import FETCH_AGAIN
from glyphline.errors import DataError, PictureError
from glyphline.pictures import Resizing, stored
from glyphline.pictures.stored import ColourFoundError, Stored, Target
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
Members = Sequence[zipfile.ZipInfo]


def decode(path: Path, members: Mapping[str, Members], folder: Path, resizing: Resizing | None) -> dict[str, Images]:
    """Decode the images of a zip into memory-mapped arrays: one channel if no image has colour, else three.

    Args:
        path: of the zip, its members not compressed, as fetch writes it.
        members: split -> its members, in the order of the rows.
        folder: where to put the arrays, as `<split>.npy`.
        resizing: None leaves the images as they are; all of a split must then have one size.

    Raises:
        PictureError: an image cannot be decoded; the first such one, in the order of the rows.
        DataError: the images have more than one size and `resizing` is None, or a decoding process was killed.
    """
    arrays = {split: folder / f"{split}.npy" for split in members}
    everything = list(chain.from_iterable(members.values()))
    with path.open("rb") as stream:
        archive = _Archive(path, stream.fileno())
        probes = everything[:: max(1, len(everything) // PROBES)]
        seem_grey = all(pictures.is_grey(archive.opened(member)) for member in probes)
        # One channel is tried, not known: to look at the header of each image first would read every file twice.
        for channels in (1, 3) if seem_grey else (3,):
            with suppress(ColourFoundError):
                for split, array in arrays.items():
                    _fill(array, archive, members[split], channels=channels, resizing=resizing)
                break
    return {split: np.load(array, mmap_mode="r") for split, array in arrays.items()}


def unreadable(paths: Sequence[Path], description: str) -> Iterator[PictureError]:
    """Decode files, to be sure that each can be.

    Args:
        paths: of the files.
        description: of this work, for the progress.

    Yields:
        The errors of those that are no image that can be read, in their order, as soon as they are found.

    Raises:
        DataError: a decoding process was killed.
    """

    def call(rows: range) -> tuple[Sequence[Path]]:
        return (paths[rows.start : rows.stop],)

    sizes = [_size_bytes(path) for path in paths]
    yield from chain.from_iterable(_results(stored.unreadable, call, sizes, lambda row: str(paths[row]), description))


class _Archive:
    """A zip that is open for reading.

    Args:
        path: of the zip.
        handle: the system's number of the open file.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    def stored(self, member: zipfile.ZipInfo) -> Stored:
        """Where the bytes of a member are: behind its name and an extra field, whose lengths its local header says.

        Source: PKWARE, ".ZIP File Format Specification", section 4.3.7.
        """
        if member.compress_type != zipfile.ZIP_STORED:
            raise DataError(
                f"{self.path} holds {member.filename} compressed", fix=f"fetch it again with `{FETCH_AGAIN}`"
            )
        name_bytes, extra_bytes = struct.unpack("<HH", os.pread(self._handle, 4, member.header_offset + 26))
        return Stored(member.filename, member.header_offset + 30 + name_bytes + extra_bytes, member.file_size)

    def opened(self, member: zipfile.ZipInfo) -> Image.Image:
        """A member of which only the image's header has been decoded."""
        place = self.stored(member)
        return pictures.opened(os.pread(self._handle, place.size_bytes, place.offset), place.name)


def _fill(array: Path, archive: _Archive, members: Members, *, channels: int, resizing: Resizing | None) -> None:
    """Decode members into a new .npy file; ColourFoundError: it has one channel and one of them has colour."""
    first = members[0]
    if resizing:
        height, width = resizing.height, resizing.width
    else:
        height, width = pictures.as_array(archive.opened(first), first.filename, grey=True, resizing=None).shape[:2]
    _allocate(array, (len(members), height, width, channels))
    target = Target(array, resizing, like=first.filename)

    def call(rows: range) -> tuple[Any, ...]:
        return archive.path, [archive.stored(member) for member in members[rows.start : rows.stop]], target, rows.start

    sizes = [member.file_size for member in members]
    for _ in _results(stored.decode_piece, call, sizes, lambda row: members[row].filename, f"decoding {array.stem}"):
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


def _size_bytes(path: Path) -> int:
    # What is wrong with a file is found when it is read.
    with suppress(OSError):
        return path.stat().st_size
    return 0
