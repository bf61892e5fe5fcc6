"""The user's own images as one zip of the encoded files, unchanged, beside the list of them.

One file, because DVC is slow with tens of thousands of small ones. Sorted names and fixed dates make equal images equal
archives.
"""

import stat
import zipfile
from pathlib import Path

import numpy as np

from glyphline import files, progress
from glyphline.data import groups, listing, pictures
from glyphline.data.bad_files import BadFiles
from glyphline.data.listing import ListedImage, Listing
from glyphline.data.raw import LabeledImages
from glyphline.errors import DataError
from glyphline.values import Images

NAME = "images.zip"


def write_zip(images: Listing, target: Path, bad_files: BadFiles) -> list[ListedImage]:
    """Write the listed images as the zip `target`; every one is decoded once, to be sure that it can be.

    Returns:
        The images that are in the zip: all but the bad ones.

    Raises:
        DataError: a file is no image, and `bad_files` does not take it in.
    """
    packed = []
    with (
        files.atomic_file(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
        progress.bar(f"packing {images.root.name}", len(images.images), "images") as advance,
    ):
        for image in sorted(images.images, key=lambda image: image.file):
            try:
                content = _checked(images.root / image.file, image.file)
            except DataError as error:
                bad_files.add(image.file, error)
            else:
                _add(archive, image.file, content)
                packed.append(image)
            advance()
    return packed


def read(
    folder: Path, classes: tuple[str, ...], size: tuple[int, int] | None, scratch: Path, *, group: str | None = None
) -> dict[str, LabeledImages]:
    """Decode the zip into memory-mapped arrays under `scratch`: one channel if no image has colour, else three.

    Args:
        folder: data/raw.
        classes: the class names.
        size: height and width to resize to; None leaves the images as they are.
        scratch: where the arrays go.
        group: the pattern that finds an image's group in its path; None for the groups of the table.

    Raises:
        DataError: the images have more than one size and `size` is None, one cannot be decoded, or the pattern does not
            fit the paths.
    """
    images = listing.read(folder / listing.NAME)
    group_numbers = groups.numbers(images, group)
    label_numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([label_numbers[image.label] for image in images], dtype=np.int64)
    splits = np.array([image.split for image in images])
    with zipfile.ZipFile(folder / NAME) as archive:
        grey = _all_grey(archive)
        official = {}
        for split in dict.fromkeys(("train", *sorted(set(splits.tolist())))):
            rows = np.flatnonzero(splits == split)
            names = [images[row].file for row in rows]
            official[split] = LabeledImages(
                _decoded(archive, names, scratch / f"{split}.npy", grey=grey, size=size),
                labels[rows],
                None if group_numbers is None else group_numbers[rows],
            )
        return official


def _all_grey(archive: zipfile.ZipFile) -> bool:
    for name in archive.namelist():
        with archive.open(name) as stream:
            if not pictures.is_grey(stream, name):
                return False
    return True


def _decoded(
    archive: zipfile.ZipFile, names: list[str], target: Path, *, grey: bool, size: tuple[int, int] | None
) -> Images:
    images: Images | None = None
    with progress.bar(f"decoding {target.stem}", len(names), "images") as advance:
        for row, name in enumerate(names):
            with archive.open(name) as stream:
                image = pictures.as_array(pictures.upright(stream, name), grey=grey, size=size)
            if images is None:
                shape = (len(names), *image.shape)
                images = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
            if image.shape != images.shape[1:]:
                one, other = (f"{height} x {width}" for height, width in (images.shape[1:3], image.shape[:2]))
                raise DataError(
                    f"the images have more than one size: {names[0]} is {one}, {name} is {other}",
                    fix="set preprocess.image_size, for example [64, 64]",
                )
            images[row] = image
            advance()
    assert images is not None
    return images


def _checked(path: Path, name: str) -> bytes:
    """The content of a file that was decoded once; nothing is opened that is no image by its name or its kind."""
    try:
        kind = path.stat().st_mode
        if path.suffix.lower() not in pictures.SUFFIXES:
            known = " ".join(sorted(pictures.SUFFIXES))
            raise DataError(f"{name} is no image by its name", fix=f"name images only, whose names end in {known}")
        # A pipe would be waited for without end.
        if not stat.S_ISREG(kind):
            raise DataError(f"{name} is no file", fix="put an image there, or take it out")
        with path.open("rb") as stream:
            pictures.upright(stream, name)
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{name} does not exist", fix="put the file there (paths in a table begin at its folder), or take it out"
        ) from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}", fix="make it readable, or remove it") from None


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    # Both differ between operating systems, and equal folders must make equal archives.
    info.create_system, info.external_attr = 3, 0o644 << 16
    archive.writestr(info, content)
