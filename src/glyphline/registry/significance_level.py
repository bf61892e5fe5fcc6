"""The significance level of each comparison on one test split: however many there are, luck wins no more than alpha."""


def significance_level(alpha: float, number: int) -> float:
    """The level of a comparison; the levels of all numbers add up to `alpha`.

    Args:
        alpha: probability that luck alone ever makes a version champion on a test split.
        number: of the comparison on that split, from 1.

    Raises:
        ValueError: the number is below 1.

    Source: alpha-spending, Tian and Ramdas, "Online control of the familywise error rate" (2021).
    """
    if number < 1:
        raise ValueError(f"comparisons are counted from 1, not {number}")
    return alpha / (number * (number + 1))
