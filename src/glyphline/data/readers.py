"""From the files under data/raw to arrays, whatever their format."""

from pathlib import Path

from glyphline.data import bundled, folders, idx, npz, pictures
from glyphline.data.part import Part, Parts
from glyphline.records import RawManifest


def read(folder: Path, manifest: RawManifest, *, size: tuple[int, int] | None, scratch: Path) -> Parts:
    """The official parts of a data set.

    Args:
        folder: data/raw, verified.
        manifest: of that folder.
        size: height and width to resize to; None leaves the images as they are.
        scratch: a folder for arrays that need not fit in memory; must outlive what is returned.

    Raises:
        DataError: the files do not hold what their format promises.
    """
    match manifest.reader:
        case "folder":
            return folders.read(folder / folders.NAME, manifest.classes, size, scratch)
        case "bundled":
            parts = bundled.read(folder)
        case "idx":
            parts = idx.read(folder)
        case _:
            parts = npz.read(folder / npz.NAME, scratch)
    if size is None:
        return parts
    return {
        name: Part(pictures.resized(part.images, size, scratch / f"{name}-resized.npy"), part.labels)
        for name, part in parts.items()
    }
