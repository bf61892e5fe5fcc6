"""What a comparison comes to, before anybody shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from glyphline.commands.compare.references import Subject
from glyphline.errors import DataError
from glyphline.scoring import paired_tests
from glyphline.scoring.paired_tests import Paired

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two of the models, tested against each other.

    Attributes:
        first, second: places among the subjects; differences are second minus first.
        found: the tests.
        accuracy_p, log_loss_p: p-values after Holm's correction for the number of pairs.
        only_first, only_second: test images that only one gets right, those first that the other is surest about.
    """

    first: int
    second: int
    found: Paired
    accuracy_p: float
    log_loss_p: float
    only_first: tuple[int, ...]
    only_second: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The whole comparison.

    Attributes:
        subjects: two or more.
        params: dotted key -> value per subject, those that differ; None where a subject has none.
        pairs: every two subjects.
    """

    subjects: tuple[Subject, ...]
    params: dict[str, tuple[str | None, ...]]
    pairs: tuple[Pair, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What each subject is called in tables: as the person wrote it."""
        return tuple(subject.label for subject in self.subjects)

    @property
    def is_corrected(self) -> bool:
        """More than two models: the p-values are adjusted."""
        return len(self.pairs) > 1


def compare(subjects: Sequence[Subject]) -> Findings:
    """Test every two subjects on the same test images.

    Raises:
        DataError: the test splits differ, or one model is named twice.
    """
    _refuse_twice(subjects)
    places = list(combinations(range(len(subjects)), 2))
    found = [_tested(subjects[first], subjects[second]) for first, second in places]
    accuracy = paired_tests.holm([one.accuracy.p_value for one in found])
    log_loss = paired_tests.holm([one.log_loss.p_value for one in found])
    pairs = tuple(
        Pair(first, second, one, accuracy_p, log_loss_p, *_disagreements(subjects[first], subjects[second]))
        for (first, second), one, accuracy_p, log_loss_p in zip(places, found, accuracy, log_loss, strict=True)
    )
    return Findings(tuple(subjects), _differing([subject.run.params for subject in subjects]), pairs)


def _refuse_twice(subjects: Sequence[Subject]) -> None:
    if len({subject.label for subject in subjects}) < len(subjects):
        raise DataError("the same model is named twice", fix="name two different ones")


def _tested(first: Subject, second: Subject) -> Paired:
    try:
        return paired_tests.compare(first.said, second.said)
    except DataError as error:
        raise DataError(f"{first.label} and {second.label} were {error.problem}", fix=error.fix) from None


def _disagreements(first: Subject, second: Subject) -> tuple[tuple[int, ...], tuple[int, ...]]:
    right_first, right_second = first.said.right, second.said.right
    only_first = np.flatnonzero(right_first & ~right_second)
    only_second = np.flatnonzero(~right_first & right_second)
    # The surer the one that is wrong, the more there is to see.
    by_second = only_first[np.argsort(-second.said.probs[only_first].max(axis=1), kind="stable")]
    by_first = only_second[np.argsort(-first.said.probs[only_second].max(axis=1), kind="stable")]
    return tuple(by_second.tolist()), tuple(by_first.tolist())


def _differing(params: Sequence[Mapping[str, str]]) -> dict[str, tuple[str | None, ...]]:
    keys: set[str] = set().union(*params)
    rows = {key: tuple(one.get(key) for one in params) for key in sorted(keys)}
    return {key: values for key, values in rows.items() if len(set(values)) > 1}
