"""A person's own images, copied into data/raw as one file."""

import shutil
import tempfile
from pathlib import Path

from glyphline import files
from glyphline.data import folders, npz
from glyphline.errors import DataError
from glyphline.records import RawFile, RawManifest


def fetch(dataset: str, path: Path, folder: Path) -> RawManifest:
    """Copy an .npz file, or pack a folder of class folders, into `folder`.

    Args:
        dataset: the name that the images go by.
        path: what `data.path` points to.
        folder: where to put it.

    Raises:
        DataError: there is nothing there, it is neither of the two, or something in it is no image.
    """
    if path.is_dir():
        reader, name = "folder", folders.NAME
        counts, classes = folders.pack(path, folder / name)
    elif path.is_file() and path.suffix == ".npz":
        reader, name = "npz", npz.NAME
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacked-") as scratch:
            parts = npz.read(path, Path(scratch))
            classes = npz.classes(parts)
            counts = {split: len(part.labels) for split, part in parts.items()}
        with files.whole(folder / name) as partial:
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
