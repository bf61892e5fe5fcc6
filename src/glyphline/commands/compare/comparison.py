"""The comparison of models: paired tests of every two, and the parameters that differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from glyphline.commands.compare.references import ComparedModel
from glyphline.errors import DataError
from glyphline.scoring import paired_tests
from glyphline.scoring.paired_tests import PairedTests

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two of the models, tested against each other.

    Attributes:
        first, second: indices of the models; differences are second minus first.
        tests: the paired tests of both.
        accuracy_p, log_loss_p: p-values after Holm's correction for the number of pairs.
        only_first, only_second: test images that only one predicts right, the surest mistakes of the other first.
    """

    first: int
    second: int
    tests: PairedTests
    accuracy_p: float
    log_loss_p: float
    only_first: tuple[int, ...]
    only_second: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole comparison.

    Attributes:
        models: two or more.
        params: dotted key -> value per model, those that differ; None where a model has none.
        pairs: every two models.
    """

    models: tuple[ComparedModel, ...]
    params: dict[str, tuple[str | None, ...]]
    pairs: tuple[Pair, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What each model is called in tables: as the person wrote it."""
        return tuple(model.label for model in self.models)

    @property
    def is_corrected(self) -> bool:
        """More than two models: the p-values are adjusted."""
        return len(self.pairs) > 1


def compare(models: Sequence[ComparedModel]) -> Comparison:
    """Test every two models on the same test images.

    Raises:
        DataError: the test splits differ, or one model is named twice.
    """
    _refuse_twice(models)
    indices = list(combinations(range(len(models)), 2))
    results = [_tested(models[first], models[second]) for first, second in indices]
    accuracy = paired_tests.holm([tests.accuracy.p_value for tests in results])
    log_loss = paired_tests.holm([tests.log_loss.p_value for tests in results])
    pairs = tuple(
        Pair(first, second, tests, accuracy_p, log_loss_p, *_disagreements(models[first], models[second]))
        for (first, second), tests, accuracy_p, log_loss_p in zip(indices, results, accuracy, log_loss, strict=True)
    )
    return Comparison(tuple(models), _differing([model.run.params for model in models]), pairs)


def _refuse_twice(models: Sequence[ComparedModel]) -> None:
    if len({model.label for model in models}) < len(models):
        raise DataError("the same model is named twice", fix="name two different ones")


def _tested(first: ComparedModel, second: ComparedModel) -> PairedTests:
    try:
        return paired_tests.compare(first.predictions, second.predictions)
    except DataError as error:
        raise DataError(f"{first.label} and {second.label} were {error.problem}", fix=error.fix) from None


def _disagreements(first: ComparedModel, second: ComparedModel) -> tuple[tuple[int, ...], tuple[int, ...]]:
    right_first, right_second = first.predictions.right, second.predictions.right
    only_first = np.flatnonzero(right_first & ~right_second)
    only_second = np.flatnonzero(~right_first & right_second)
    # The page shows the first ones, and a sure mistake teaches more than an unsure one.
    by_second = only_first[np.argsort(-second.predictions.probs[only_first].max(axis=1), kind="stable")]
    by_first = only_second[np.argsort(-first.predictions.probs[only_second].max(axis=1), kind="stable")]
    return tuple(by_second.tolist()), tuple(by_first.tolist())


def _differing(params: Sequence[Mapping[str, str]]) -> dict[str, tuple[str | None, ...]]:
    keys: set[str] = set().union(*params)
    rows = {key: tuple(one.get(key) for one in params) for key in sorted(keys)}
    return {key: values for key, values in rows.items() if len(set(values)) > 1}
