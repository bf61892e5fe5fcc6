"""Folders of images, one per class, with or without `train`, `val` and `test` above them.

The images of a class may lie in folders below its own, as in torchvision's ImageFolder.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from glyphline.data.listing import SPLITS, ListedImage, Listing, is_plain
from glyphline.errors import DataError
from glyphline.pictures import SUFFIXES

_LAYOUT = (
    "put the images in one folder per class, those folders in data.path or in `train`, `val` and `test` under it "
    "(`val` and `test` may be missing); or let data.path lead to a table of images and labels"
)


def listed(root: Path) -> Listing:
    """List the images of a folder of class folders; none is opened. Hidden files and folders are left out.

    Raises:
        DataError: there are no class folders, one is empty, a folder cannot be read or is reached twice, a name is no
            text, or what lies beside `train` is no split.
    """
    listing = Listing(root, [], [])
    folders: dict[tuple[int, int], str] = {}
    for split, folder in _splits(root).items():
        class_folders = [entry for entry in visible(folder) if is_folder(entry)]
        if not class_folders:
            raise DataError(f"{folder} holds no class folders", fix=_LAYOUT)
        listing.left_out.extend(_below(root, entry.path) for entry in visible(folder) if not is_folder(entry))
        for entry in class_folders:
            _add_class(listing, split, entry, folders)
    return listing


def visible(folder: str | Path) -> list[os.DirEntry[str]]:
    """What lies in a folder and is not hidden, by name.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read: {error.strerror}", fix="give yourself permission to read it, or take it out"
        ) from None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself, or to a place that cannot be entered.
        return False


def _splits(root: Path) -> dict[str, str]:
    """Split -> its folder; a folder `train` with images in it and no folders is a class: they may be train and bus."""
    folders = [entry for entry in visible(root) if is_folder(entry)]
    splits: dict[str, list[os.DirEntry[str]]] = {}
    for entry in folders:
        split = SPLITS.get(entry.name.casefold())
        if split and any(is_folder(child) for child in visible(entry.path)):
            splits.setdefault(split, []).append(entry)
    if not splits:
        return {"train": str(root)}
    names = ", ".join(entry.name for entries in splits.values() for entry in entries)
    if "train" not in splits:
        raise DataError(f"{root} holds {names} with class folders, and no train", fix=_LAYOUT)
    for split, entries in splits.items():
        if len(entries) > 1:
            raise DataError(
                f"{root} holds {names}: {len(entries)} folders for the {split} split",
                fix="join them in one folder, or take one out",
            )
    of_splits = {entry.name for entries in splits.values() for entry in entries}
    if odd := [entry.name for entry in folders if entry.name not in of_splits]:
        raise DataError(f"{root} holds {', '.join(odd)} beside train; only val and test may be there", fix=_LAYOUT)
    return {split: splits[split][0].path for split in ("train", "val", "test") if split in splits}


def _add_class(listing: Listing, split: str, entry: os.DirEntry[str], folders: dict[tuple[int, int], str]) -> None:
    before = len(listing.images)
    for path in _files(entry.path, folders):
        _check_name(path)
        file = _below(listing.root, path)
        if path[path.rfind(".") :].lower() in SUFFIXES:
            listing.images.append(ListedImage(file, split, entry.name))
        else:
            listing.left_out.append(file)
    if len(listing.images) == before:
        known = " ".join(sorted(SUFFIXES))
        raise DataError(f"{entry.path} holds no images", fix=f"put images there ({known}) or remove it")


def _files(folder: str, folders: dict[tuple[int, int], str]) -> Iterator[str]:
    """The files in a folder and in all folders below it; `folders` grows by these, by device and inode."""
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        entries = visible(folder)
        status = Path(folder).stat()
        first = folders.setdefault((status.st_dev, status.st_ino), folder)
        if first != folder:
            raise DataError(
                f"{folder} is {first} once more, by a link: its images would be there twice, or without end",
                fix="remove the link",
            )
        for entry in entries:
            if is_folder(entry):
                waiting.append(entry.path)
            else:
                yield entry.path


def _below(root: Path, path: str) -> str:
    # os.path.relpath takes longer than all else that is done for a file.
    return path.removeprefix(str(root)).lstrip("/")


def _check_name(path: str) -> None:
    """Refuse a name that is no text: Linux allows any bytes, archives and records do not."""
    if not is_plain(path):
        raise DataError(
            f"{path!r}: the name is not UTF-8, or it holds a line break",
            fix="rename it, or all at once with `convmv -r -f latin1 -t utf8`",
        )
