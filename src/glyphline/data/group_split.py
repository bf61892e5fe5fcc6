"""Divide rows into two parts that share no group, each class in its share as far as the groups allow.

The pictures of one patient, one product or one scene are a group: who has seen some of them knows the others.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from glyphline.errors import DataError
from glyphline.values import Labels

Rows = npt.NDArray[np.int64]
Groups = npt.NDArray[np.int64]
"""int64 (n,): rows with one number belong together."""

RESTARTS, RESTARTED_GROUPS = 8, 5_000
"""Random orders of which the best division is taken, where there are at most so many groups."""
PASSES = 20
_FIX = "make the groups smaller, add images, or set preprocess.group to null"


def joined(count: int, *links: Iterable[tuple[int, int]]) -> Groups:
    """Group numbers of `count` rows, where linked rows, and rows linked over others, are in one group.

    Args:
        count: of the rows.
        links: pairs of rows.
    """
    above = list(range(count))

    def root(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = above[row]
        return row

    for pairs in links:
        for first, second in pairs:
            one, other = sorted((root(first), root(second)))
            above[other] = one
    return np.array([root(row) for row in range(count)], dtype=np.int64)


def links_of(groups: Sequence[object]) -> Iterable[tuple[int, int]]:
    """Pairs that link each row to the first one of its group."""
    first: dict[object, int] = {}
    for row, group in enumerate(groups):
        yield first.setdefault(group, row), row


def divide_by_group(
    labels: Labels,
    groups: Groups,
    classes: tuple[str, ...],
    shares: npt.NDArray[np.int64],
    seed: np.random.SeedSequence,
) -> tuple[Rows, Rows]:
    """Rows to keep and rows to hold out, both ascending; no group is in both, and every class is.

    Groups are taken in a random order, each to the side where it brings the classes nearer to their shares; then single
    groups change sides as long as that helps. The distance is that of a chi-squared test.

    Args:
        labels: int64 (n,), index into `classes`.
        groups: int64 (n,).
        classes: the class names.
        shares: int64 (classes,), rows to hold out of each class.
        seed: the same seed, labels and groups give the same rows.

    Raises:
        DataError: a class cannot be on both sides.
    """
    table = _Table(labels, groups, classes, shares)
    orders = RESTARTS if len(table.contents) <= RESTARTED_GROUPS else 1
    divisions = [table.divided(np.random.default_rng(one)) for one in seed.spawn(orders)]
    held_out = min(divisions, key=table.distance)
    if (missing := table.missing(held_out)) is not None:
        raise DataError(
            f"no division by groups was found in which class {classes[missing]!r} is on both sides", fix=_FIX
        )
    mask = held_out[table.group_of_row]
    return np.flatnonzero(~mask), np.flatnonzero(mask)


class _Table:
    """How many rows of which class each group has.

    Attributes:
        group_of_row: int64 (n,), numbers from 0 without gaps.
        contents: of each group, pairs of a class and its number of rows.
    """

    def __init__(self, labels: Labels, groups: Groups, classes: tuple[str, ...], shares: npt.NDArray[np.int64]) -> None:
        _, self.group_of_row = np.unique(groups, return_inverse=True)
        pairs, counts = np.unique(np.stack([self.group_of_row, labels]), axis=1, return_counts=True)
        self.contents: list[list[tuple[int, int]]] = [[] for _ in range(int(self.group_of_row.max()) + 1)]
        self._groups_of_class: list[list[int]] = [[] for _ in classes]
        for (group, label), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            self.contents[group].append((label, count))
            self._groups_of_class[label].append(group)
        for name, of_class in zip(classes, self._groups_of_class, strict=True):
            if len(of_class) < 2:
                raise DataError(
                    f"all images of class {name!r} are in one group, which cannot be on both sides of a split", fix=_FIX
                )
        self._totals, self._shares = np.bincount(labels, minlength=len(classes)), shares
        self._weights: list[float] = (1 / self._totals).tolist()

    def distance(self, held_out: npt.NDArray[np.bool_]) -> float:
        """From the shares; a class that is on one side alone counts more than all else."""
        counts = self._counts(held_out)
        one_sided = int(((counts == 0) | (counts == self._totals)).sum())
        return float((np.square(counts - self._shares) / self._totals).sum()) + one_sided * len(self.group_of_row)

    def missing(self, held_out: npt.NDArray[np.bool_]) -> int | None:
        """A class that is on one side alone, if there is one."""
        counts = self._counts(held_out)
        one_sided = np.flatnonzero((counts == 0) | (counts == self._totals))
        return int(one_sided[0]) if len(one_sided) else None

    def divided(self, generator: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Bool (groups,), True for those held out: a local minimum of the distance."""
        held_out = np.zeros(len(self.contents), dtype=bool)
        over = (-self._shares).tolist()
        for _ in range(PASSES):
            changed = False
            for group in generator.permutation(len(self.contents)).tolist():
                if self._is_nearer(group, over, -1 if held_out[group] else 1):
                    self._move(group, held_out, over)
                    changed = True
            if not changed:
                break
        self._mend(held_out, over)
        return held_out

    def _is_nearer(self, group: int, over: list[int], sign: int) -> bool:
        return self._change(group, over, sign) < 0

    def _change(self, group: int, over: list[int], sign: int) -> float:
        """What the distance gains when the group changes sides."""
        changes = [
            count * (count + 2 * sign * over[label]) * self._weights[label] for label, count in self.contents[group]
        ]
        return sum(changes)

    def _move(self, group: int, held_out: npt.NDArray[np.bool_], over: list[int]) -> None:
        sign = -1 if held_out[group] else 1
        held_out[group] = not held_out[group]
        for label, count in self.contents[group]:
            over[label] += sign * count

    def _mend(self, held_out: npt.NDArray[np.bool_], over: list[int]) -> None:
        """Bring a class that is on one side alone to the other with the group that costs least."""
        for of_class in self._groups_of_class:
            sides = {bool(held_out[group]) for group in of_class}
            if len(sides) == 1:
                sign = -1 if sides.pop() else 1
                self._move(min(of_class, key=lambda group: self._change(group, over, sign)), held_out, over)

    def _counts(self, held_out: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        counts = np.zeros(len(self._totals), dtype=np.int64)
        for group in np.flatnonzero(held_out).tolist():
            for label, count in self.contents[group]:
                counts[label] += count
        return counts
