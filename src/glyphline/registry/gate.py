"""May a version become champion? A pure decision with its reasons."""

from dataclasses import dataclass

# What a version's tags keep. One image more or less moves the accuracy of a test split below a million images by
# more than this, so two versions are equal here only when they are equal.
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Score:
    """What a version reached, and on what.

    Attributes:
        accuracy: fraction of the test split that was told right, in [0, 1]; None when nobody wrote it down.
        test_digest: the test split; None when nobody wrote it down.
        version: number in the registry.
    """

    accuracy: float | None
    test_digest: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate takes the place, and why: first what speaks against it, else what speaks for it."""

    promote: bool
    reasons: tuple[str, ...]


def decide(candidate: Score, champion: Score | None, min_accuracy: float) -> Verdict:
    """Weigh a candidate against the floor and against the present champion.

    Args:
        candidate: the new version; it must have an accuracy.
        champion: the version that holds the place now, if any.
        min_accuracy: fraction in [0, 1] that every champion must reach.

    Returns:
        Promote when the floor is reached and there is no champion, or when the champion is worse on the same test
        split. An equal champion stays. A champion with another test split stays, because the two numbers do not
        measure the same thing.
    """
    assert candidate.accuracy is not None
    against, favour = [], []
    if candidate.accuracy < min_accuracy:
        against.append(f"accuracy {_text(candidate.accuracy)} is below registry.min_accuracy {min_accuracy}")
    else:
        favour.append(f"accuracy {_text(candidate.accuracy)} reaches registry.min_accuracy {min_accuracy}")
    if champion is None:
        favour.append("there is no champion yet")
    elif champion.accuracy is None or champion.test_digest != candidate.test_digest:
        against.append(
            f"champion version {champion.version} was scored on {_split(champion)} and this one on"
            f" {_split(candidate)}, so they cannot be compared; to let this one in, delete the alias champion in the"
            " UI or choose another registry.name, then register again"
        )
    else:
        pair = f"{_text(candidate.accuracy)} against {_text(champion.accuracy)} on the same test split"
        if round(candidate.accuracy, DECIMALS) > round(champion.accuracy, DECIMALS):
            favour.append(f"better than champion version {champion.version}: {pair}")
        else:
            against.append(f"not better than champion version {champion.version}: {pair}")
    return Verdict(promote=not against, reasons=tuple(against or favour))


def _text(accuracy: float) -> str:
    return f"{round(accuracy, DECIMALS):g}"


def _split(score: Score) -> str:
    return f"test split {score.test_digest}" if score.test_digest else "an unknown test split"
