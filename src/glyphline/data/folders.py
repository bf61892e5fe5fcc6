"""The user's own images, listed in data/raw: decoded once when they are fetched, and again into arrays."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from glyphline.data import archive, decoding, groups, listing, originals
from glyphline.data.bad_files import BadFiles
from glyphline.data.decoding import EncodedImages
from glyphline.data.listing import Listing
from glyphline.data.raw import FETCH_AGAIN, LabeledImages
from glyphline.errors import DataError, PictureError
from glyphline.pictures import SUFFIXES, Resizing, stored


def check(images: Listing, bad_files: BadFiles) -> dict[str, str]:
    """Decode each of the listed images, to be sure that it can be.

    Returns:
        Path below the folder of all -> SHA-256, without the bad files.

    Raises:
        DataError: a file is no image, and `bad_files` does not take it in.
    """
    regular = []
    for name in sorted(image.file for image in images.images):
        if error := no_image_file(images.root / name):
            bad_files.add(error)
        else:
            regular.append(name)
    digests = {}
    paths = [images.root / name for name in regular]
    # Closed, so that no process goes on decoding after the first bad file has stopped all.
    with closing(decoding.check(paths, f"checking {images.root.name}")) as results:
        for name, result in zip(regular, results, strict=True):
            if isinstance(result, PictureError):
                bad_files.add(result)
            else:
                digests[name] = result
    return digests


def encoded(folder: Path, below: Path | None) -> Callable[[Sequence[str]], EncodedImages]:
    """Gives the encoded images with certain names: out of the archive in data/raw, or the originals.

    Args:
        folder: data/raw.
        below: the folder of the originals; None where data/raw holds copies.

    Returns:
        A function of the names; it raises DataError for a name that is in the list alone.
    """
    source: Callable[[Sequence[str]], EncodedImages]
    if below is None:
        archived = archive.Archive(folder / archive.NAME)
        there, known, source = archive.NAME, archived.names, archived.images
    else:
        digests = originals.read(folder / originals.NAME)
        there, known = originals.NAME, digests.keys()
        source = partial(originals.OriginalImages, below, digests)

    def images(names: Sequence[str]) -> EncodedImages:
        for name in names:
            if name not in known:
                raise DataError(
                    f"{folder / listing.NAME} lists {name}, and {there} does not have it",
                    fix=f"fetch it again with `{FETCH_AGAIN}`",
                )
        return source(names)

    return images


def read(
    folder: Path,
    classes: tuple[str, ...],
    resizing: Resizing | None,
    scratch: Path,
    *,
    group: str | None = None,
    below: Path | None = None,
) -> dict[str, LabeledImages]:
    """Decode the images into memory-mapped arrays under `scratch`: one channel if no image has colour, else three.

    Args:
        folder: data/raw.
        classes: the class names.
        resizing: None leaves the images as they are.
        scratch: where the arrays go.
        group: the pattern that finds an image's group in its path; None for the groups of the table.
        below: the folder of the originals; None where data/raw holds copies.

    Raises:
        DataError: the images have more than one size and `resizing` is None, one cannot be decoded or is not what was
            fetched, or the pattern does not fit the paths.
    """
    images = listing.read(folder / listing.NAME)
    group_numbers = groups.numbers(images, group)
    if group_numbers is not None:
        groups.check(images, group_numbers, group)
    label_numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([label_numbers[image.label] for image in images], dtype=np.int64)
    splits = np.array([image.split for image in images])
    rows = {split: np.flatnonzero(splits == split) for split in dict.fromkeys(("train", *sorted(set(splits.tolist()))))}
    named = encoded(folder, below)
    sources = {split: named([images[row].file for row in of_split]) for split, of_split in rows.items()}
    arrays = decoding.decode(sources, scratch, resizing)
    return {
        split: LabeledImages(
            arrays[split],
            labels[of_split],
            None if group_numbers is None else group_numbers[of_split],
            sources[split].names,
        )
        for split, of_split in rows.items()
    }


def no_image_file(path: Path) -> PictureError | None:
    """What is wrong with a file that is none by its name or its kind; such is not opened."""
    if path.suffix.lower() not in SUFFIXES:
        known = " ".join(sorted(SUFFIXES))
        return PictureError(str(path), "is no image by its name", fix=f"name images only, whose names end in {known}")
    try:
        is_file = stored.is_file(path)
    except FileNotFoundError:
        return PictureError(
            str(path),
            "does not exist",
            fix="put the file there (paths in a table begin at its folder), or take it out",
        )
    except OSError as error:
        return PictureError(str(path), f"cannot be read: {error.strerror}", fix="make it readable, or remove it")
    # A pipe would be waited for without end.
    return None if is_file else PictureError(str(path), "is no file", fix="put an image there, or take it out")
