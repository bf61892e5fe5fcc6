"""Confidence intervals of shares, of their means, of F1 and of means."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
BATCH_VALUES = 4_000_000
"""Values drawn at a time by a bootstrap: 32 MB of indices and as much of values."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """The mean of a sample and how it varies when the sample is drawn anew with replacement.

    Attributes:
        value: the mean as observed.
        low, high: ends of the percentile interval.
        means: float64 (resamples,), the mean of each resample; empty when nothing varies.
    """

    value: float
    low: float
    high: float
    means: Values


def wilson(correct: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Unlike accuracy ± 1.96 standard errors it stays inside [0, 1] and has a width when all or none are correct.

    Args:
        correct: number of right predictions, in [0, count].
        count: number of predictions, at least 1.
        level: how often the interval contains the true share, as 0.95.

    Returns:
        (low, high), both in [0, 1], with `correct / count` between them.

    Raises:
        ValueError: `correct` is not in [0, count], or count is 0.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (JASA 22, 1927); the form
    without continuity correction, as in Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion"
    (Statistical Science 16, 2001), section 3.1.1.
    """
    if count < 1 or not 0 <= correct <= count:
        raise ValueError(f"{correct} of {count} is no share")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = correct / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # Rounding can put an end a hair on the wrong side of the share that it bounds, most visibly at 0 and at 1.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def mean_share_interval(counts: Sequence[tuple[int, int]], level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of shares that were counted independently, as the recalls of classes.

    MOVER, the method of variance estimates recovery: the distances from the shares to the ends of their own intervals,
    here Wilson's, are added up as standard errors are. Of one share it is Wilson's interval.

    Args:
        counts: of each share how many are right, and of how many; at least one share, each of at least one.
        level: how often the interval contains the true mean.

    Returns:
        (low, high), both in [0, 1], with the mean of the shares between them.

    Raises:
        ValueError: a pair of counts is no share.

    Source: Zou, Huang and Zhang, "A note on confidence interval estimation for a linear function of binomial
    proportions" (Computational Statistics & Data Analysis 53, 2009).
    """
    shares = [correct / count for correct, count in counts]
    ends = [wilson(correct, count, level) for correct, count in counts]
    mean = sum(shares) / len(shares)
    below, above = (
        math.sqrt(sum((share - pair[side]) ** 2 for share, pair in zip(shares, ends, strict=True))) / len(shares)
        for side in (0, 1)
    )
    return max(0.0, mean - below), min(1.0, mean + above)


def f1_interval(correct: int, count: int, predicted: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of the F1 of one class.

    F1 = 2 J / (1 + J) of Jaccard's share J = correct / (count + predicted - correct), and J is a share of images: those
    that are of the class or are predicted as it. So the ends are those of Wilson's interval of J, carried over.

    Args:
        correct: images of the class that were predicted as it.
        count: images of the class.
        predicted: images that were predicted as the class.
        level: how often the interval contains the true value.

    Raises:
        ValueError: there is no image of the class and none that was predicted as it.
    """
    low, high = wilson(correct, count + predicted - correct, level)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def bootstrap_mean(values: Values, *, seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95) -> Bootstrap:
    """The mean of a sample with its percentile interval, by SciPy's bootstrap.

    Args:
        values: float64 (n,), one per image, at least one.
        seed: of the draws; the same seed gives the same interval.
        resamples: how many.
        level: how often the interval contains the true mean.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
    """
    observed = float(values.mean())
    if len(values) < 2 or np.ptp(values) == 0:
        # Every resample would have the same mean.
        return Bootstrap(observed, observed, observed, np.empty(0))
    from scipy.stats import bootstrap

    result = bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, BATCH_VALUES // len(values)),
        vectorized=True,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = result.confidence_interval
    # Rounding of a mean of equal values can put an end a hair on its wrong side.
    low, high = min(observed, float(interval.low)), max(observed, float(interval.high))
    return Bootstrap(observed, low, high, np.asarray(result.bootstrap_distribution))
