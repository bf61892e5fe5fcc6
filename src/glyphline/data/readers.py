"""Read the files of data/raw into arrays, whatever their format."""

from pathlib import Path

from glyphline.data import bundled, folders, idx, npz
from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.data.resizing import resized
from glyphline.pictures import Resizing
from glyphline.records import RawManifest


def read(folder: Path, manifest: RawManifest, *, resizing: Resizing | None, scratch: Path) -> OfficialSplits:
    """The official splits of a data set.

    Args:
        folder: data/raw, verified.
        manifest: of that folder.
        resizing: None leaves the images as they are.
        scratch: a folder for arrays that need not fit in memory; must outlive what is returned.

    Raises:
        DataError: the files do not hold what their format promises.
    """
    official: OfficialSplits
    match manifest.reader:
        case "folder":
            return folders.read(folder / folders.NAME, manifest.classes, resizing, scratch)
        case "bundled":
            official = bundled.read(folder)
        case "idx":
            official = idx.read(folder)
        case _:
            official = npz.indexed(npz.read(folder / npz.NAME, scratch), manifest.classes)
    if resizing is None:
        return official
    return {
        name: LabeledImages(resized(labeled.images, resizing, scratch / f"{name}-resized.npy"), labeled.labels)
        for name, labeled in official.items()
    }
