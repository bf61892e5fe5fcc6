"""Read the files of data/raw into arrays, whatever their format."""

from pathlib import Path

from glyphline.data import bundled, folders, idx, npz, originals
from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.data.resizing import resized
from glyphline.errors import DataError
from glyphline.pictures import Resizing
from glyphline.records import RawManifest


def read(
    folder: Path,
    manifest: RawManifest,
    *,
    resizing: Resizing | None,
    scratch: Path,
    group: str | None = None,
    below: Path | None = None,
) -> OfficialSplits:
    """The official splits of a data set.

    Args:
        folder: data/raw, verified.
        manifest: of that folder.
        resizing: None leaves the images as they are.
        scratch: a folder for arrays that need not fit in memory; must outlive what is returned.
        group: the pattern that finds an image's group in its path.
        below: the folder of the originals; None where data/raw holds copies.

    Raises:
        DataError: the files do not hold what their format promises, an original is not what was fetched, or there are
            no paths to find groups in.
    """
    if group is not None and manifest.reader != "folder":
        raise DataError(
            f"preprocess.group is {group!r}, and the images of {manifest.dataset} are no files with paths",
            fix="set preprocess.group to null",
        )
    official: OfficialSplits
    match manifest.reader:
        case "folder":
            return folders.read(folder, manifest.classes, resizing, scratch, group=group, below=below)
        case "bundled":
            official = bundled.read(folder)
        case "idx":
            official = idx.read(folder)
        case _:
            path = folder / npz.NAME if below is None else originals.only_file(folder, below)
            official = npz.indexed(npz.read(path, scratch), manifest.classes)
    if resizing is None:
        return official
    return {
        name: LabeledImages(resized(labeled.images, resizing, scratch / f"{name}-resized.npy"), labeled.labels)
        for name, labeled in official.items()
    }
