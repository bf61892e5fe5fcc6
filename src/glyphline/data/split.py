"""Divide images into splits: stratified, seeded, with exact counts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.errors import DataError
from glyphline.values import Labels

Rows = npt.NDArray[np.int64]

# One stream of random numbers each: the draw of a test split must not change that of the validation split.
_TEST, _VAL = 0, 1


@dataclass(frozen=True, slots=True)
class SplitRows:
    """The rows of some images that make up one split, in ascending order."""

    source: LabeledImages
    rows: Rows

    @property
    def labels(self) -> Labels:
        """int64 (n,)."""
        return self.source.labels[self.rows]


def divide(
    official: OfficialSplits, classes: tuple[str, ...], *, val_fraction: float, test_fraction: float, seed: int
) -> Mapping[str, SplitRows]:
    """Divide a data set into `train`, `val` and `test`.

    An official validation or test split stays as it is. Without one, `test_fraction` of the training images become the
    test split, and `val_fraction` of what then remains the validation split.

    Raises:
        DataError: a class has too few images to have one in each split.
    """
    source = official["train"]
    rest: Rows = np.arange(len(source.labels), dtype=np.int64)
    drawn: dict[str, SplitRows] = {}
    for name, fraction, stream in (("test", test_fraction, _TEST), ("val", val_fraction, _VAL)):
        if name in official:
            drawn[name] = _whole(name, official[name], classes)
        else:
            seed_of_split = np.random.SeedSequence(seed, spawn_key=(stream,))
            kept, held_out = stratified(source.labels[rest], classes, fraction, seed_of_split)
            rest, drawn[name] = rest[kept], SplitRows(source, rest[held_out])
    return {"train": SplitRows(source, rest), "val": drawn["val"], "test": drawn["test"]}


def _whole(name: str, given: LabeledImages, classes: tuple[str, ...]) -> SplitRows:
    missing = np.flatnonzero(np.bincount(given.labels, minlength=len(classes)) == 0)
    if len(missing):
        raise _too_few(classes[missing[0]], 0, f"the {name} split")
    return SplitRows(given, np.arange(len(given.labels), dtype=np.int64))


def stratified(
    labels: Labels, classes: tuple[str, ...], fraction: float, seed: np.random.SeedSequence
) -> tuple[Rows, Rows]:
    """Divide rows in two so that both sides have the classes in the same proportion.

    Args:
        labels: int64 (n,), index into `classes`.
        classes: the class names.
        fraction: part of the rows to hold out; `round(fraction * n)` of them are, as far as each class can have one
            row on either side.
        seed: the same seed and labels give the same rows.

    Returns:
        Rows kept and rows held out, both ascending.

    Raises:
        DataError: a class has fewer than two rows.
    """
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        scarce = int(counts.argmin())
        raise _too_few(classes[scarce], int(counts[scarce]), "both sides of a split")
    shares = _shares(counts, fraction)
    generator = np.random.default_rng(seed)
    held_out = [generator.permutation(np.flatnonzero(labels == label))[:share] for label, share in enumerate(shares)]
    mask = np.zeros(len(labels), dtype=bool)
    mask[np.concatenate(held_out)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _shares(counts: npt.NDArray[np.intp], fraction: float) -> npt.NDArray[np.int64]:
    """How many rows of each class are held out: largest remainders, at least one, never all."""
    total = int(np.clip(round(fraction * counts.sum()), len(counts), (counts - 1).sum()))
    ideal = counts * (total / counts.sum())
    shares: npt.NDArray[np.int64] = np.clip(np.floor(ideal).astype(np.int64), 1, counts - 1)
    while (missing := total - int(shares.sum())) != 0:
        surplus = ideal - shares
        if missing > 0:
            shares[np.where(shares < counts - 1, surplus, -np.inf).argmax()] += 1
        else:
            shares[np.where(shares > 1, surplus, np.inf).argmin()] -= 1
    return shares


def _too_few(name: str, count: int, where: str) -> DataError:
    return DataError(
        f"class {name!r} has {count} images, too few to be in {where}",
        fix="add images of that class, or take the class out",
    )
