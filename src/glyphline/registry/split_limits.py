"""What a test split can show at most: the best that any challenger could reach on it, and how many images it takes."""

import math
from statistics import NormalDist

from glyphline.scoring.paired_tests import Disagreements, mcnemar


def smallest_p_value(result: Disagreements) -> float:
    """P-value of the best possible challenger: it makes none of the champion's errors and no other."""
    return mcnemar(0, result.first_errors)


def images_to_show_better(gain: float, level: float) -> int:
    """Fewest test images on which a challenger that gains so much in accuracy, without a new error, is shown better.

    Args:
        gain: a fraction above 0.
        level: that the p-value of the exact McNemar test has to reach, below 1.
    """
    # Of k images that only the challenger gets right, the two-sided p-value is 2 / 2**k.
    wins = math.ceil(1 - math.log2(level))
    return math.ceil(wins / gain)


def highest_lower_end(result: Disagreements, level: float) -> float:
    """Lower end of the interval of the difference in accuracy, for the challenger with the highest one.

    Args:
        result: for the number of images and the champion's errors.
        level: probability that the true difference is below the lower end.
    """
    # Each image that only the challenger gets right raises the difference, and widens the interval.
    return max(
        Disagreements(result.count, 0, wins, result.first_errors - wins).interval(1 - 2 * level)[0]
        for wins in range(result.first_errors + 1)
    )


def images_to_show_no_worse(margin: float, level: float) -> int:
    """Fewest test images on which a challenger that answers as the champion does is shown to be no worse by `margin`.

    Args:
        margin: loss of accuracy that is allowed, a fraction.
        level: as for `highest_lower_end`.

    Source: the interval of Agresti and Min without disagreements, whose half width is z / (n + 2).
    """
    return math.ceil(NormalDist().inv_cdf(1 - level) / margin - 2)
