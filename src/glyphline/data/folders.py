"""The user's own images as one zip of the encoded files, unchanged, beside the list of them.

One file, because DVC is slow with tens of thousands of small ones. Sorted names and fixed dates make equal images equal
archives.
"""

import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glyphline import files, progress
from glyphline.data import decoding, groups, listing
from glyphline.data.bad_files import BadFiles
from glyphline.data.listing import ListedImage, Listing
from glyphline.data.raw import LabeledImages
from glyphline.errors import PictureError
from glyphline.pictures import SUFFIXES, Resizing

NAME = "images.zip"


def write_zip(images: Listing, target: Path, bad_files: BadFiles) -> list[ListedImage]:
    """Write the listed images as the zip `target`; every one is decoded once, to be sure that it can be.

    Returns:
        The images that are in the zip: all but the bad ones.

    Raises:
        DataError: a file is no image, and `bad_files` does not take it in.
    """
    good = _good(images, bad_files)
    with (
        files.atomic_file(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
        progress.bar(f"packing {images.root.name}", len(good), "images") as advance,
    ):
        for image in good:
            with files.named(images.root / image.file):
                content = (images.root / image.file).read_bytes()
            _add(archive, image.file, content)
            advance()
    return good


def read(
    folder: Path, classes: tuple[str, ...], resizing: Resizing | None, scratch: Path, *, group: str | None = None
) -> dict[str, LabeledImages]:
    """Decode the zip into memory-mapped arrays under `scratch`: one channel if no image has colour, else three.

    Args:
        folder: data/raw.
        classes: the class names.
        resizing: None leaves the images as they are.
        scratch: where the arrays go.
        group: the pattern that finds an image's group in its path; None for the groups of the table.

    Raises:
        DataError: the images have more than one size and `resizing` is None, one cannot be decoded, or the pattern does
            not fit the paths.
    """
    images = listing.read(folder / listing.NAME)
    group_numbers = groups.numbers(images, group)
    label_numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([label_numbers[image.label] for image in images], dtype=np.int64)
    rows = _rows(images)
    arrays = decoding.decode(folder / NAME, _members(folder, images), scratch, resizing)
    return {
        split: LabeledImages(
            arrays[split], labels[of_split], None if group_numbers is None else group_numbers[of_split]
        )
        for split, of_split in rows.items()
    }


def members(folder: Path) -> dict[str, list[zipfile.ZipInfo]]:
    """Split -> its members of the zip in data/raw, in the order of the rows of its array."""
    return _members(folder, listing.read(folder / listing.NAME))


def _members(folder: Path, images: Sequence[ListedImage]) -> dict[str, list[zipfile.ZipInfo]]:
    with zipfile.ZipFile(folder / NAME) as archive:
        return {
            split: [archive.getinfo(images[row].file) for row in of_split] for split, of_split in _rows(images).items()
        }


def _rows(images: Sequence[ListedImage]) -> dict[str, list[int]]:
    """Split -> the places of its images in the list; training first."""
    rows: dict[str, list[int]] = {"train": []}
    for row, image in enumerate(images):
        rows.setdefault(image.split, []).append(row)
    return {split: rows[split] for split in ("train", *sorted(rows.keys() - {"train"}))}


def _good(images: Listing, bad_files: BadFiles) -> list[ListedImage]:
    """The images that can be decoded, by their names; the others are handed to `bad_files`."""
    openable = []
    for image in sorted(images.images, key=lambda image: image.file):
        if (error := _no_file(images.root / image.file, image.file)) is not None:
            bad_files.add(image.file, error)
        else:
            openable.append(image)
    paths = {str(images.root / image.file): image.file for image in openable}
    for error in decoding.unreadable([*map(Path, paths)], f"checking {images.root.name}"):
        bad_files.add(paths[error.name], error)
    return [image for image in openable if image.file not in bad_files.reasons]


def _no_file(path: Path, name: str) -> PictureError | None:
    """Why a file is not to be opened: it is no image by its name, or no file; None when it may be."""
    if path.suffix.lower() not in SUFFIXES:
        known = " ".join(sorted(SUFFIXES))
        return PictureError(name, "is no image by its name", fix=f"name images only, whose names end in {known}")
    try:
        # A pipe would be waited for without end.
        if not stat.S_ISREG(path.stat().st_mode):
            return PictureError(name, "is no file", fix="put an image there, or take it out")
    except FileNotFoundError:
        return PictureError(
            name, "does not exist", fix="put the file there (paths in a table begin at its folder), or take it out"
        )
    except OSError as error:
        return PictureError(name, f"cannot be read: {error.strerror}", fix="make it readable, or remove it")
    return None


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    # Both differ between operating systems, and equal folders must make equal archives.
    info.create_system, info.external_attr = 3, 0o644 << 16
    archive.writestr(info, content)
