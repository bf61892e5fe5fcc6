"""Divide images into splits: stratified, seeded, with exact counts."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import numpy.typing as npt

from glyphline.data.group_split import Groups, divide_by_group, joined, links_of
from glyphline.data.raw import LabeledImages, OfficialSplits
from glyphline.errors import DataError
from glyphline.values import Labels

log = logging.getLogger(__name__)

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
    official: OfficialSplits,
    classes: tuple[str, ...],
    *,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    together: Iterable[tuple[int, int]] = (),
) -> Mapping[str, SplitRows]:
    """Divide a data set into `train`, `val` and `test`.

    An official validation or test split stays as it is. Without one, `test_fraction` of the training images become the
    test split, and `val_fraction` of what then remains the validation split. Images of one group stay in one split.

    Args:
        official: the official splits.
        classes: the class names.
        val_fraction: of the validation split.
        test_fraction: of the test split.
        seed: of the draw.
        together: pairs of rows, counted on from one official split to the next, that are to be in one split as well.

    Raises:
        DataError: a class has too few images or groups to have one in each split, or official splits share a group.
    """
    source = official["train"]
    groups = _groups(official, list(together))
    rest: Rows = np.arange(len(source.labels), dtype=np.int64)
    drawn: dict[str, SplitRows] = {}
    for name, fraction, stream in (("test", test_fraction, _TEST), ("val", val_fraction, _VAL)):
        if name in official:
            drawn[name] = _whole(name, official[name], classes)
        else:
            seed_of_split = np.random.SeedSequence(seed, spawn_key=(stream,))
            labels = source.labels[rest]
            if groups is None:
                kept, held_out = stratified(labels, classes, fraction, seed_of_split)
            else:
                shares = held_out_counts(_counts(labels, classes), fraction)
                kept, held_out = divide_by_group(labels, groups[rest], classes, shares, seed_of_split)
                _say_unbalance(name, labels, labels[held_out], classes, shares)
            rest, drawn[name] = rest[kept], SplitRows(source, rest[held_out])
    return {"train": SplitRows(source, rest), "val": drawn["val"], "test": drawn["test"]}


def split_of_rows(official: OfficialSplits, splits: Mapping[str, SplitRows]) -> list[str]:
    """The split of each image, rows counted on from one official split to the next."""
    named = {id(labeled): np.full(len(labeled.labels), "", dtype="U5") for labeled in official.values()}
    for name, chosen in splits.items():
        named[id(chosen.source)][chosen.rows] = name
    return list(chain.from_iterable(names.tolist() for names in named.values()))


def _groups(official: OfficialSplits, together: list[tuple[int, int]]) -> Groups | None:
    """The group of each training image; None where nothing belongs together."""
    known = {name: labeled.groups for name, labeled in official.items() if labeled.groups is not None}
    for one, other in combinations(known, 2):
        if shared := len(np.intersect1d(known[one], known[other])):
            raise DataError(
                f"{shared:,} groups have images in {one} and in {other}, as they are given",
                fix="give all images of a group one split; or preprocess.group: null, and a table without groups",
            )
    train = known.get("train")
    if train is None and not together:
        return None
    count = len(official["train"].labels)
    # Rows of `train` come first; a pair with an image of another official split cannot be kept together.
    pairs = [pair for pair in together if max(pair) < count]
    return joined(count, pairs, links_of(train.tolist()) if train is not None else ())


def _say_unbalance(
    name: str, labels: Labels, held_out: Labels, classes: tuple[str, ...], shares: npt.NDArray[np.int64]
) -> None:
    """Say how far groups that must not be divided keep the classes from their shares."""
    totals, counts = (np.bincount(of_side, minlength=len(classes)) for of_side in (labels, held_out))
    worst = int((np.abs(counts - shares) / totals).argmax())
    log.info(
        "%s, divided by groups: %s of the images where %s were wanted; farthest off is %s with %s where %s were",
        *(name, _part(counts.sum(), totals.sum()), _part(shares.sum(), totals.sum()), classes[worst]),
        *(_part(counts[worst], totals[worst]), _part(shares[worst], totals[worst])),
    )


def _part(count: float, total: float) -> str:
    return f"{count / total:.1%}"


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
    shares = held_out_counts(_counts(labels, classes), fraction)
    generator = np.random.default_rng(seed)
    held_out = [generator.permutation(np.flatnonzero(labels == label))[:share] for label, share in enumerate(shares)]
    mask = np.zeros(len(labels), dtype=bool)
    mask[np.concatenate(held_out)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _counts(labels: Labels, classes: tuple[str, ...]) -> npt.NDArray[np.intp]:
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        scarce = int(counts.argmin())
        raise _too_few(classes[scarce], int(counts[scarce]), "both sides of a split")
    return counts


def held_out_counts(counts: npt.NDArray[np.intp], fraction: float) -> npt.NDArray[np.int64]:
    """How many rows of each class `stratified` holds out: largest remainders, at least one, never all.

    Args:
        counts: rows of each class, two or more.
        fraction: part of the rows to hold out.
    """
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
