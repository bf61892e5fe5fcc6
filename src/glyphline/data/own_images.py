"""The user's own images, copied into data/raw as one file."""

import shutil
from pathlib import Path

from glyphline import files
from glyphline.data import folders, npz
from glyphline.errors import DataError
from glyphline.records import RawFile, RawManifest
from glyphline.scratch import scratch_folder


def fetch(dataset: str, path: Path, folder: Path, *, scratch: Path) -> RawManifest:
    """Copy an .npz file, or a folder of class folders as one zip, into `folder`.

    Args:
        dataset: the name of the data set.
        path: what `data.path` points to.
        folder: where to put it.
        scratch: parent of the folders that are needed for a moment.

    Raises:
        DataError: the path does not exist, it is neither of the two, or something in it is no image.
    """
    if path.is_dir():
        reader, name = "folder", folders.NAME
        counts, classes = folders.write_zip(path, folder / name)
    elif path.is_file() and path.suffix == ".npz":
        reader, name = "npz", npz.NAME
        with scratch_folder(scratch, "unpacked") as unpacked:
            official = npz.read(path, unpacked)
            classes = npz.classes(official)
            counts = {split: len(labeled.labels) for split, labeled in official.items()}
        with files.atomic_file(folder / name) as partial:
            shutil.copyfile(path, partial)
    else:
        what = "is neither a folder nor an .npz file" if path.exists() else "does not exist"
        raise DataError(f"data.path: {path} {what}", fix="give a folder with one folder per class, or an .npz file")
    copied = folder / name
    # The name alone: a path would make data/raw, and what is derived from it, differ between machines.
    file = RawFile(source=f"own images: {path.name}", sha256=files.sha256(copied), size_bytes=copied.stat().st_size)
    return RawManifest(
        dataset=dataset,
        licence="not stated",
        citation="not stated",
        reader=reader,
        files={name: file},
        counts=counts,
        classes=classes,
    )
