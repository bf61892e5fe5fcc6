"""The list of the user's own images: file, split, label and group of each, as a layout gives it, kept in data/raw."""

import csv
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from glyphline import files
from glyphline.csv_text import csv_text
from glyphline.data.raw import FETCH_AGAIN
from glyphline.errors import DataError

NAME = "images.csv"
COLUMNS = ("file", "split", "label", "group")
SPLITS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""How folders and tables name a split, in small letters -> the split."""


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image, not yet opened.

    Attributes:
        file: its path below the folder of all images, with `/` between the parts.
        split: `train`, `val` or `test`.
        label: the name of its class.
        group: what it belongs to, as a person or a product; empty where no table says it.
    """

    file: str
    split: str
    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The images that a layout gives.

    Attributes:
        root: the folder that the files lie in.
        images: in no order.
        left_out: paths below `root` of files that are no images by their names.
    """

    root: Path
    images: list[ListedImage]
    left_out: list[str]


def is_plain(text: str) -> bool:
    r"""Whether a name is UTF-8 without line breaks and other control characters, which lists and terminals cannot hold.

    >>> [is_plain(name) for name in ("two words", "caf\udce9", "a\r", "\x1b[2J")]
    [True, False, False, False]
    """
    # Nearly all names are printable, which is known in a hundredth of the time.
    return text.isprintable() or not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def classes(images: Iterable[ListedImage]) -> tuple[str, ...]:
    """The names of the classes, in the order of their numbers."""
    return tuple(sorted({image.label for image in images}))


def check(root: Path, images: Iterable[ListedImage]) -> None:
    """Refuse images that cannot be divided into a training, a validation and a test split.

    Args:
        root: the folder of the images, for messages.
        images: all of them.

    Raises:
        DataError: there are fewer than two classes or no training images, a given split lacks a class, or a class has
            too few images to give one to each split that has to be drawn.
    """
    counts = Counter((image.split, image.label) for image in images)
    splits = dict.fromkeys(split for split, _ in counts)
    names = sorted({label for _, label in counts})
    if len(names) < 2:
        raise DataError(
            f"{root}: all images have one label, {names}",
            fix="give images of two or more classes; where a table has the labels, data.path must lead to the table",
        )
    if "train" not in splits:
        raise DataError(
            f"{root}: no image is of the train split, only of {' and '.join(splits)}",
            fix="name train for the images to learn from",
        )
    for split in splits:
        if odd := [name for name in names if not counts[split, name]]:
            raise DataError(
                f"{root}: the {split} split has no image of {_shown(odd)}",
                fix="give every split images of each class, or take the class out of all of them",
            )
    drawn = [split for split in ("val", "test") if split not in splits]
    needed = 1 + len(drawn)
    scarce = [f"{name} ({counts['train', name]})" for name in names if counts["train", name] < needed]
    if scarce:
        raise DataError(
            f"{root}: too few training images of {_shown(scarce)}: {' and '.join(drawn)} get at least one of each class"
            f" too, which takes {needed}",
            fix="add images of that class, or take the class out",
        )


def write(path: Path, images: Iterable[ListedImage]) -> None:
    """Write the list as a CSV file, in the order of split, label and file."""
    rows = sorted(images, key=lambda image: f"{image.split}/{image.label}/{image.file}")
    files.write_text(path, csv_text(COLUMNS, ((row.file, row.split, row.label, row.group) for row in rows)))


def read(path: Path) -> list[ListedImage]:
    """The list that `write` wrote, in its order.

    Raises:
        DataError: it is no such list.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            heading = next(rows, [])
            if tuple(heading) == COLUMNS:
                # A few labels name a million images: one string each.
                return [ListedImage(file, *map(sys.intern, rest)) for file, *rest in rows]
            problem = f"its columns are {', '.join(heading)}"
    except (OSError, ValueError, TypeError, csv.Error) as error:
        problem = str(error)
    raise DataError(f"{path} cannot be read: {problem}", fix=f"fetch it again with `{FETCH_AGAIN}`")


def _shown(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
