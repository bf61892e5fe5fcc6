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
        DataError: the pattern does not match all paths, or all images are of one group.
    """
    names = [image.group for image in images] if pattern is None else _matched(images, pattern)
    if not any(names):
        return None
    places: dict[str, int] = {}
    found = np.array([places.setdefault(name, len(places)) for name in names], dtype=np.int64)
    source = "the table" if pattern is None else "preprocess.group"
    if len(places) == 1:
        raise DataError(
            f"all {len(images):,} images are of one group, {names[0]!r}, by {source}",
            fix="correct preprocess.group, or the column that data.columns.group names",
        )
    log.info("%d groups of images by %s, the largest of %d", len(places), source, np.bincount(found).max())
    return found


def _matched(images: Sequence[ListedImage], pattern: str) -> list[str]:
    compiled = re.compile(pattern)
    matches = [compiled.search(image.file) for image in images]
    names = [match[1] or "" if match else "" for match in matches]
    if unmatched := [image.file for image, name in zip(images, names, strict=True) if not name]:
        raise DataError(
            f"preprocess.group: {pattern!r} finds no group in {len(unmatched):,} of {len(images):,} paths:"
            f" {', '.join(unmatched[:SHOWN])}",
            fix="correct preprocess.group: it must find a group in every path that data/raw/images.csv holds",
        )
    return names
