"""How sure a share can be, given how many were counted."""

import math
from statistics import NormalDist


def wilson(correct: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Unlike accuracy ± 1.96 standard errors it stays inside [0, 1] and has a width when all or none are correct.

    Args:
        correct: how many were right, in [0, count].
        count: how many were tried, at least 1.
        level: how often the interval holds the true share, as 0.95.

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
