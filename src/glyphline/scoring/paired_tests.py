"""Paired tests of two models on the same images: is one better than the other, or is the difference luck?

Two accuracies on one test split are not independent: most images are easy for both models. What counts are the images
that only one of them gets right, and the difference of the two losses image by image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from glyphline.errors import DataError
from glyphline.scoring.intervals import RESAMPLES, Values, bootstrap_mean
from glyphline.scoring.losses import log_losses
from glyphline.scoring.predictions import Predictions

SIGN_FLIP_STEPS = 1 << 15
"""Steps of the grid that all differences together cover."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of a score, second model minus first, with its interval and p-value.

    Attributes:
        value: the difference as observed.
        low, high: ends of the 95 % interval.
        p_value: two-sided, in (0, 1], under the hypothesis that the models do not differ.
    """

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Disagreements:
    """How often only one of two models is right on the same images.

    Attributes:
        count: all images.
        only_first: images that only the first gets right.
        only_second: images that only the second gets right.
        both_wrong: images that neither gets right.
    """

    count: int
    only_first: int
    only_second: int
    both_wrong: int

    @property
    def first_errors(self) -> int:
        """Images that the first model gets wrong."""
        return self.only_second + self.both_wrong

    @property
    def second_errors(self) -> int:
        """Images that the second model gets wrong."""
        return self.only_first + self.both_wrong

    @property
    def difference(self) -> float:
        """Of the accuracies, second minus first, a fraction."""
        return (self.only_second - self.only_first) / self.count

    @property
    def p_value(self) -> float:
        """Two-sided, of the exact McNemar test."""
        return mcnemar(self.only_first, self.only_second)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the difference of the accuracies."""
        return difference_interval(self.only_first, self.only_second, self.count, level)


@dataclass(frozen=True, slots=True)
class PairedTests(Disagreements):
    """The paired tests of two models on the same images.

    Attributes:
        accuracy: second minus first, a fraction; above 0 when the second is better. Exact McNemar test.
        log_loss: second minus first, in nats; below 0 when the second is better. Paired bootstrap.
    """

    accuracy: Difference
    log_loss: Difference


def compare(first: Predictions, second: Predictions, *, seed: int = 0, resamples: int = RESAMPLES) -> PairedTests:
    """Compare two models image by image.

    Args:
        first: of the reference model, for example the champion.
        second: of the model that is compared with it, for example the challenger.
        seed: of the bootstrap; the same seed gives the same result.
        resamples: of the bootstrap; its smallest possible p-value is 1 / (resamples + 1).

    Raises:
        DataError: the two were not scored on the same images.
    """
    table = disagreements(first, second)
    low, high = table.interval()
    return PairedTests(
        count=table.count,
        only_first=table.only_first,
        only_second=table.only_second,
        both_wrong=table.both_wrong,
        accuracy=Difference(table.difference, low, high, table.p_value),
        log_loss=bootstrap(
            log_losses(second.probs, second.labels) - log_losses(first.probs, first.labels),
            seed=seed,
            resamples=resamples,
        ),
    )


def disagreements(first: Predictions, second: Predictions) -> Disagreements:
    """Count the images that only one of two models gets right.

    Raises:
        DataError: the two were not scored on the same images.
    """
    check_comparable(first, second)
    only_first = int((first.right & ~second.right).sum())
    only_second = int((~first.right & second.right).sum())
    return Disagreements(len(first), only_first, only_second, int((~first.right & ~second.right).sum()))


def check_comparable(first: Predictions, second: Predictions) -> None:
    """Refuse predictions of two models that are not for the same images.

    Raises:
        DataError: the test splits differ.
    """
    if first.test_digest != second.test_digest:
        raise DataError(
            f"scored on different test splits ({first.test_digest[:12]}, {len(first):,} images, and"
            f" {second.test_digest[:12]}, {len(second):,} images): the scores do not measure the same thing",
            fix="evaluate both models on the same test split: same data.dataset, preprocess.* and seed",
        )
    if first.classes != second.classes or not np.array_equal(first.labels, second.labels):
        raise DataError(
            f"the labels differ although both name the test split {first.test_digest[:12]}",
            fix="one of the files was changed: restore it with `dvc checkout`, or evaluate again with `dvc repro`",
        )


def mcnemar(only_first: int, only_second: int) -> float:
    """P-value of McNemar's test, exact and two-sided, of whether either model wins half of the disagreements.

    Args:
        only_first: images that only the first model gets right, at least 0.
        only_second: images that only the second gets right, at least 0.

    Returns:
        In (0, 1]; 1 when the models never disagree.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages"
    (Psychometrika 12, 1947); the exact form is the sign test, Dietterich 1998 recommends it for classifiers.
    """
    if only_first + only_second == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def difference_interval(only_first: int, only_second: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a difference of two accuracies on the same images, second minus first.

    Args:
        only_first: images that only the first model gets right.
        only_second: images that only the second gets right.
        count: all images, at least 1.
        level: how often the interval contains the true difference.

    Returns:
        (low, high), both in [-1, 1].

    Source: Agresti and Min, "Simple improved confidence intervals for comparing matched proportions" (Statistics in
    Medicine 24, 2005): Wald's interval after adding half an image to each cell of the table.
    """
    if count < 1 or min(only_first, only_second) < 0 or only_first + only_second > count:
        raise ValueError(f"{only_first} and {only_second} of {count} is no table of disagreements")
    z = NormalDist().inv_cdf((1 + level) / 2)
    first, second, total = only_first + 0.5, only_second + 0.5, count + 2
    difference = (second - first) / total
    half = z * math.sqrt(first + second - (second - first) ** 2 / total) / total
    return max(-1.0, difference - half), min(1.0, difference + half)


def bootstrap(differences: Values, *, seed: int = 0, resamples: int = RESAMPLES) -> Difference:
    """The mean of paired differences, its 95 % percentile interval, and a test of whether it is 0.

    The images are drawn anew with replacement. The p-value is the share of resamples whose mean, moved so that the
    hypothesis holds, is as far from 0 as the observed one; the observed sample counts as one of them.

    Args:
        differences: float64 (n,), second minus first.
        seed: of the draws.
        resamples: how many.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 16.4.
    """
    mean = bootstrap_mean(differences, seed=seed, resamples=resamples)
    if not len(mean.means):
        # Equal models differ by 0, for certain.
        p_value = 1.0 if mean.value == 0 else 1 / (resamples + 1)
    else:
        as_far = np.abs(mean.means - mean.value) >= abs(mean.value)
        p_value = (1 + int(as_far.sum())) / (resamples + 1)
    return Difference(mean.value, mean.low, mean.high, p_value)


def sign_flip(differences: Values) -> float:
    """One-sided p-value of the exact sign-flip test of whether the mean of paired differences is below 0.

    If neither model is better, each difference may as well have the other sign. The p-value is the share of all 2**n
    choices of signs whose sum is as low as the observed one. The sizes are rounded to a grid, so that the sums can be
    counted; rounded differences are as symmetric as the differences themselves, so the test stays exact.

    Args:
        differences: float64 (n,), second minus first; below 0 where the second is better.

    Returns:
        In (0, 1]; 1 when nothing differs.

    Source: Fisher, "The Design of Experiments" (1935), section 21.
    """
    sizes = np.abs(differences)
    total = float(sizes.sum())
    if total == 0:
        return 1.0
    steps = np.rint(sizes * (SIGN_FLIP_STEPS / total)).astype(int)
    # The share of the choices for each sum of the sizes that get the sign of an improvement.
    shares = np.zeros(int(steps.sum()) + 1)
    shares[0] = 1.0
    for step in steps[steps > 0]:
        shares /= 2
        shares[step:] += shares[:-step].copy()
    observed = int(steps[differences < 0].sum())
    return min(1.0, float(shares[observed:].sum()))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for their number: the chance of even one false rejection stays that of a single test.

    Args:
        p_values: each in [0, 1], in any order.

    Returns:
        The adjusted ones, in the same order, none smaller than before.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (Scand. J. Statist. 6, 1979).
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)
