"""The user's own images as one zip of the encoded files, unchanged, beside the list of them.

One file, because DVC is slow with tens of thousands of small ones. Sorted names and fixed dates make equal images equal
archives.
"""

import stat
import zipfile
from collections.abc import Generator, Sequence
from contextlib import closing
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
    in_order = sorted(images.images, key=lambda image: image.file)
    # Closed, so that no process goes on decoding after the first bad file has stopped all.
    with closing(_bad([images.root / image.file for image in in_order], f"checking {images.root.name}")) as errors:
        for error in errors:
            bad_files.add(error)
    packed = [image for image in in_order if image.file not in bad_files.reasons]
    with (
        files.atomic_file(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
        progress.bar(f"packing {images.root.name}", len(packed), "images") as advance,
    ):
        for image in packed:
            _add(archive, image.file, images.root / image.file)
            advance()
    return packed


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
    splits = np.array([image.split for image in images])
    rows = {split: np.flatnonzero(splits == split) for split in dict.fromkeys(("train", *sorted(set(splits.tolist()))))}
    with zipfile.ZipFile(folder / NAME) as archive:
        members = {split: [archive.getinfo(images[row].file) for row in of_split] for split, of_split in rows.items()}
    arrays = decoding.decode(folder / NAME, members, scratch, resizing)
    return {
        split: LabeledImages(
            arrays[split], labels[of_split], None if group_numbers is None else group_numbers[of_split]
        )
        for split, of_split in rows.items()
    }


def _bad(paths: Sequence[Path], description: str) -> Generator[PictureError, None, None]:
    """The errors of the files that cannot be read as images; what is none by its name or its kind is not opened."""
    regular = []
    for path in paths:
        if (error := _no_image_file(path)) is None:
            regular.append(path)
        else:
            yield error
    yield from decoding.unreadable(regular, description)


def _no_image_file(path: Path) -> PictureError | None:
    if path.suffix.lower() not in SUFFIXES:
        known = " ".join(sorted(SUFFIXES))
        return PictureError(str(path), "is no image by its name", fix=f"name images only, whose names end in {known}")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return PictureError(
            str(path),
            "does not exist",
            fix="put the file there (paths in a table begin at its folder), or take it out",
        )
    except OSError as error:
        return PictureError(str(path), f"cannot be read: {error.strerror}", fix="make it readable, or remove it")
    # A pipe would be waited for without end.
    return (
        None if stat.S_ISREG(mode) else PictureError(str(path), "is no file", fix="put an image there, or take it out")
    )


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    # Both differ between operating systems, and equal folders must make equal archives.
    info.create_system, info.external_attr = 3, 0o644 << 16
    archive.writestr(info, path.read_bytes())
