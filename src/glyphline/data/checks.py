"""Check images and labels before they are split, and report counts and duplicates."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from glyphline.data import near_duplicates, store
from glyphline.data.group_split import joined
from glyphline.data.near_duplicates import NearDuplicates
from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.data.split import SplitRows
from glyphline.errors import DataError
from glyphline.records import NearDuplicateCounts, PreprocessReport
from glyphline.values import LARGEST_SIDE, SMALLEST_SIDE, Images

log = logging.getLogger(__name__)

CHANNELS = (1, 3)
# Images with two labels that a message names, each with its copies.
SHOWN, SHOWN_CHARACTERS = 3, 400


def check(official: OfficialSplits, classes: tuple[str, ...]) -> None:
    """Refuse images and labels that no network can be trained on.

    Raises:
        DataError: fewer than two classes, an array of another type or shape, labels out of range, splits that differ
            in shape, or images that are all of one colour or have no pixel above 1.
    """
    if len(classes) < 2:
        raise DataError(f"the data set has one class, {classes[0]!r}", fix="give images of two or more classes")
    for name, labeled in official.items():
        _check_split(name, labeled, classes)
    shapes = {name: labeled.images.shape[1:] for name, labeled in official.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(f"train and test images differ in shape: {listed}", fix="set preprocess.image_size")

    if all(int(piece.max()) <= 1 for labeled in official.values() for piece in _pieces(labeled.images)):
        raise DataError(
            "no pixel of any image is above 1, where 255 is white: every image looks black",
            fix='multiply the pixels by 255 and save the images again: `(255 * x).astype("uint8")`',
        )


def report(
    dataset: str,
    classes: tuple[str, ...],
    splits: Mapping[str, SplitRows],
    near: NearDuplicates | None = None,
    split_of_row: Sequence[str] = (),
) -> PreprocessReport:
    """Count images and duplicates; equal images are equal in every pixel, whatever their labels.

    Args:
        dataset: name of the data set.
        classes: the class names.
        splits: the images of each split.
        near: pairs that are nearly equal; None where they were not looked for.
        split_of_row: the split of each row that `near` speaks of.
    """
    digests = {name: _row_digests(split) for name, split in splits.items()}
    contradictions = _contradictions(classes, splits, digests)
    distinct = {name: set(rows) for name, rows in digests.items()}
    height, width, channels = splits["train"].source.images.shape[1:]
    return PreprocessReport(
        dataset=dataset,
        image_shape=(height, width, channels),
        counts={name: len(split.rows) for name, split in splits.items()},
        classes=classes,
        duplicates_within={name: len(rows) - len(distinct[name]) for name, rows in digests.items()},
        duplicates_across={
            f"{first}-{second}": sum(digest in distinct[first] for digest in digests[second])
            for first, second in combinations(splits, 2)
        },
        pixel_range=_pixel_range(splits),
        near_duplicates=None if near is None else _near_counts(near, split_of_row),
        contradictions=contradictions,
    )


def _near_counts(near: NearDuplicates, split_of_row: Sequence[str]) -> NearDuplicateCounts:
    within, across = near_duplicates.counts(near.pairs, split_of_row)
    sizes = Counter(joined(len(split_of_row), near.pairs.tolist()).tolist())
    return NearDuplicateCounts(within=within, across=across, largest_group=max(sizes.values()), is_cut=near.is_cut)


def _contradictions(
    classes: tuple[str, ...], splits: Mapping[str, SplitRows], digests: Mapping[str, list[bytes]]
) -> int:
    """Count the images that are equal to one of another class, and name the first few of them."""
    labels_of: dict[bytes, int] = {}
    contradicted: dict[bytes, list[str]] = {}
    for name, split in splits.items():
        for digest, label in zip(digests[name], split.labels.tolist(), strict=True):
            if labels_of.setdefault(digest, label) != label:
                contradicted[digest] = []
    if not contradicted:
        return 0
    for name, split in splits.items():
        for digest, row, label in zip(digests[name], split.rows.tolist(), split.labels.tolist(), strict=True):
            if digest in contradicted:
                what = split.source.names[row] if split.source.names else f"image {row:,}"
                contradicted[digest].append(f"{what} of {name} is {classes[label]!r}")
    shown = "; ".join(", ".join(equal) for equal in list(contradicted.values())[:SHOWN])
    count = sum(map(len, contradicted.values()))
    log.warning("%d images are equal to one of another class: %s", count, shown[:SHOWN_CHARACTERS])
    return count


def _check_split(name: str, labeled: LabeledImages, classes: tuple[str, ...]) -> None:
    images, labels = labeled.images, labeled.labels
    if images.dtype != np.uint8 or images.ndim != 4 or labels.shape != (len(images),) or not len(labels):
        raise DataError(
            f"{name}: images {images.dtype} {images.shape} and labels {labels.shape} do not go together",
            fix="give uint8 images (n, h, w, c) and as many labels",
        )
    height, width, channels = images.shape[1:]
    if not (SMALLEST_SIDE <= height <= LARGEST_SIDE and SMALLEST_SIDE <= width <= LARGEST_SIDE):
        raise DataError(
            f"{name}: images are {height} x {width}; sides from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels are allowed",
            fix="set preprocess.image_size, for example [64, 64]",
        )
    if channels not in CHANNELS:
        raise DataError(f"{name}: images have {channels} channels", fix="give grey images (1) or RGB images (3)")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(classes):
        raise DataError(
            f"{name}: labels run from {low} to {high}, and there are {len(classes)} classes",
            fix="number the classes from 0 without gaps",
        )
    if _is_one_colour(images):
        raise DataError(
            f"{name}: every pixel of every image is {images[0].max()}", fix="look at the source of the images"
        )


def _is_one_colour(images: Images) -> bool:
    first = images[0, 0, 0, 0]
    # Ends at the first image with another colour, as a rule the very first one.
    return all(bool((image == first).all()) for image in images)


def _pieces(images: Images) -> Iterator[Images]:
    # The minimum of a memory-mapped array would otherwise hold all of it in memory.
    for rows in store.pieces(images, len(images)):
        yield images[rows]


def _row_digests(split: SplitRows) -> list[bytes]:
    return [hashlib.blake2b(split.source.images[row], digest_size=16).digest() for row in split.rows]


def _pixel_range(splits: Mapping[str, SplitRows]) -> tuple[int, int]:
    low, high = 255, 0
    for images in {id(split.source): split.source.images for split in splits.values()}.values():
        for piece in _pieces(images):
            low, high = min(low, int(piece.min())), max(high, int(piece.max()))
    return low, high
