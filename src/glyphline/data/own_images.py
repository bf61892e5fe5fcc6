"""The user's own images, brought into data/raw or only listed there: a folder, a table or an .npz file."""

import logging
import shutil
from collections import Counter
from pathlib import Path

from glyphline import files
from glyphline.data import archive, bad_files, class_folders, folders, labels, listing, npz, originals, table
from glyphline.data.listing import ListedImage, Listing
from glyphline.errors import DataError
from glyphline.params.schema import DataParams
from glyphline.pictures import heic
from glyphline.records import RawFile, RawManifest
from glyphline.scratch import scratch_folder

log = logging.getLogger(__name__)


def fetch(data: DataParams, path: Path, folder: Path, *, scratch: Path) -> RawManifest:
    """Copy an .npz file, or the images that a folder or a table lists as one zip, into `folder`.

    Where the section says `copy: false`, only the digests of the files are written.

    Args:
        data: the section of params.yaml.
        path: what `data.path` points to.
        folder: where to put it.
        scratch: parent of the folders that are needed for a moment.

    Raises:
        DataError: the path does not exist or is none of these, its labels are no classes, or a file in it is no image
            and is not to be skipped.
    """
    if path.is_file() and path.suffix.lower() == ".npz":
        return _arrays(data, path, folder, scratch)
    given = listed(path, data)
    listing.check(given.root, given.images)
    for suffix in heic.SUFFIXES & {Path(image.file).suffix.lower() for image in given.images}:
        # What is not installed makes no bad files: the outs would depend on it.
        heic.formats(suffix)
    if given.left_out:
        log.warning(
            "%s: left out %d files that are no images by their names, the first of them %s",
            *(given.root, len(given.left_out), min(given.left_out)),
        )
    bad = bad_files.BadFiles(given.root, len(given.images), policy=data.bad_files, max_share=data.max_bad_share)
    digests = folders.check(given, bad)
    images = [image for image in given.images if image.file in digests]
    if bad.reasons:
        listing.check(given.root, images)
    if data.copy:
        content = archive.NAME
        archive.write(given.root, digests, folder / content)
    else:
        content = originals.NAME
        originals.write(folder / content, digests)
    listing.write(folder / listing.NAME, images)
    bad.write(folder / bad_files.NAME)
    counts = Counter(image.split for image in images)
    return RawManifest(
        dataset=data.dataset,
        licence="not stated",
        citation="not stated",
        reader="folder",
        files=_raw_files(path, folder, content, listing.NAME, bad_files.NAME),
        counts={split: counts[split] for split in ("train", "val", "test") if split in counts},
        classes=listing.classes(images),
        bad_files=len(bad.reasons),
        originals=None if data.copy else data.path,
    )


def listed(path: Path, data: DataParams) -> Listing:
    """The images that a folder or a table gives, with the names of their classes; none is opened.

    Args:
        path: what `data.path` points to.
        data: how the columns are called, and whether labels are joined.

    Raises:
        DataError: as `fetch` does, but for files that are no images.
    """
    if path.is_dir():
        given = _in_folder(path, data)
    elif path.is_file() and path.suffix.lower() in table.SUFFIXES:
        given = table.listed(path, data.columns, root=path.parent)
    else:
        what = f"is neither a folder nor a file in {', '.join(table.SUFFIXES)} or .npz"
        raise DataError(
            f"data.path: {path} {what if path.exists() else 'does not exist'}",
            fix="give a folder with one folder per class, a table of image files and labels, or an .npz file",
        )
    names = labels.class_names(
        Counter(image.label for image in given.images), where=str(path), normalise=data.normalise_labels
    )
    if all(label == name for label, name in names.items()):
        return given
    images = [ListedImage(image.file, image.split, names[image.label], image.group) for image in given.images]
    return Listing(given.root, images, given.left_out)


def _in_folder(root: Path, data: DataParams) -> Listing:
    tables = table.metadata_of(root)
    if not tables:
        return class_folders.listed(root)
    parts = [table.listed(path, data.columns, root=root, split=split) for path, split in tables.items()]
    return Listing(root, [image for part in parts for image in part.images], [])


def _arrays(data: DataParams, path: Path, folder: Path, scratch: Path) -> RawManifest:
    with scratch_folder(scratch, "unpacked") as unpacked:
        arrays = npz.read(path, unpacked)
        classes = npz.classes(arrays, where=str(path), normalise=data.normalise_labels)
        counts = {split: len(part.labels) for split, part in arrays.items()}
    if data.copy:
        content = npz.NAME
        with files.atomic_file(folder / content) as partial:
            shutil.copyfile(path, partial)
    else:
        content = originals.NAME
        originals.write(folder / content, {path.name: files.sha256(path)})
    return RawManifest(
        dataset=data.dataset,
        licence="not stated",
        citation="not stated",
        reader="npz",
        files=_raw_files(path, folder, content),
        counts=counts,
        classes=classes,
        originals=None if data.copy else data.path,
    )


def _raw_files(path: Path, folder: Path, *names: str) -> dict[str, RawFile]:
    # The name alone: a path would make data/raw, and what is derived from it, differ between machines.
    return {
        name: RawFile(
            source=f"own images: {path.name}",
            sha256=files.sha256(folder / name),
            size_bytes=(folder / name).stat().st_size,
        )
        for name in names
    }
