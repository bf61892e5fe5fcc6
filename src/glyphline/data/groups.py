"""What images belong together, as all of one person: from the table, or from a pattern in the paths of the files."""

import logging
import re
from collections.abc import Sequence

import numpy as np

from glyphline.data.listing import ListedImage
from glyphline.errors import DataError
from glyphline.values import Labels

log = logging.getLogger(__name__)

SHOWN = 3


def numbers(images: Sequence[ListedImage], pattern: str | None) -> Labels | None:
    """The group of each image, int64 (n,), equal for images that belong together; None where none is known.

    Args:
        images: all images of the data set; a group may have images in several splits.
        pattern: a regular expression with one group, searched in each path; None for the groups of the table.

    Raises:
        DataError: some images are of no group, or all are of one.
    """
    source = _source(pattern)
    names = [image.group for image in images] if pattern is None else _found(images, pattern)
    missing = [image.file for image, name in zip(images, names, strict=True) if not name]
    if pattern is None and len(missing) == len(images):
        return None
    if missing:
        raise DataError(
            f"{source} finds no group for {len(missing):,} of {len(images):,} images: {', '.join(missing[:SHOWN])}",
            fix=f"{_fix(pattern)}, so that each image has a group",
        )
    places: dict[str, int] = {}
    group_numbers = np.array([places.setdefault(name, len(places)) for name in names], dtype=np.int64)
    if len(places) == 1:
        raise DataError(f"{source} finds one group for all {len(images):,} images, {names[0]!r}", fix=_fix(pattern))
    log.info("%d groups of images by %s, the largest of %d", len(places), source, np.bincount(group_numbers).max())
    return group_numbers


def check(images: Sequence[ListedImage], group_numbers: Labels, pattern: str | None) -> None:
    """Refuse groups with which a class cannot be in each split that has to be drawn.

    Args:
        images: all images of the data set.
        group_numbers: int64 (n,), of the images.
        pattern: where they are from; None for the table.

    Raises:
        DataError: a class has images in too few groups.
    """
    drawn = {"val", "test"} - {image.split for image in images}
    found: dict[str, set[int]] = {}
    for image, number in zip(images, group_numbers.tolist(), strict=True):
        if image.split == "train":
            found.setdefault(image.label, set()).add(number)
    for label, of_class in sorted(found.items()):
        if len(of_class) <= len(drawn):
            raise DataError(
                f"{_source(pattern)} finds {len(of_class)} groups for the training images of class {label!r},"
                f" and no group may be in two of the {1 + len(drawn)} splits",
                fix=f"{_fix(pattern)}: smaller groups, or none; or add images of other groups",
            )


def _source(pattern: str | None) -> str:
    return "the table" if pattern is None else f"preprocess.group {pattern!r}"


def _fix(pattern: str | None) -> str:
    if pattern is not None:
        return "correct preprocess.group, or set it to null"
    return "correct the column of the groups, take it out of the table, or name another one in data.columns.group"


def _found(images: Sequence[ListedImage], pattern: str) -> list[str]:
    matches = [re.search(pattern, image.file) for image in images]
    # A group that took no part in the match is None.
    return [(match[1] or "") if match else "" for match in matches]
