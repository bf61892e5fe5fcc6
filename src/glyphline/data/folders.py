"""The user's own images as folders, one per class, with or without `train` and `test` above them.

Fetch writes the encoded files unchanged into one zip, always as `<split>/<class>/<file>`: DVC is slow with tens of
thousands of small files. Sorted names and fixed dates make equal folders equal archives.
"""

import logging
import zipfile
from collections import Counter
from collections.abc import Collection
from pathlib import Path, PurePosixPath

import numpy as np

from glyphline import files, progress
from glyphline.data import decoding
from glyphline.data.raw import LabeledImages
from glyphline.errors import DataError
from glyphline.pictures import SUFFIXES, Resizing

log = logging.getLogger(__name__)

NAME = "images.zip"
_LAYOUT = "put the images in one folder per class, those folders in data.path or in `train` and `test` under it"


def write_zip(root: Path, target: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    """Write a folder of class folders as the zip `target`; every image is decoded once, to be sure that it can be.

    Returns:
        Images per split, and the class names in the order of the labels.

    Raises:
        DataError: as `members` does, or a file is no image.
    """
    paths = image_files(root)
    _warn_of_other_files(set(paths.values()))
    in_order = [path for _, path in sorted(paths.items())]
    if error := next(decoding.unreadable(in_order, f"checking {root.name}"), None):
        raise error
    with (
        files.atomic_file(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
        progress.bar(f"packing {root.name}", len(paths), "images") as advance,
    ):
        for name, path in sorted(paths.items()):
            _add(archive, name, path)
            advance()
    parts = [PurePosixPath(name).parts for name in paths]
    return dict(Counter(split for split, _, _ in parts)), tuple(sorted({label for _, label, _ in parts}))


def image_files(root: Path) -> dict[str, Path]:
    """`<split>/<class>/<file>` -> the path of the image, for each image of a folder of class folders.

    Raises:
        DataError: there are no class folders, one is empty, train and test have other classes, or a name is no text.
    """
    splits = {name: _classes(folder) for name, folder in _splits(root).items()}
    classes = splits["train"].keys()
    for name, folders in splits.items():
        if folders.keys() != classes:
            odd = ", ".join(sorted(folders.keys() ^ classes))
            raise DataError(f"{root}: train and {name} do not have the same classes: {odd}", fix=_LAYOUT)
    paths_by_name = {
        f"{split}/{label}/{path.name}": path
        for split, folders in splits.items()
        for label, paths in folders.items()
        for path in paths
    }
    for path in paths_by_name.values():
        _check_name(path)
    return paths_by_name


def read(path: Path, classes: tuple[str, ...], resizing: Resizing | None, scratch: Path) -> dict[str, LabeledImages]:
    """Decode the zip into memory-mapped arrays under `scratch`: one channel if no image has colour, else three.

    Raises:
        DataError: the images have more than one size and `resizing` is None, or one cannot be decoded.
    """
    splits = members(path)
    images = decoding.decode(path, splits, scratch, resizing)
    number = {name: label for label, name in enumerate(classes)}
    return {
        split: LabeledImages(
            images[split],
            np.array([number[member.filename.split("/")[1]] for member in of_split], dtype=np.int64),
        )
        for split, of_split in splits.items()
    }


def members(path: Path) -> dict[str, list[zipfile.ZipInfo]]:
    """Split -> its members of the zip, in the order of the rows of its array."""
    splits: dict[str, list[zipfile.ZipInfo]] = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            splits.setdefault(member.filename.split("/")[0], []).append(member)
    return {split: splits[split] for split in sorted(splits, reverse=True)}


def _splits(root: Path) -> dict[str, Path]:
    train = root / "train"
    # A folder `train` with images in it is a class: the classes may be train and bus.
    if not train.is_dir() or not any(child.is_dir() for child in _visible(train)):
        return {"train": root}
    odd = [child.name for child in _visible(root) if child.is_dir() and child.name not in {"train", "test"}]
    if odd:
        raise DataError(f"{root} holds {', '.join(odd)} beside train; only test may be there", fix=_LAYOUT)
    return {name: root / name for name in ("train", "test") if (root / name).is_dir()}


def _classes(folder: Path) -> dict[str, list[Path]]:
    images = {child.name: _images(child) for child in _visible(folder) if child.is_dir()}
    if not images:
        raise DataError(f"{folder} holds no class folders", fix=_LAYOUT)
    for label, paths in images.items():
        if not paths:
            known = " ".join(sorted(SUFFIXES))
            raise DataError(f"{folder / label} holds no images", fix=f"put images there ({known}) or remove it")
    return images


def _images(folder: Path) -> list[Path]:
    return [child for child in _visible(folder) if child.is_file() and child.suffix.lower() in SUFFIXES]


def _warn_of_other_files(images: Collection[Path]) -> None:
    for folder in dict.fromkeys(image.parent for image in images):
        if left_out := [child.name for child in _visible(folder) if child not in images]:
            log.warning("%s: left out %d that are no images, the first of them %s", folder, len(left_out), left_out[0])


def _check_name(path: Path) -> None:
    """Refuse a name that is no text: Linux allows any bytes, archives and records do not."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DataError(
            f"{str(path)!r}: the name is not UTF-8", fix="rename it, or all at once with `convmv -r -f latin1 -t utf8`"
        ) from None


def _visible(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    # Both differ between operating systems, and equal folders must make equal archives.
    info.create_system, info.external_attr = 3, 0o644 << 16
    archive.writestr(info, path.read_bytes())
