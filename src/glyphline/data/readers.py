"""Read the files of data/raw into arrays, whatever their format."""

from pathlib import Path

from glyphline.data import bundled, folders, idx, npz, pictures
from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.records import RawManifest


def read(folder: Path, manifest: RawManifest, *, size: tuple[int, int] | None, scratch: Path) -> OfficialSplits:
    """The official splits of a data set.

    Args:
        folder: data/raw, verified.
        manifest: of that folder.
        size: height and width to resize to; None leaves the images as they are.
        scratch: a folder for arrays that need not fit in memory; must outlive what is returned.

    Raises:
        DataError: the files do not hold what their format promises.
    """
    official: OfficialSplits
    match manifest.reader:
        case "folder":
            return folders.read(folder / folders.NAME, manifest.classes, size, scratch)
        case "bundled":
            official = bundled.read(folder)
        case "idx":
            official = idx.read(folder)
        case _:
            official = npz.indexed(npz.read(folder / npz.NAME, scratch), manifest.classes)
    if size is None:
        return official
    return {
        name: LabeledImages(pictures.resized(labeled.images, size, scratch / f"{name}-resized.npy"), labeled.labels)
        for name, labeled in official.items()
    }
