"""Photographs that show the same: cropped, brightened or encoded again, or taken a moment later.

Two pictures are near-duplicates when the grey values of one correlate with those of a crop of the other. The crops
keep 90, 95 or 100 % of each side. Coarse pictures are compared first, so that few pairs are looked at closely.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from glyphline import progress
from glyphline.data.raw import OfficialSplits
from glyphline.errors import DataError
from glyphline.values import Images

LEAST = 0.95
"""Correlation from which on two pictures are near-duplicates: of 200 planted in photographs 199 reach it."""
COARSE_LEAST = 0.6
"""Correlation of the coarse pictures below which a pair is not looked at: none of the 200 has less than 0.70."""
MIN_SIDE = 48
"""Pixels; smaller pictures of different things look alike."""
MAX_IMAGES = 100_000
"""The number of comparisons grows with the square of that of the images."""
MAX_PAIRS = 1_000_000
SIDE, FINE, COARSE = 32, 20, 6
"""Sides of the grey pictures that are kept, compared closely, and compared first."""
CROPS = ((1.0, 1), (0.95, 3), (0.9, 5))
"""Part of a side that is kept, and the number of places along it."""
ROWS, COLUMNS = 256, 2048
"""Pictures that are compared at once; bounds the memory to some 100 MB."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Pairs of rows that are near-duplicates, most alike first.

    Attributes:
        pairs: int64 (p, 2), the smaller row first.
        likeness: float32 (p,), correlations from 0.95 to 1.
        is_cut: there are more than a million pairs; the others are not listed.
    """

    pairs: npt.NDArray[np.int64]
    likeness: Floats
    is_cut: bool = False


def of_splits(official: OfficialSplits, policy: Literal["ignore", "report", "together"]) -> NearDuplicates | None:
    """The near-duplicates of a data set, whose rows are counted on from one official split to the next.

    Args:
        official: the official splits.
        policy: `ignore` looks for none; `together` needs all of them.

    Returns:
        None where they are not looked for: the policy says so, or the images are too small or too many.

    Raises:
        DataError: they are to be kept together and cannot be found, or there are too many.
    """
    parts = [labeled.images for labeled in official.values()]
    count, side = sum(map(len, parts)), min(parts[0].shape[1:3])
    if policy == "ignore":
        return None
    if side < MIN_SIDE or count > MAX_IMAGES:
        if policy == "together":
            raise DataError(
                f"preprocess.near_duplicates is together, and {count:,} images with a side of {side} pixels cannot be"
                f" compared: at most {MAX_IMAGES:,} with sides from {MIN_SIDE} pixels can",
                fix="set it to report, or set preprocess.group",
            )
        return None
    found = find(parts)
    if found.is_cut and policy == "together":
        raise DataError(
            f"preprocess.near_duplicates is together, and more than {MAX_PAIRS:,} pairs of {count:,} images are"
            " near-duplicates",
            fix="set it to report, and set preprocess.group to what the pictures have in common, as a person",
        )
    return found


def find(parts: Sequence[Images]) -> NearDuplicates:
    """Compare every picture with every other.

    Args:
        parts: uint8 (n, h, w, c) each; rows are counted on from one to the next.
    """
    grey = np.concatenate([_grey(images) for images in parts])
    coarse = np.concatenate([_seen(grey[rows], COARSE) for rows in _pieces(len(grey))])
    fine = np.concatenate([_seen(grey[rows], FINE) for rows in _pieces(len(grey))])
    found: dict[tuple[int, int], float] = {}
    with progress.bar("comparing pictures", len(grey), "images") as advance:
        for rows in _pieces(len(grey)):
            crops = _crops(grey[rows])
            for first in range(0, len(grey), COLUMNS):
                columns = slice(first, min(first + COLUMNS, len(grey)))
                for row, column, likeness in _alike(coarse, fine, crops, rows, columns):
                    pair = (min(row, column), max(row, column))
                    found[pair] = max(found.get(pair, 0.0), likeness)
            if len(found) > MAX_PAIRS:
                break
            for _ in range(rows.stop - rows.start):
                advance()
    listed = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MAX_PAIRS]
    return NearDuplicates(
        pairs=np.array([pair for pair, _ in listed], dtype=np.int64).reshape(-1, 2),
        likeness=np.array([likeness for _, likeness in listed], dtype=np.float32),
        is_cut=len(found) > MAX_PAIRS,
    )


def counts(pairs: npt.NDArray[np.int64], split_of_row: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Pairs within each split, and across each two of them as `train-val`, in the order train, val, test.

    Args:
        pairs: int64 (p, 2), rows.
        split_of_row: the split of every row.
    """
    order = ("train", "val", "test")
    found = Counter(
        tuple(sorted((split_of_row[first], split_of_row[second]), key=order.index)) for first, second in pairs.tolist()
    )
    return (
        {name: found[name, name] for name in order},
        {f"{first}-{second}": found[first, second] for first, second in combinations(order, 2)},
    )


def _alike(
    coarse: Floats, fine: Floats, crops: Floats, rows: slice, columns: slice
) -> Iterator[tuple[int, int, float]]:
    """Rows, columns and correlations of the pairs of two pieces that are near-duplicates."""
    near = coarse[rows] @ coarse[columns].T >= COARSE_LEAST
    near[np.arange(rows.start, rows.stop)[:, None] == np.arange(columns.start, columns.stop)[None]] = False
    some_rows, some_columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not len(some_rows):
        return
    chosen = crops[some_rows].reshape(-1, FINE * FINE)
    correlations = chosen @ fine[columns][some_columns].T
    best = correlations.reshape(len(some_rows), -1, len(some_columns)).max(axis=1)
    best[~near[np.ix_(some_rows, some_columns)]] = 0
    for row, column in np.argwhere(best >= LEAST).tolist():
        yield (
            rows.start + int(some_rows[row]),
            columns.start + int(some_columns[column]),
            min(float(best[row, column]), 1.0),
        )


def _grey(images: Images) -> npt.NDArray[np.uint8]:
    """uint8 (n, 32, 32): means of the pixels, with the weights of ITU-R BT.601 for the colours."""
    height, width, channels = images.shape[1:]
    down, across = _means(height, SIDE, 0.0, 1.0), _means(width, SIDE, 0.0, 1.0)
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32) if channels == 3 else np.ones(1, dtype=np.float32)
    grey = np.empty((len(images), SIDE, SIDE), dtype=np.uint8)
    for row, image in enumerate(images):
        grey[row] = np.rint(down @ (image @ weights) @ across.T).clip(0, 255)
    return grey


def _crops(grey: npt.NDArray[np.uint8]) -> Floats:
    """float32 (n, crops, 400): the whole picture and its crops, as `_seen` gives them."""
    starts = {part: np.linspace(0, 1 - part, count).tolist() for part, count in CROPS}
    return np.stack(
        [
            _seen(grey, FINE, part=part, top=top, left=left)
            for part, along in starts.items()
            for top in along
            for left in along
        ],
        axis=1,
    )


def _seen(grey: npt.NDArray[np.uint8], cells: int, *, part: float = 1.0, top: float = 0.0, left: float = 0.0) -> Floats:
    """A crop of each picture in cells x cells means, float32 (n, cells * cells) of mean 0 and length 1.

    A picture of one grey is all 0 and like no other.
    """
    down, across = _means(SIDE, cells, top, part), _means(SIDE, cells, left, part)
    flat = (down @ grey.astype(np.float32) @ across.T).reshape(len(grey), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(lengths > 1, flat / np.maximum(lengths, 1), 0).astype(np.float32)


def _means(size: int, cells: int, start: float, part: float) -> Floats:
    """float32 (cells, size): means over equal cells of a part of a side, pixels that a cell cuts in their share."""
    edges = (start + part * np.arange(cells + 1) / cells) * size
    pixels = np.arange(size)
    shares = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares = shares.clip(0, None)
    means: Floats = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    return means


def _pieces(count: int) -> Iterator[slice]:
    for start in range(0, count, ROWS):
        yield slice(start, min(start + ROWS, count))
